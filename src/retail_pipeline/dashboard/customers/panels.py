"""Panels of the customers page: segments, the movement between them, cohorts, new customers."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from retail_pipeline.analytics import cohorts as retention
from retail_pipeline.analytics import customers, rfm, sums
from retail_pipeline.dashboard import charts, format, picks, url_state
from retail_pipeline.dashboard.customers import charts as customer_charts
from retail_pipeline.dashboard.explain import Scope, among
from retail_pipeline.dashboard.panel import TENTHS, Panel
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.days import day_number
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.periods import Period, Unit

# Of the choice of a segment, which a click on one sets.
EVERY_SEGMENT = "All segments"
SEGMENT = url_state.one_of("seg", [EVERY_SEGMENT, *rfm.NAMES])
MOST_COHORTS = 24
_RECENCY, _FREQUENCY = "Days since last order", "Orders each"
_TABLE_ROW_PIXELS = 35
_RFM = (
    "Bars: how many customers each segment has. "
    "Each customer with an order gets a score from 1 to 5 for **recency** (days from the last order"
    " to the period's last day; fewer score higher), **frequency** (orders) and **monetary value**"
    " (net sales): 5 for the highest fifth of the customers. Customers who are equal score the"
    " same: of n customers, with b below and e equal, the score is 1 + ⌊5 (b + e/2) / n⌋. The three"
    f" scores make the segment by [Bloomreach's table of all 125 combinations]({rfm.SOURCE})."
    " Guests and customers without an order in the selection have none."
)
_COHORTS = (
    "Customers by the month of their first order, and the share of them that ordered again so many"
    " months later. The first order is looked for in all data up to the period's last day, also"
    " before its first, under the other filters; who bought before the data begins counts as new in"
    " it. Outlined: the month is not over, so the share can only grow. The top row adds up the"
    " cohorts for which that month is over. Guests are left out: they can't be identified."
)


def segments(view: View, table: pd.DataFrame, found: pd.DataFrame) -> None:
    """Draw the segments of the customers ``found``, out of all those of ``table``."""
    rows = _segment_rows(rfm.summary(found))
    rows = rows[rows["Customers"] > 0]
    frame = customer_charts.segments_frame(rows)
    Panel(view, "segments", "Segments", _RFM, rows, _of(view, found)).chart(
        charts.ranking(frame, "share", customer_charts.SEGMENT_FIGURES),
        frame,
        alt="Customers in each RFM segment",
        picked=pick_segment,
    )
    st.caption(_left_out(view, table, found))


def segment_figures(view: View, found: pd.DataFrame) -> None:
    """Draw the segments' table."""
    rows = _segment_rows(rfm.summary(found))
    Panel(view, "segment-figures", "Figures of the segments", _RFM, rows, _of(view, found)).table(
        column_config=dict.fromkeys((_RECENCY, _FREQUENCY), TENTHS),
        height=_TABLE_ROW_PIXELS * (len(rows) + 1) + 3,
    )


def _of(view: View, found: pd.DataFrame) -> Scope:
    """Return the scope of what is about the customers in a segment, ``found``."""
    rows = view.orders[view.orders["customer"].isin(found.index).to_numpy()]
    return among(rows, "of customers in a segment")


def _known(rows: pd.DataFrame) -> Scope:
    return among(customers.split(rows)[0], "of customers with a number")


def _segment_rows(summary: pd.DataFrame) -> pd.DataFrame:
    counts = summary["customers"]
    return pd.DataFrame(
        {
            "Segment": rfm.NAMES,
            "Customers": counts.to_numpy(),
            "Share": (counts / counts.sum()).to_numpy(),
            "Net sales": [from_micros(each) for each in summary["net"]],
            "Gross sales": [from_micros(each) for each in summary["gross"]],
            _RECENCY: summary["recency"].round(1).to_numpy(),
            _FREQUENCY: summary["frequency"].round(1).to_numpy(),
            "Net sales each": [
                from_micros(net) / count if count else None
                for net, count in zip(summary["net"], counts, strict=True)
            ],
        }
    )


def pick_segment(key: str) -> None:
    """Show the customers of the segment that was clicked; called when one was."""
    picked = picks.of_chart(key)
    url_state.put(seg=picked[0]["name"] if picked else EVERY_SEGMENT)


def _pick_moved(key: str) -> None:
    """Show the customers of the segment that those clicked on moved to; called when some were."""
    for each in picks.of_chart(key):
        # Those who left are in none now.
        url_state.put(seg=each["To"] if each["To"] in rfm.NAMES else EVERY_SEGMENT)


def _left_out(view: View, table: pd.DataFrame, found: pd.DataFrame) -> str:
    """Return how much of net sales is in no segment, and whose it is."""
    others = table[(table["orders"] == 0).to_numpy()]
    without, with_one = (from_micros(int(each["net"].sum())) for each in (others, found))
    guests = sums.net(customers.split(view.orders)[1])
    return format.plain(
        f"In no segment: guests, {format.money(guests)} of net sales; and"
        f" {format.counted(len(others), 'customer')} without an order in this selection,"
        f" {format.money(without)}. Segments: {format.money(with_one)}."
    )


def movement(view: View, found: pd.DataFrame) -> None:
    """Draw how customers moved between segments, from the period before."""
    before, after, note = _compared(view.period, view.days)
    if after.days < 1 or before.days < 1:
        st.caption("Movement between segments: one day can't be compared with anything before it.")
        return
    earlier = _segmented(view, before)
    later = found if after == view.period else _segmented(view, after)
    moved = rfm.movement(earlier, later)
    frame = customer_charts.movement_frame(moved)
    meaning = (
        f"Customers by their segment in {format.span(before)} (rows) and in {format.span(after)}"
        " (columns), each worked out from that period's orders as of its last day. Brighter: a"
        f" larger share of the row. '{customer_charts.CAME}' are new, or come back after a pause;"
        f" '{customer_charts.LEFT}' bought in the earlier period and not in the later one. A click"
        " on a square shows its column's segment in the table of customers."
    )
    names = [f"In {format.span(before)}", f"In {format.span(after)}", "Customers", "Share of row"]
    rows = frame[["From", "To", "count", "share"]].set_axis(names, axis="columns")
    lines = sum(_known(view.during(each)).lines or 0 for each in (before, after))
    scope = Scope(rows=f"{format.count(lines)} of customers with a number, in both periods")
    Panel(view, "movement", "Movement between segments", meaning, rows, scope).chart(
        customer_charts.movement(frame),
        frame,
        alt="How many customers moved from each RFM segment to each",
        picked=_pick_moved,
    )
    st.caption(f"{format.span(before)} to the left, {format.span(after)} above. {note}".strip())


def _compared(period: Period, days: Period) -> tuple[Period, Period, str]:
    """Return the previous period and this one; its two halves if the data begins later."""
    previous = period.before(period.previous)
    if previous.within(days):
        return previous, period, ""
    middle = period.first + (period.last - period.first) // 2
    halves = Period(period.first, middle), Period(middle + timedelta(days=1), period.last)
    note = "The data does not reach back a whole period more: the two halves of this one."
    return *halves, note


def _segmented(view: View, period: Period) -> pd.DataFrame:
    table = customers.by_customer(view.during(period))
    return rfm.segmented(table, day_number(period.last))


def cohorts(reach: View) -> None:
    """Draw which customers came back; ``reach`` must begin where the data does."""
    every = retention.cohorts(reach.orders, reach.period.last)
    found = every.newest(MOST_COHORTS)
    rows = customer_charts.cohorts_frame(every)
    frame = customer_charts.drawn(rows, found)
    if not len(frame):
        st.caption("Retention: no month after a customer's first order has begun.")
        return
    names = {"after": "Months after", "again": "Customers", "share": "Share"}
    columns = ["Cohort", *names, "Month"]
    Panel(
        reach,
        "cohorts",
        "Retention by first order",
        f"{_COHORTS} Drawn: the newest {MOST_COHORTS} cohorts; the CSV has all.",
        rows[columns].rename(columns=names),
        _known(reach.orders),
    ).chart(
        customer_charts.cohorts(found, frame),
        frame,
        alt="Share of each month's new customers that ordered again in the months after",
    )
    st.caption(f"First orders looked for from {format.day(reach.period.first)} on.")


def new_and_returning(view: View, first: pd.Series) -> None:
    """Draw new and returning customers over time; ``first`` are the days of first orders."""
    unit: Unit = "day" if view.period.best_unit == "hour" else view.period.best_unit
    found = customers.new_and_returning(view.orders, first, unit)
    meaning = (
        f"Customers who ordered in each {unit}: new in the one of their first order in all data up"
        " to the period's last day, under the other filters, and returning in all later ones."
        " Guests are left out: they can't be identified. A click on a bar shows its days alone."
    )
    rows = pd.DataFrame(
        {
            "Start (UTC)": [start.date() for start, _ in found],
            "New": [each["new"] for _, each in found],
            "Returning": [each["returning"] for _, each in found],
            "Gross sales to new": [from_micros(each["new_gross"]) for _, each in found],
            "Gross sales to returning": [from_micros(each["returning_gross"]) for _, each in found],
        }
    )
    starts = [start for start, _ in found]
    frame = customer_charts.new_and_returning_frame(rows, starts, unit)
    title, scope = "New and returning customers", _known(view.orders)
    Panel(view, "new-and-returning", title, meaning, rows, scope).chart(
        customer_charts.new_and_returning(view.period, unit),
        frame,
        alt=f"New and returning customers by {unit}",
        picked=picks.times(frame, view.period),
    )
