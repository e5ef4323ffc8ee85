"""How each figure explains itself: what it means, the filters, the rows counted, as of when."""

from __future__ import annotations

import math
from collections.abc import Iterator

from retail_pipeline.dashboard import words
from retail_pipeline.dashboard.filters import CLEANING, CUSTOMERS, KINDS, Choice
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.periods import Period
from retail_pipeline.domain.report import Customers

# So many countries or products are named on screen; an export names them all.
_FEW = 3


def shown(choice: Choice, period: Period, *, every_name: bool = False) -> str:
    """Return the filters that are set, in words: 1 Dec 2010 to 9 Dec 2011, France, no guests.

    More than a few countries or products are counted, unless ``every_name`` is asked for.
    """
    return ", ".join((words.span(period), *_filters(choice, every_name)))


def _filters(choice: Choice, every_name: bool) -> Iterator[str]:
    most = math.inf if every_name else _FEW
    countries = [words.country(name) for name in choice.countries]
    yield _some(countries, "all countries", "countries", most)
    if choice.products:
        yield _some(list(choice.products), "", "products", most)
    if choice.customers is not Customers.EVERYONE:
        [name] = (name for name, value in CUSTOMERS.items() if value is choice.customers)
        yield f"{name.lower()} only" if name == "Guests" else f"{name.lower()} customers only"
    if choice.kinds:
        yield " and ".join(name.lower() for name, kind in KINDS.items() if kind in choice.kinds)
    for field, (label, _) in CLEANING.items():
        if not getattr(choice, field):
            yield f"without {label.lower()}"


def _some(names: list[str], every: str, things: str, most: float) -> str:
    if not names:
        return every
    return " and ".join(names) if len(names) <= most else f"{len(names)} {things}"


def explained(view: View, meaning: str, *, filtered: bool = True) -> str:
    """Return, in Markdown, how a figure came about; ``meaning`` is its definition.

    One that is not ``filtered`` is about all there is, whatever the filters.
    """
    if not filtered:
        return f"{meaning}\n\n**Filters** don't apply here.\n\n**As of** {view.as_of}."
    counted, stored = view.figures.lines, view.total_lines
    rows = f"{words.count(counted)} of {words.counted(stored, 'row')} stored"
    out = f"{words.count(stored - counted)} left out by the filters"
    return (
        f"{meaning}\n\n**Filters:** {words.plain(shown(view.choice, view.period))}."
        f"\n\n**Rows:** {rows}; {out}.\n\n**As of** {view.as_of}."
    )


def header(view: View, title: str, *, filtered: bool = True) -> list[str]:
    """Return the lines that head an export: its title, the filters, and as of when."""
    filters = [
        f"Filters: {shown(view.choice, view.period, every_name=True)}",
        f"Rows counted: {view.figures.lines} of {view.total_lines}",
    ]
    as_of = f"As of {view.snapshot.at:%Y-%m-%d %H:%M:%S} UTC"
    return [title, *(filters if filtered else ["Filters: none apply"]), as_of]
