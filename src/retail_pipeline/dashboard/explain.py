"""The explanation of a figure: its meaning, the filters, the rows counted, the time of the data."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from retail_pipeline.dashboard import format
from retail_pipeline.dashboard.filters import CLEANING, CUSTOMERS, KINDS, Choice
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.failed_days import in_words
from retail_pipeline.domain.figures import Customers
from retail_pipeline.domain.periods import Period

# So many countries or products are named on screen; an export names them all.
_FEW = 3
_ALL_COUNTRIES = "all countries"
_LONGEST_FILE_NAME = 120
_UNITS = "Money is in pounds sterling. Shares and rates are ratios: 0.1 is 10 %. Times are UTC."


@dataclass(frozen=True)
class Scope:
    """Which rows a figure is about, where these are not simply those that the filters leave.

    ``lines`` is how many rows count, and ``which`` tells them from the others: of guests. ``rows``
    says it in words of its own instead. ``idle`` are the filters that do not apply to it: names of
    a choice's fields, or "period". One that is not ``filtered`` is about all there is, whatever the
    filters.
    """

    lines: int | None = None
    which: str = ""
    rows: str = ""
    idle: tuple[str, ...] = ()
    filtered: bool = True


EVERYTHING, UNFILTERED = Scope(), Scope(filtered=False)


def among(rows: pd.DataFrame, which: str) -> Scope:
    """Return the scope of some of the rows that count: those ``which``, such as of guests."""
    return Scope(int(rows["lines"].sum()), which)


def shown(choice: Choice, period: Period | None, *, every_name: bool = False) -> str:
    """Return the filters that are set, in words: 1 Dec 2010 to 9 Dec 2011, France, no guests.

    More than a few countries or products are counted, unless ``every_name`` is asked for.
    """
    days = [format.span(period)] if period else []
    return ", ".join((*days, *_filters(choice, every_name)))


def _filters(choice: Choice, every_name: bool) -> Iterator[str]:
    most = math.inf if every_name else _FEW
    countries = [format.country(name) for name in choice.countries]
    yield _some(countries, _ALL_COUNTRIES, "countries", most)
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


def explained(view: View, meaning: str, scope: Scope) -> str:
    """Return, in Markdown, how a figure came about; ``meaning`` is its definition."""
    applying = (
        f":** {format.plain(_applying(view, scope))}" if scope.filtered else "** don't apply here"
    )
    filters = f"**Filters{applying}."
    counted = _rows(view, scope)
    rows = [f"**Rows:** {format.plain(counted)}."] if counted else []
    lacking = [f"**Incomplete:** {format.plain(each)}." for each in _lacking(view)]
    return "\n\n".join([meaning, filters, *rows, *lacking, f"**As of** {view.as_of}."])


def about(view: View, title: str, meaning: str, scope: Scope) -> str:
    """Return the text that goes with an export, a line each: its title, every filter by name, the
    rows counted, as of when, and what the figures mean."""
    applying = _applying(view, scope, every_name=True) if scope.filtered else "none apply"
    counted = _rows(view, scope)
    rows = [f"Rows counted: {counted}"] if counted else []
    as_of = f"As of {format.second(view.snapshot.at)} UTC"
    lacking = [f"Incomplete: {each}" for each in _lacking(view)]
    lines = [title, f"Filters: {applying}", *rows, *lacking, as_of]
    lines += [meaning.replace("*", ""), _UNITS]
    return "".join(f"{' '.join(line.split())}\n" for line in lines)


def file_name(view: View, title: str, scope: Scope) -> str:
    """Return the name of an export's file, without its ending: the title, and the filters that
    apply in short, such as countries_2011-01-01_2011-12-09_france."""
    parts = [title]
    if scope.filtered:
        choice, period = _choice(view, scope)
        parts += [f"{period.first}_{period.last}"] if period else []
        parts += [each for each in _filters(choice, False) if each != _ALL_COUNTRIES]
    names = (re.sub(r"[^\w]+", "-", part).strip("-").lower() for part in parts)
    return "_".join(names)[:_LONGEST_FILE_NAME].rstrip("-_")


def footnote(view: View, title: str, scope: Scope) -> str:
    """Return the text below a chart, which its picture carries: its title and the filters."""
    return f"{title}: {_applying(view, scope)}" if scope.filtered else title


def _lacking(view: View) -> list[str]:
    """Return which days the figures lack, in one sentence; none if they lack none."""
    failed = view.snapshot.status.failed_days
    return [in_words(failed)] if failed else []


def _applying(view: View, scope: Scope, *, every_name: bool = False) -> str:
    """Return the filters that apply, in words."""
    return shown(*_choice(view, scope), every_name=every_name)


def _choice(view: View, scope: Scope) -> tuple[Choice, Period | None]:
    """Return the filters that apply, and the period if it does."""
    idle = (name for name in scope.idle if name != "period")
    usual: dict[str, Any] = {name: getattr(Choice(), name) for name in idle}
    return replace(view.choice, **usual), None if "period" in scope.idle else view.period


def _rows(view: View, scope: Scope) -> str:
    """Return how many of the rows stored count, and why the others do not; "" if unfiltered."""
    if scope.rows or not scope.filtered:
        return scope.rows
    left = view.figures.lines
    lines = left if scope.lines is None else scope.lines
    out = f"{format.count(view.total_lines - left)} left out by the filters"
    which = f", those {scope.which}" if scope.which else ""
    others = f", {format.counted(left - lines, 'other')}" if scope.lines is not None else ""
    return f"{format.count(lines)} of {view.stored}{which}; {out}{others}"
