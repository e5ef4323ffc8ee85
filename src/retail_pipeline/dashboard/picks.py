"""What the viewer clicked on, read in the callback of the chart or table that was clicked.

``key`` is that of the :class:`~retail_pipeline.dashboard.panel.Panel`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

import pandas as pd
import streamlit as st

from retail_pipeline.dashboard import filters, url_state
from retail_pipeline.dashboard.charts import MOST_BARS, PICK
from retail_pipeline.domain.periods import CUSTOM, Period

# A click on any cell picks its row; so does the box before it, which the keyboard reaches too.
ROW: Sequence[Literal["single-row", "single-cell"]] = ("single-row", "single-cell")


def chart_key(key: str) -> str:
    """Return the chart's own key: a new one after each click that set filters.

    A new key makes a new chart, so that the old click is not applied again.
    """
    clicks = st.session_state.get(f"clicks-{key}", 0)
    return f"chart-{key}-{clicks}" if clicks else f"chart-{key}"


def of_chart(key: str) -> list[dict[str, Any]]:
    """Return the fields that a click on a chart selected."""
    found: list[dict[str, Any]] = st.session_state[chart_key(key)].selection.get(PICK, [])
    return found


def _used(key: str) -> None:
    """Note that the click on the chart was made filters of."""
    st.session_state[f"clicks-{key}"] = st.session_state.get(f"clicks-{key}", 0) + 1


def of_table(key: str, values: Sequence[str]) -> str | None:
    """Return the one of ``values``, a value for each row, of the row that was clicked on."""
    selection = st.session_state[f"table-{key}"].selection
    rows = [*selection["rows"], *(row for row, _ in selection["cells"])]
    return values[rows[0]] if rows and rows[0] < len(values) else None


def row(key: str, values: Sequence[str], picked: Callable[[str | None], None]) -> None:
    """Call ``picked`` with the one of ``values`` of the row that was clicked on."""
    picked(of_table(key, values))


def country(key: str) -> None:
    """Show the country that was clicked on in a ranking alone, or all again."""
    for each in of_chart(key):
        alone = url_state.value(filters.COUNTRY) == [each["name"]]
        filters.choose(country=[] if alone else [each["name"]])
        _used(key)


def times(frame: pd.DataFrame, period: Period) -> Callable[[str], None] | None:
    """Return what a click on a bar of a timeline calls, if it can: to show the bar's days alone."""
    return partial(_time, period) if len(frame) <= MOST_BARS and period.days > 1 else None


def _time(period: Period, key: str) -> None:
    for each in of_chart(key):
        first, after = (datetime.fromtimestamp(each[end] / 1000, UTC) for end in ("start", "end"))
        days = Period(first.date(), (after - timedelta(seconds=1)).date()).limited_to(period)
        filters.choose(period=CUSTOM, **{"from": days.first, "to": days.last})
        _used(key)
