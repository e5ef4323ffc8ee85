"""Panels that several pages have: net sales over time, and the ranking of countries."""

from __future__ import annotations

import pandas as pd

from retail_pipeline.analytics import sums
from retail_pipeline.dashboard import charts, frames, picks
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.periods import Shift, Unit

BY_COUNTRY = (
    "Net sales by the customer's country. A click on one shows it alone; another click shows all"
    " again."
)


def over_time(
    view: View,
    key: str,
    title: str,
    unit: Unit,
    *,
    alt: str,
    meaning: str = "",
    before: sums.Timeline = (),
    shift: Shift | None = None,
) -> None:
    """Draw net sales of each ``unit``; ``before`` and ``shift`` as :func:`frames.timeline` has
    them."""
    found = sums.timeline(view.orders, unit)
    rows, frame = frames.timeline(found, view.period, unit, before, shift)
    meaning = (
        f"Net sales of each {unit}, in UTC. Paler bars: only some of its days are in the period."
        f"{meaning} A click on a bar shows its days alone."
    )
    spec, picked = charts.timeline(frame, view.period, unit), picks.times(frame, view.period)
    Panel(view, key, title, meaning, rows).chart(spec, frame, alt=alt, picked=picked)


def countries(
    view: View, key: str, title: str, rows: pd.DataFrame, most: int, *, alt: str, note: str = ""
) -> None:
    """Draw the first ``most`` countries of ``rows`` as bars; a click filters by one."""
    frame = frames.countries(rows[:most])
    shown = Panel(view, key, title, f"{BY_COUNTRY}{note}", rows)
    shown.chart(charts.ranking(frame), frame, alt=alt, picked=picks.country)
