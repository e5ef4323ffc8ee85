"""The filter bar: what the viewer chose, kept in the page's address so that a link repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import streamlit as st

from retail_pipeline.dashboard.words import NO_COUNTRY, country
from retail_pipeline.domain.contract import CONTRACT
from retail_pipeline.domain.periods import CUSTOM, PRESETS, WHOLE, Period, resolve
from retail_pipeline.domain.report import Selection

_LONGEST_COUNTRY = CONTRACT.limit("Country", "maxLength")
_MOST_COUNTRIES = 100
_KNOWN = "known_countries"


@dataclass(frozen=True)
class Choice:
    """What is set in the filter bar; presets are resolved anew as data comes in."""

    preset: str = WHOLE
    first: date | None = None
    last: date | None = None
    countries: tuple[str | None, ...] = ()
    live: bool = True

    def period(self, data: Period) -> Period:
        """Return the days chosen, for data of the days ``data``."""
        return resolve(self.preset, data, self.first, self.last)

    def selection(self, data: Period) -> Selection:
        """Return which transactions count, for data of the days ``data``."""
        period = self.period(data)
        return Selection(period.first, period.last, self.countries)


def known(countries: tuple[str | None, ...]) -> bool:
    """Note the countries there are to choose from; return whether the bar showed them already."""
    shown = st.session_state.get(_KNOWN) == countries
    st.session_state[_KNOWN] = countries
    return shown


def bar(data: Period | None) -> Choice:
    """Draw the filter bar and return what it is set to.

    It is drawn in every state of the page, so that no filter is forgotten while MongoDB is away.
    """
    with st.sidebar:
        st.subheader("Filters")
        preset = st.selectbox(
            "Period",
            list(PRESETS),
            key="period",
            bind="query-params",
            persist_state="session",
            help="Counted back from the newest day with data. Days are UTC.",
        )
        first, last = _custom_dates(data) if preset == CUSTOM else (None, None)
        chosen = st.multiselect(
            "Countries",
            _countries(),
            key="country",
            placeholder="All countries",
            bind="query-params",
            persist_state="session",
            select_all=False,
            help="Leave empty for all countries.",
        )
        live = st.toggle(
            "Live refresh",
            value=True,
            key="live",
            bind="query-params",
            persist_state="session",
            help="Reads new figures every 5 seconds; the filters stay as they are.",
        )
    countries = tuple(None if name == NO_COUNTRY else name for name in chosen)
    return Choice(preset or WHOLE, first, last, countries, live)


def _custom_dates(data: Period | None) -> tuple[date | None, date | None]:
    # Whole years, so that the calendar opens near the data and new days don't move its limits.
    low = date(data.first.year, 1, 1) if data else date(1900, 1, 1)
    high = date(data.last.year, 12, 31) if data else date(2199, 12, 31)
    ends = []
    for label, key in (("From", "from"), ("To", "to")):
        value = st.date_input(
            label,
            value=None,
            min_value=low,
            max_value=high,
            key=key,
            format="YYYY-MM-DD",
            bind="query-params",
            persist_state="session",
        )
        ends.append(value if isinstance(value, date) else None)
    return ends[0], ends[1]


def _countries() -> list[str]:
    """Return what to offer: the data's countries, and those chosen or in the page's address.

    A country that the data lacks stays chosen, and the page says that there are no rows, instead
    of quietly showing every country.
    """
    offered = [country(name) for name in st.session_state.get(_KNOWN, ())]
    asked = [*st.session_state.get("country", ()), *st.query_params.get_all("country")]
    more = [name for name in asked[:_MOST_COUNTRIES] if 0 < len(name) <= _LONGEST_COUNTRY]
    return list(dict.fromkeys([*offered, *more]))
