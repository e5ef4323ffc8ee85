"""Charts of the pipeline itself. A spec never changes with its data: a refresh moves what is
drawn, and the chart is not built again."""

from __future__ import annotations

import pandas as pd

from retail_pipeline.dashboard import format
from retail_pipeline.dashboard.charts import BLUE, VERMILION, Spec, at_time, facts, over, quantity
from retail_pipeline.domain.periods import Period

# Not seen: without it, an idle pipeline has an axis from nothing to nothing, and its line in the
# middle instead of at the foot.
_AT_LEAST: Spec = {
    "data": {"values": [{}]},
    "mark": {"type": "point", "opacity": 0},
    "encoding": {"x": {"value": 0}, "y": {"datum": 10}, "tooltip": None},
}


def speed_frame(rates: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of rows stored per second, with its tooltips."""
    return rates.assign(
        Time=[f"{start:%H:%M:%S} UTC" for start in rates["start"]],
        Speed=[f"{format.count(round(rate))} rows/s" for rate in rates["rate"]],
    )


def speed() -> Spec:
    """Return rows stored per second over the last minutes: an area under a line."""
    axis = {
        "format": "%H:%M",
        "tickCount": {"interval": "minutes", "step": 1},
        "grid": False,
        "labelOverlap": True,
    }
    scale, rates = {"domainMin": 0, "nice": True}, {"format": "~s", "tickCount": 4}
    return {
        "encoding": {
            "x": at_time("Time (UTC)", axis),
            "y": quantity("rate", title="Rows per second", scale=scale, axis=rates),
            "tooltip": facts("Time", "Speed"),
        },
        "layer": [
            {"mark": {"type": "area", "color": BLUE, "opacity": 0.15, "interpolate": "step-after"}},
            {"mark": {"type": "line", "color": BLUE, "interpolate": "step-after"}},
            _AT_LEAST,
        ],
        "height": 220,
    }


def duplicates(period: Period) -> Spec:
    """Return exact duplicate lines by day: a bar a day, its width a day of the axis."""
    return {
        "mark": {"type": "rect", "color": VERMILION},
        "encoding": {
            "x": over(period, "day"),
            "x2": {"field": "end"},
            "y": quantity("lines", title="Lines", axis={"tickCount": 4, "format": ",d"}),
            "y2": {"datum": 0},
            "tooltip": facts("Day", "Duplicates"),
        },
        "height": 220,
    }
