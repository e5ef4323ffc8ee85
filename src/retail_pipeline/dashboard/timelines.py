"""The rows of a timeline's export: those of its chart, whatever was sold in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from retail_pipeline.dashboard import charts, panel
from retail_pipeline.domain.periods import Period, Unit
from retail_pipeline.domain.report import Figures

Timeline = Sequence[tuple[datetime, Figures]]


def rows(
    found: Timeline,
    period: Period,
    unit: Unit,
    before: Timeline = (),
    other: Period | None = None,
) -> pd.DataFrame:
    """Return the rows of :func:`retail_pipeline.dashboard.charts.timeline_frame`, to export."""
    by_start = dict(found)
    starts = period.starts(unit)
    table = pd.DataFrame(
        {
            "Start (UTC)": [_moment(start) for start in starts],
            **panel.figure_columns([by_start.get(start, Figures()) for start in starts]),
        }
    )
    if other is not None:
        earlier, then = dict(before), charts.beside(period, other, unit)
        table["Compared with (UTC)"] = [_moment(start) if start else "" for start in then]
        table["Net sales then"] = pd.Series(
            [earlier.get(start, Figures()).net if start else None for start in then], dtype=object
        )
    return table


def _moment(start: datetime) -> str:
    return f"{start:%Y-%m-%d %H:%M}"
