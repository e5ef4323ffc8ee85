"""The table and the chart of adjustments and fees, by code."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from retail_pipeline.analytics import adjustments
from retail_pipeline.analytics.snapshot import NAMED
from retail_pipeline.dashboard import format, picks, url_state
from retail_pipeline.dashboard.explain import among
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.returns import charts as return_charts
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.periods import Unit

_ALL = "All codes"
_CODES = {f"{code}{NAMED}{name}": code for code, name in adjustments.NAMES.items()}
CODE = url_state.one_of("adj", [_ALL, *_CODES])
WHICH = "of adjustments and fees"
_MEANING = (
    "Lines of the codes that stand for no product, of any kind of line, and the lines of products"
    " that are neither sale nor cancellation: write-offs, free goods and corrections. **Net** is"
    " what they add to net sales: charged (sale lines), cancelled, and adjusted (all others)."
)


def draw(view: View, rows: pd.DataFrame) -> None:
    """Draw the adjustments; ``rows`` are those of the selection."""
    if not len(rows):
        st.info("**No adjustments or fees** within these filters.", icon=":material/tune:")
        return
    _by_code(view, rows)
    _over_time(view, rows)


def _by_code(view: View, rows: pd.DataFrame) -> None:
    found = adjustments.by_code(rows)
    table = pd.DataFrame(
        {
            "Code": found["code"],
            "What it is": found["name"],
            "Lines": found["lines"],
            "Units": found["units"],
            "Net": found["net"],
            "Charged": found["sale"],
            "Cancelled": found["cancellation"],
            "Adjusted": found["adjustment"],
        }
    )
    title, scope = "Adjustments and fees", among(found, WHICH)
    Panel(view, "adjustments-by-code", title, _MEANING, table, scope).table()


def _over_time(view: View, rows: pd.DataFrame) -> None:
    unit: Unit = "day" if view.period.best_unit == "hour" else view.period.best_unit
    code = _CODES.get(url_state.dropdown("Code", CODE), _ALL)
    found = adjustments.timeline(rows, unit, None if code == _ALL else code)
    starts = return_charts.moments(found)
    table = pd.DataFrame(
        {
            "Start (UTC)": [f"{each:%Y-%m-%d}" for each in starts],
            "Code": code,
            "Lines": found["lines"],
            "Units": found["units"],
            "Net": found["net"],
        }
    )
    title = "Adjustments over time" if code == _ALL else f"{adjustments.NAMES[code]} over time"
    frame = return_charts.adjustments_frame(table, starts, unit)
    meaning = f"{_MEANING} A click on a bar shows its days alone."
    Panel(view, "adjustments-over-time", title, meaning, table, among(found, WHICH)).chart(
        return_charts.adjustments(view.period, unit),
        frame,
        alt=f"Adjustments by {unit}, {format.span(view.period)}",
        picked=picks.times(frame, view.period),
    )
