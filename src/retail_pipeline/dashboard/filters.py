"""The filter bar: what the viewer chose, kept in the page's address so that a link repeats it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from retail_pipeline.analytics.snapshot import NAMED, Snapshot
from retail_pipeline.dashboard import format, url_state
from retail_pipeline.dashboard.format import NO_COUNTRY, country
from retail_pipeline.domain.contract import CONTRACT
from retail_pipeline.domain.figures import Customers, Filters, Selection
from retail_pipeline.domain.periods import CUSTOM, PRESETS, WHOLE, Period, resolve
from retail_pipeline.domain.transaction import Kind

_LONGEST = max(CONTRACT.limit(name, "maxLength") for name in ("Country", "Description"))
_MOST_CHOSEN = 100
_KNOWN, _MOVED = "known_options", "filters_moved"
CUSTOMERS = {
    "Everyone": Customers.EVERYONE,
    "Known": Customers.KNOWN,
    "Guests": Customers.GUESTS,
}
KINDS = {
    "Sales": Kind.SALE,
    "Cancellations": Kind.CANCELLATION,
    "Adjustments": Kind.ADJUSTMENT,
}
# The cleaning choices: the field of a selection, what the switch is called, and what it means.
CLEANING = {
    "guests": ("Guests", "Lines without a customer number."),
    "cancellations": ("Cancellations", "Lines on invoices whose number starts with C."),
    "adjustments": (
        "Adjustments and fees",
        "Write-offs, samples and corrections, and the codes that stand for no product: postage,"
        " carriage, bank charges, discounts, manual entries and the like.",
    ),
    "duplicates": (
        "Exact duplicate lines",
        "The second and later of lines that agree in every field. A customer may have bought the"
        " same thing twice, or a till may have sent it twice: the data can't tell.",
    ),
}


PERIOD = url_state.one_of("period", PRESETS)
FROM, TO = (url_state.day(key, needs=(PERIOD, CUSTOM)) for key in ("from", "to"))
# Anything can stand in a URL.
COUNTRY, PRODUCT = (
    url_state.several(key, lambda name: len(name) <= _LONGEST, _MOST_CHOSEN)
    for key in ("country", "product")
)
WHO = url_state.one_of("who", CUSTOMERS)
KIND = url_state.several("kind", KINDS.__contains__, len(KINDS))
for switch in CLEANING:
    url_state.switch(switch)
LIVE = url_state.switch("live")


@dataclass(frozen=True)
class Choice(Filters):
    """What is set in the filter bar; presets move with the newest day."""

    preset: str = WHOLE
    first: date | None = None
    last: date | None = None
    live: bool = True

    def period(self, data: Period) -> Period:
        """Return the days chosen, for data of the days ``data``."""
        return resolve(self.preset, data, self.first, self.last)

    def selection(self, data: Period) -> Selection:
        """Return which transactions count, for data of the days ``data``."""
        period = self.period(data)
        same = {each.name: getattr(self, each.name) for each in fields(Filters)}
        return Selection(period.first, period.last, **same)


@dataclass(frozen=True)
class Options:
    """What there is to choose from: countries, and products as code and name."""

    countries: tuple[str | None, ...] = ()
    products: tuple[str, ...] = ()


def known(snapshot: Snapshot) -> bool:
    """Note what there is to choose from; return whether the bar showed it already."""
    options = Options(snapshot.countries, tuple(snapshot.labels.values()))
    shown = bool(st.session_state.get(_KNOWN) == options)
    st.session_state[_KNOWN] = options
    return shown


def choose(**values: Any) -> None:
    """Set filters by their keys, as the viewer would, from a callback of a chart or a table."""
    url_state.put(**values)
    st.session_state[_MOVED] = True


def moved() -> bool:
    """Return whether a filter was set by :func:`choose` and the bar does not show it yet."""
    return bool(st.session_state.pop(_MOVED, False))


def bar(data: Period | None) -> tuple[Choice, DeltaGenerator]:
    """Draw the filter bar; return what it is set to, and the place to say what that does.

    It is drawn in every state of the page, so that no filter is forgotten while MongoDB is away.
    """
    options = st.session_state.get(_KNOWN, Options())
    with st.sidebar:
        days_are = "Counted back from the newest day with data. Days are UTC."
        preset = url_state.dropdown("Period", PERIOD, help=days_are)
        first, last = _custom_dates(data) if preset == CUSTOM else (None, None)
        countries = _several("Countries", COUNTRY, map(country, options.countries))
        products = _products(options.products)
        customers = url_state.segments("Customers", WHO)
        kinds = st.pills(
            "Kinds", list(KINDS), selection_mode="multi", **url_state.widget(KIND, "default")
        )
        st.markdown("**Count in**", help="Off: left out of every figure, chart and table.")
        cleaning = {
            name: st.toggle(label, help=meaning, **url_state.widget(name, "value"))
            for name, (label, meaning) in CLEANING.items()
        }
        effects = st.container()
        live = st.toggle(
            "Live refresh",
            help="Shows new figures every ten seconds; the filters stay as they are.",
            **url_state.widget(LIVE, "value"),
        )
    choice = Choice(
        preset,
        first,
        last,
        live,
        countries=tuple(None if name == NO_COUNTRY else name for name in countries),
        products=tuple(label.partition(NAMED)[0] for label in products),
        customers=CUSTOMERS[customers],
        kinds=tuple(KINDS[name] for name in kinds),
        **cleaning,
    )
    return choice, effects


def _products(offered: Iterable[str]) -> list[str]:
    """Draw the choice of products: thousands, which a browser lays out only when it is opened."""
    chosen = format.plain(", ".join(url_state.value(PRODUCT))) or "all"
    with st.popover(f"Products: {chosen}", key="products", width="stretch", wrap=False):
        return _several("Products", PRODUCT, offered)


def _several(label: str, key: str, offered: Iterable[str]) -> list[str]:
    """Draw a choice of several.

    An option that the data lacks stays chosen, and the page says that there are no rows, instead
    of quietly showing everything.
    """
    chosen: list[str] = st.multiselect(
        label,
        list(dict.fromkeys([*offered, *url_state.value(key)])),
        placeholder=f"All {label.lower()}",
        select_all=False,
        help=f"Leave empty for all {label.lower()}.",
        **url_state.widget(key, "default"),
    )
    dropped = len(url_state.rejected().get(key, ()))
    if dropped:
        st.caption(
            f"{format.count(dropped)} more of the link left out: {_MOST_CHOSEN} at most, none of"
            f" over {_LONGEST} characters."
        )
    return chosen


def _custom_dates(data: Period | None) -> tuple[date | None, date | None]:
    low, high = _limits(data)
    ends = []
    for label, key in (("From", FROM), ("To", TO)):
        value = st.date_input(
            label,
            value=None,
            min_value=low,
            max_value=high,
            format="YYYY-MM-DD",
            **url_state.widget(key),
        )
        ends.append(value if isinstance(value, date) else None)
    return ends[0], ends[1]


def _limits(data: Period | None) -> tuple[date, date]:
    """Return the first and the last day to choose from.

    The data's whole years, so that the calendar opens near them and new days don't move its limits;
    and the years chosen already: beyond the limits, they would be forgotten.
    """
    if data is None:
        return url_state.EARLIEST, url_state.LATEST
    chosen = filter(None, map(url_state.value, (FROM, TO)))
    years = [data.first.year, data.last.year, *(each.year for each in chosen)]
    return date(min(years), 1, 1), date(max(years), 12, 31)
