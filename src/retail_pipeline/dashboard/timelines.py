"""The rows of a timeline's export: those of its chart, whatever was sold in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from retail_pipeline.dashboard import panel
from retail_pipeline.domain.periods import Period, Shift, Unit
from retail_pipeline.domain.report import Figures

Timeline = Sequence[tuple[datetime, Figures]]


def rows(
    found: Timeline,
    period: Period,
    unit: Unit,
    before: Timeline = (),
    shift: Shift | None = None,
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
    if shift is not None:
        earlier = dict(before)
        then = [period.beside(start, unit, shift) for start in starts]
        table["Compared with (UTC)"] = [
            _days(days, start, unit) if days else ""
            for days, start in zip(then, starts, strict=True)
        ]
        nets = [earlier.get(start, Figures()).net for start in starts]
        table["Net sales then"] = pd.Series(
            [net if days else None for days, net in zip(then, nets, strict=True)], dtype=object
        )
    return table


def _days(days: Period, start: datetime, unit: Unit) -> str:
    """Return the days of a week or month, or the one day, or that day's hour of ``start``."""
    if unit in ("week", "month"):
        return f"{days.first} to {days.last}"
    return _moment(datetime.combine(days.first, start.timetz()))


def _moment(start: datetime) -> str:
    return f"{start:%Y-%m-%d %H:%M}"
