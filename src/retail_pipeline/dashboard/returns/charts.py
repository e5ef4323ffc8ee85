"""Charts of returns and adjustments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from retail_pipeline.dashboard import format, frames
from retail_pipeline.dashboard.charts import (
    BLUE,
    MONEY_AXIS,
    VERMILION,
    ZERO,
    Spec,
    facts,
    ink,
    net_bars,
    ordinal,
    over,
    quantity,
    stacked,
)
from retail_pipeline.domain.days import moment_of_hour
from retail_pipeline.domain.periods import Period, Unit

MATCHED, UNMATCHED = "Undoes a sale", "Undoes none"
_PIXELS = 280


def moments(found: pd.DataFrame) -> list[datetime]:
    """Return the moments at which the rows of a timeline start."""
    return [moment_of_hour(hours) for hours in found["start"]]


def timeline_frame(rows: pd.DataFrame, starts: Sequence[datetime], unit: Unit) -> pd.DataFrame:
    """Return two rows for each row of the panel: what is matched, and then what is not."""
    spans = frames.spans(starts, unit)
    pieces = [
        frames.drawn(rows, {"drawn": label}, label, What=label, **spans).rename(
            columns={label: "Value returned"}
        )
        for label in (MATCHED, UNMATCHED)
    ]
    return pd.concat(pieces, ignore_index=True)


def timeline(period: Period, unit: Unit) -> Spec:
    """Return bars of the value that came back, what is matched below what is not."""
    y = {"title": "Value returned", "axis": MONEY_AXIS}
    colours = {MATCHED: BLUE, UNMATCHED: VERMILION}
    spec = stacked(period, unit, y, "drawn", "What", colours, "ascending")
    spec["encoding"]["tooltip"] = facts("Period", "What", "Value returned")
    return {**spec, "height": _PIXELS}


def days_to_return_rows(found: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each bar of ``return_sums.by_days_to_return``."""
    return pd.DataFrame(
        {
            "Days": [_days(*ends) for ends in zip(found["first"], found["last"], strict=True)],
            "Units": found["units"],
            "Cancellation lines": found["lines"],
            "Value returned": found["value"],
        }
    )


def days_to_return_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of the same bars."""
    lines, units = rows["Cancellation lines"], rows["Units"]
    shares = {"Share of lines": lines, "Share of units": units}
    return pd.DataFrame(
        {
            "Days": rows["Days"],
            "lines": lines,
            "units": units,
            **{
                name: list(map(format.percent, of / max(1, of.sum())))
                for name, of in shares.items()
            },
            **frames.written(rows, "Units", "Cancellation lines", "Value returned"),
        }
    )


def _days(first: int, last: int) -> str:
    if last < 0:
        return f"{first} and more"
    return str(first) if first == last else f"{first} to {last}"


def days_to_return(frame: pd.DataFrame, counted: str) -> Spec:
    """Return a bar for each span of days, its share of the lines or units written over it."""
    title = "Whole days from the sale to the return"
    x = ordinal("Days", sort=None, title=title, axis={"labelAngle": -30, "labelOverlap": False})
    # Room for what is written over the highest bar.
    scale = {"domainMax": 1.12 * max(1, int(frame[counted].max())), "nice": False}
    axis = {"format": "~s", "tickCount": 5}
    y = quantity(counted, title=counted.capitalize(), scale=scale, axis=axis)
    shares = ("Cancellation lines", "Share of lines", "Units", "Share of units")
    text = {"type": "text", "dy": -8, "fontSize": 12, "color": ink()}
    return {
        "encoding": {"x": x, "y": y, "tooltip": facts("Days", *shares, "Value returned")},
        "layer": [
            {"mark": {"type": "bar", "color": BLUE, "cornerRadiusEnd": 2}},
            {"mark": text, "encoding": {"text": {"field": f"Share of {counted}"}}},
        ],
        "height": _PIXELS,
    }


def adjustments_frame(rows: pd.DataFrame, starts: Sequence[datetime], unit: Unit) -> pd.DataFrame:
    """Return the frame of one code's sums over time."""
    spans = frames.spans(starts, unit)
    return frames.drawn(rows, {"net": "Net"}, "Net", "Lines", "Units", **spans)


def adjustments(period: Period, unit: Unit) -> Spec:
    """Return bars of what adjustments add to net sales, or take from them."""
    encoding = {
        "x": over(period, unit),
        "y": quantity("net", title="Part of net sales", axis=MONEY_AXIS),
        "tooltip": facts("Period", "Net", "Lines", "Units"),
    }
    return {"layer": [net_bars(encoding), ZERO], "height": _PIXELS}
