"""The rows of a timeline's export: those of its chart, whatever was sold in them."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from retail_pipeline.analytics import sums
from retail_pipeline.dashboard import format, panel
from retail_pipeline.domain.periods import Period, Shift, Unit


def rows(
    found: sums.Timeline,
    period: Period,
    unit: Unit,
    before: sums.Timeline = (),
    shift: Shift | None = None,
) -> pd.DataFrame:
    """Return the rows of :func:`retail_pipeline.dashboard.charts.timeline_frame`, to export."""
    starts = period.starts(unit)
    table = pd.DataFrame(
        {
            "Start (UTC)": [format.minute(start) for start in starts],
            **panel.figure_columns(sums.in_each(found, period, unit)),
        }
    )
    if shift is not None:
        then = sums.beside(before, period, unit, shift)
        table["Compared with (UTC)"] = [
            _days(days, start, unit) if days else ""
            for start, (days, _) in zip(starts, then, strict=True)
        ]
        table["Net sales then"] = pd.Series([net for _, net in then], dtype=object)
    return table


def _days(days: Period, start: datetime, unit: Unit) -> str:
    """Return the days of a week or month, or the one day, or that day's hour of ``start``."""
    if unit in ("week", "month"):
        return f"{days.first} to {days.last}"
    return format.minute(datetime.combine(days.first, start.timetz()))
