"""Returns, matched to the sales that they undo, and adjustments and fees."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import streamlit as st

from retail_pipeline.analytics import adjustments, return_sums
from retail_pipeline.analytics.return_sums import Returned
from retail_pipeline.analytics.tables import CANCELLATION
from retail_pipeline.dashboard import format, panel
from retail_pipeline.dashboard.explain import among
from retail_pipeline.dashboard.returns import adjustments as adjustment_panels
from retail_pipeline.dashboard.returns import panels as return_panels
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.money import from_micros

RULE = (
    "**Matching:** a cancellation line of a known customer undoes sale lines of the same customer"
    " and stock code made no later than it: first those at the same unit price, the last sale"
    " first, then those at any other price. No unit is undone twice."
)
_MEANING = {
    "Units returned": "Units of all cancellation lines of goods; fee codes are no goods.",
    "Value returned": "Amounts of all cancellation lines of goods, at the prices credited.",
    "Matched units": "The part of the units returned that undo a sale in the data.",
    "Matched value": "The part of the value returned that undoes a sale in the data.",
    "True return rate": "Of the units of goods sold within the filters, the part that came back"
    " since, on whatever day: matched units of these very sales, divided by the units sold. None"
    " where the filters leave cancellations out.",
    "Plain return rate": "Units returned within the filters, matched or not, divided by the units"
    " of goods sold within the filters. None where they leave cancellations out.",
    "Days to return": "The median of the whole days, of 24 hours, between the sale and the return;"
    " a cancellation that undoes several sales counts once for each.",
    "Adjustments and fees": "What fee codes (of any kind of line), write-offs and corrections add"
    " to net sales.",
}


def body(view: View) -> None:
    """Draw the page."""
    found = return_sums.returned(view.returns)
    rows = adjustments.adjustments(view.products, view.snapshot.dictionaries)
    _cards(view, found, rows)
    st.caption(_equation(view, found))
    if found.lines:
        return_panels.draw(view)
    else:
        st.info("**No goods came back** within these filters.", icon=":material/undo:")
    if len(view.undone) or found.lines:
        return_panels.rates(view)
    if found.lines:
        return_panels.biggest(view)
    adjustment_panels.draw(view, rows)


def _cards(view: View, found: Returned, rows: pd.DataFrame) -> None:
    # Sales alone don't tell what came back: there is no rate, rather than one of zero.
    known = view.selection.has_cancellations
    sold = (
        int(return_sums.units_sold(view.products, view.snapshot.dictionaries).sum()) if known else 0
    )
    days = return_sums.median_days(view.returns)
    values = {
        "Units returned": format.count(found.units),
        "Value returned": format.money(found.value),
        "Matched units": format.percent(found.matched_share),
        "Matched value": format.percent(found.matched_value_share),
        "True return rate": format.percent(_rate(int(view.undone["units"].sum()), sold)),
        "Plain return rate": format.percent(_rate(found.units, sold)),
        "Days to return": format.NOTHING if days is None else f"{days:g}",
        "Adjustments and fees": format.money(from_micros(int(rows["micros"].sum()))),
    }
    scopes = {
        **dict.fromkeys(("True return rate", "Plain return rate"), return_panels.sold(view)),
        "Days to return": return_panels.matched(view),
        "Adjustments and fees": among(rows, adjustment_panels.WHICH),
    }
    meanings = {label: f"{meaning}\n\n{RULE}" for label, meaning in _MEANING.items()}
    panel.cards(view, "returns", values, meanings, return_panels.of_goods(view.returns), scopes)


def _rate(units: int, sold: int) -> float | None:
    return units / sold if sold else None


def _equation(view: View, found: Returned) -> str:
    """Return what all cancellations are made of, to the penny."""
    rows = view.products[view.products["kind"] == CANCELLATION]
    every: Decimal = from_micros(-int(rows["micros"].sum()))
    unmatched = found.value - found.matched_value
    return format.plain(
        f"Cancellations {format.money(every)} = undoing a sale {format.money(found.matched_value)}"
        f" + undoing none {format.money(unmatched)}"
        f" + of fee codes {format.money(every - found.value)}."
        f" {format.counted(found.lines, 'cancellation line')} of goods."
    )
