"""The overview: how much was sold, to whom, when and where, beside what it was before."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from retail_pipeline.analytics import sums
from retail_pipeline.dashboard import charts, format, frames, panel, panels, picks, url_state
from retail_pipeline.dashboard.overview import map as world
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.figures import Figures
from retail_pipeline.domain.periods import UNITS, Period, Shift, Unit

TOP = 10
_AUTO = "Auto"
_MOST_POINTS = 60
Value = Decimal | float | int | None
_CARDS: dict[str, tuple[Callable[[Figures], Value], Callable[..., str]]] = {
    "Net sales": (lambda each: each.net, format.money),
    "Gross sales": (lambda each: each.gross, format.money),
    "Orders": (lambda each: each.orders, format.count),
    "Average order value": (lambda each: each.average_order_value, format.money),
    "Units per order": (lambda each: each.units_per_order, format.decimal),
    "Customers": (lambda each: each.customers, format.count),
    "Guests' share": (lambda each: each.guest_share, format.percent),
    "Cancellation rate": (lambda each: each.cancellation_rate, format.percent),
}
_COMPARED: dict[str, Callable[[Period], Shift]] = {
    "Previous period": lambda period: period.previous,
    "Year before": lambda _: Shift(years=1),
}
BY = url_state.one_of("by", [_AUTO, *(unit.capitalize() for unit in UNITS)])
VERSUS = url_state.one_of("vs", ["Nothing", *_COMPARED], "Previous period")


def body(view: View) -> None:
    """Draw the page."""
    _cards(view)
    _over_time(view)
    left, right = st.columns(2, gap="large")
    rows = frames.country_rows(sums.by_country(view.orders, view.snapshot.dictionaries))
    with left:
        _hours(view)
        _map(view, rows)
    with right:
        _countries(view, rows)


def _shift(view: View, name: str) -> Shift | None:
    """Return the way back to a period compared with, if there is data for all of it."""
    shift = _COMPARED[name](view.period)
    return shift if view.period.before(shift).within(view.days) else None


def _cards(view: View) -> None:
    unit = _trend_unit(view.period)
    trend = sums.in_each(sums.timeline(view.orders, unit), view.period, unit)
    before = {
        name: sums.figures(view.during(view.period.before(shift)))
        for name in _COMPARED
        if (shift := _shift(view, name))
    }
    with st.container(key="cards-overview"):
        for label, (value_of, text_of) in _CARDS.items():
            now = value_of(view.figures)
            points = frames.floats(map(value_of, trend))
            changes = {
                name: _change(now, value_of(each), rate=text_of is format.percent)
                for name, each in before.items()
            }
            panel.card(
                view,
                label,
                text_of(now),
                meaning=_meaning(
                    label, {name: text_of(value_of(each)) for name, each in before.items()}
                ),
                # A gap where there were no orders to divide by.
                chart_data=[math.nan if each is None else each for each in points],
                chart_type="area",
                **_delta(label, changes),
            )
    st.caption(_equation(view.figures))


def _meaning(label: str, before: dict[str, str]) -> str:
    lines = [
        format.HELP[label],
        *(f"{name}: {format.plain(text)}." for name, text in before.items()),
    ]
    if not before:
        lines.append("Nothing to compare with: the data does not reach back a whole period more.")
    return "\n\n".join(lines)


def _change(now: Value, before: Value, *, rate: bool) -> str:
    """Return the change of a figure in percent, or in percentage points if it is a ``rate``."""
    if rate:
        return format.signed_points(*frames.floats((now, before)))
    return format.signed_percent(format.change(now, before))


def _delta(label: str, changes: dict[str, str]) -> dict[str, Any]:
    """Return the change since the previous period, and that of a year, as a card shows them."""
    known = {name: change for name, change in changes.items() if change != format.NOTHING}
    if not known:
        return {}
    first, *others = known
    more = [f"{known[name]} on {name.lower()}" for name in others]
    worse_when_more = label == "Cancellation rate"
    neutral = label == "Guests' share"
    return {
        "delta": known[first].replace("\N{MINUS SIGN}", "-"),
        "delta_color": "inverse" if worse_when_more else "off" if neutral else "normal",
        "delta_description": "; ".join([f"on {first.lower()}", *more]),
    }


def _equation(figures: Figures) -> str:
    terms = (
        f"Net sales = gross sales {format.money(figures.gross)}, cancellations"
        f" {format.money(figures.cancelled)}, adjustments {format.money(figures.adjusted)}."
        f" {format.count(figures.units)} units sold."
    )
    return format.plain(terms)


def _trend_unit(period: Period) -> Unit:
    """Return the finest unit of time in which the period has no more points than a card shows."""
    fits = (unit for unit in period.units if len(period.starts(unit)) <= _MOST_POINTS)
    return next(fits, "month")


def _over_time(view: View) -> None:
    unit, compared = _time_choices(view.period)
    shift = _shift(view, compared) if compared in _COMPARED else None
    before: sums.Timeline = ()
    if shift:  # its sums are under the units that they stand beside
        moved = sums.moved(view.during(view.period.before(shift)), shift)
        before = sums.timeline(moved, unit)
    panels.over_time(
        view,
        "revenue-over-time",
        "Revenue over time",
        unit,
        alt=f"Net sales by {unit}, {format.span(view.period)}",
        meaning=" Dashed: the period compared with.",
        before=before,
        shift=shift,
    )
    if compared in _COMPARED and shift is None:
        st.caption(f"{compared}: the data does not reach back so far.")


def _time_choices(period: Period) -> tuple[Unit, str]:
    units = [_AUTO, *(unit.capitalize() for unit in period.units)]
    with st.container(horizontal=True):
        by = url_state.segments("Shown by", BY, units)
        compared = url_state.segments("Compared with", VERSUS)
    unit = next((each for each in period.units if each.capitalize() == by), period.best_unit)
    return unit, compared


def _hours(view: View) -> None:
    rows = frames.hour_rows(sums.by_weekday_and_hour(view.orders))
    frame = frames.hours(rows)
    meaning = "Net sales of all lines of that hour of that day of the week, in UTC."
    shown = Panel(view, "hours-of-the-week", "Hours of the week", meaning, rows)
    shown.chart(charts.heat(frame), frame, alt="Net sales by day of the week and hour")


def _countries(view: View, rows: pd.DataFrame) -> None:
    note, alt = " The CSV has all countries.", "Net sales of the top countries"
    panels.countries(view, "countries", "Countries", rows, TOP, alt=alt, note=note)
    if len(rows) > TOP:
        rest = sum(rows["Net sales"][TOP:], Decimal(0))
        others = format.counted(len(rows) - TOP, "other country", "other countries")
        st.caption(f"{others}: {format.plain(format.money(rest))}")


def _map(view: View, rows: pd.DataFrame) -> None:
    frame = frames.countries(rows)
    drawn = world.on_map(frame)
    if len(drawn):
        meaning = f"{panels.BY_COUNTRY} The CSV has all countries, also those that the map lacks."
        shown = Panel(view, "map", "Map of countries", meaning, rows)
        alt = "Net sales by country, on a map"
        shown.chart(world.world(drawn, "#8882"), alt=alt, picked=picks.country)
    missing = frame[~frame.index.isin(drawn.index)]
    if len(missing):
        named = [f"{each['name']} {each['Net sales']}" for _, each in missing.iterrows()]
        st.caption(f"Not on the map: {format.plain(', '.join(named))}.")
