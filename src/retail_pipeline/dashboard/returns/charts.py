"""Charts of returns and adjustments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from retail_pipeline.dashboard import format, frames
from retail_pipeline.dashboard.charts import (
    AXIS_MONEY,
    BLUE,
    CLICKED,
    FRAME,
    VERMILION,
    ZERO,
    Spec,
    by_sign,
    facts,
    over,
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
    pieces = [
        pd.DataFrame(
            {
                **frames.spans(starts, unit),
                "drawn": frames.floats(rows[label]),
                "What": label,
                "place": place,
                "Value returned": frames.written(rows, label)[label],
            }
        )
        for place, label in enumerate((MATCHED, UNMATCHED))
    ]
    return pd.concat(pieces, ignore_index=True)


def timeline(frame: pd.DataFrame, period: Period, unit: Unit) -> Spec:
    """Return bars of the value that came back, what is matched below what is not."""
    encoding = {
        **_over(period, unit),
        "y": {"field": "low", **_money("Value returned")},
        "y2": {"field": "high"},
        "color": {
            "field": "What",
            "type": "nominal",
            "title": None,
            "scale": {"domain": [MATCHED, UNMATCHED], "range": [BLUE, VERMILION]},
            "legend": {"orient": "top"},
        },
        "tooltip": facts("Period", "What", "Value returned"),
    }
    stacked = {
        "stack": "drawn",
        "groupby": ["start"],
        "sort": [{"field": "place"}],
        "as": ["low", "high"],
    }
    return _drawn({**CLICKED, "transform": [stacked], "encoding": encoding})


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


def days_to_return(frame: pd.DataFrame, counted: str, ink: str) -> Spec:
    """Return a bar for each span of days, its share of the lines or units written over it."""
    x = {
        "field": "Days",
        "type": "ordinal",
        "sort": None,
        "title": "Whole days from the sale to the return",
        "axis": {"labelAngle": -30, "labelOverlap": False},
    }
    y = {
        "field": counted,
        "type": "quantitative",
        "title": counted.capitalize(),
        # Room for what is written over the highest bar.
        "scale": {"domainMax": 1.12 * max(1, int(frame[counted].max())), "nice": False},
        "axis": {"format": "~s", "tickCount": 5},
    }
    tooltip = facts(
        "Days",
        "Cancellation lines",
        "Share of lines",
        "Units",
        "Share of units",
        "Value returned",
    )
    text = {"type": "text", "dy": -8, "fontSize": 12, "color": ink}
    return _drawn(
        {
            "encoding": {"x": x, "y": y, "tooltip": tooltip},
            "layer": [
                {"mark": {"type": "bar", "color": BLUE, "cornerRadiusEnd": 2}},
                {"mark": text, "encoding": {"text": {"field": f"Share of {counted}"}}},
            ],
        }
    )


def adjustments_frame(rows: pd.DataFrame, starts: Sequence[datetime], unit: Unit) -> pd.DataFrame:
    """Return the frame of one code's sums over time."""
    return pd.DataFrame(
        {
            **frames.spans(starts, unit),
            "net": frames.floats(rows["Net"]),
            **frames.written(rows, "Net", "Lines", "Units"),
        }
    )


def adjustments(frame: pd.DataFrame, period: Period, unit: Unit) -> Spec:
    """Return bars of what adjustments add to net sales, or take from them."""
    encoding = {
        **_over(period, unit),
        "y": {"field": "net", **_money("Part of net sales")},
        "y2": {"datum": 0},
        "color": by_sign("net"),
        "tooltip": facts("Period", "Net", "Lines", "Units"),
    }
    return _drawn({"layer": [{**CLICKED, "encoding": encoding}, ZERO]})


def _over(period: Period, unit: Unit) -> Spec:
    return {"x": over(period, unit), "x2": {"field": "end"}}


def _money(title: str) -> Spec:
    return {
        "type": "quantitative",
        "title": title,
        "axis": {"labelExpr": AXIS_MONEY, "tickCount": 5},
    }


def _drawn(spec: Spec) -> Spec:
    return {**spec, "height": _PIXELS, **FRAME}
