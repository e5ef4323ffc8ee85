"""How charts look: Vega-Lite, and the parts of it that several charts have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import pandas as pd
import streamlit as st

from retail_pipeline.dashboard.frames import WEEKDAYS
from retail_pipeline.domain.periods import Period, Unit

# Vega-Lite as it is: Altair takes a thousand times as long, for its checks (docs/adr/0018).
Spec: TypeAlias = dict[str, Any]

# Okabe and Ito's: colour-blind people can tell them apart. Each can be seen on light and dark.
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#8a8a8a"
# How an axis or a legend writes money: Vega's own currency sign is the dollar.
AXIS_MONEY = "(datum.value < 0 ? '−£' : '£') + format(abs(datum.value), ',.3~s')"
MONEY_AXIS: Spec = {"labelExpr": AXIS_MONEY, "tickCount": 5}
# What a chart calls what was clicked.
PICK = "pick"


def ink() -> str:
    """Return the colour of the page's text, of the theme that each viewer sets."""
    return "#f4f3f1" if st.context.theme.type == "dark" else "#2f2d2b"


def picking(*fields: str) -> list[Spec]:
    """Return the parameters of marks that can be clicked on: ``fields`` are what that selects."""
    return [{"name": PICK, "select": {"type": "point", "fields": list(fields)}}]


def quantity(field: str, **how: Any) -> Spec:
    """Return a figure that is a place or a colour; ``how`` are its title, axis, scale or legend."""
    return {"field": field, "type": "quantitative", **how}


def category(field: str, **how: Any) -> Spec:
    """Return a name that is a place or a colour; ``how`` are its title, axis, scale or legend."""
    return {"field": field, "type": "nominal", **how}


def ordinal(field: str, **how: Any) -> Spec:
    """Return a place in an order; ``how`` are its title, axis, scale or sort."""
    return {"field": field, "type": "ordinal", **how}


def shades(field: str, title: str, legend: Spec, **scale: Any) -> Spec:
    """Return the colour of a figure, from dark to bright, with its legend below the chart."""
    below = {"orient": "bottom", "gradientLength": 200}
    scale = {"scheme": "viridis", **scale}
    return quantity(field, title=title, scale=scale, legend={**below, **legend})


# A bar from its "start" to its "end" that can be clicked on.
_CLICKED: Spec = {
    "mark": {"type": "rect", "cursor": "pointer"},
    "params": picking("start", "end"),
}
ZERO: Spec = {"mark": {"type": "rule", "color": "#8885"}, "encoding": {"y": {"datum": 0}}}
MOST_BARS = 130
_MOST_DAYS_BY_DAY = 62
_MOST_DAYS_BY_HOUR = 3
_MONTH = 31
ROW_PIXELS = 46
_TIMELINE_PIXELS = 320


def timeline(frame: pd.DataFrame, period: Period, unit: Unit) -> Spec:
    """Return net sales over time: bars, or a line when there are too many of them to see.

    Where the frame has an earlier period, that is a grey line over them.
    """
    compared = "before" in frame
    x = over(period, unit)
    facts_of = ("Period", "Net sales", "Gross sales", "Cancellations", "Orders")
    encoding = {
        "x": x,
        "y": quantity("net", title="Net sales", axis=MONEY_AXIS),
        "tooltip": facts(*facts_of, *(("Compared with",) if compared else ())),
    }
    if len(frame) > MOST_BARS:
        area = {"type": "area", "color": BLUE, "opacity": 0.15}
        line = {"type": "line", "color": BLUE, "strokeWidth": 1.5}
        layers = [{"mark": each, "encoding": encoding} for each in (area, line)]
    else:
        pale = {"condition": {"test": "datum.whole", "value": 1}, "value": 0.45}
        layers = [net_bars({**encoding, "opacity": pale})]
    if compared:
        layers.append(_before(x))
    return {"layer": [*layers, ZERO], "height": _TIMELINE_PIXELS}


def _before(x: Spec) -> Spec:
    # In the middle of the bar that it stands beside.
    middle = {"calculate": "(datum.start + datum.end) / 2", "as": "middle"}
    return {
        "transform": [middle],
        "mark": {"type": "line", "color": GREY, "strokeWidth": 2, "strokeDash": [4, 3]},
        "encoding": {"x": {**x, "field": "middle"}, "y": quantity("before")},
    }


def net_bars(encoding: Spec) -> Spec:
    """Return bars of ``net`` over time, up or down from nothing, that can be clicked on."""
    own = {"x2": {"field": "end"}, "y2": {"datum": 0}, "color": by_sign("net")}
    return {**_CLICKED, "encoding": {**encoding, **own}}


def stacked(
    period: Period,
    unit: Unit,
    y: Spec,
    value: str,
    part: str,
    colours: Mapping[str, str],
    order: str,
) -> Spec:
    """Return bars over time whose parts lie on each other, in the ``order`` of their names.

    ``value`` is the height of a part, and its ``part`` is its name, by which it has its colour.
    """
    # Placed by hand: Vega-Lite stacks no bars that have two ends.
    stack = {
        "stack": value,
        "groupby": ["start"],
        "sort": [{"field": part, "order": order}],
        "as": ["low", "high"],
    }
    scale = {"domain": list(colours), "range": list(colours.values())}
    encoding = {
        "x": over(period, unit),
        "x2": {"field": "end"},
        "y": quantity("low", **y),
        "y2": {"field": "high"},
        "color": category(part, scale=scale, legend={"orient": "top", "title": None}),
    }
    return {**_CLICKED, "transform": [stack], "encoding": encoding}


def over(period: Period, unit: Unit) -> Spec:
    """Return the horizontal place of each ``start``, an hour, day, week or month of the period."""
    return at_time(f"{unit.capitalize()} (UTC)", time_axis(period))


def at_time(title: str, axis: Spec) -> Spec:
    """Return the horizontal place of each ``start``.

    It is in UTC on every screen: a viewer's own time zone would move sales to the day before.
    """
    return {
        "field": "start",
        "type": "temporal",
        "scale": {"type": "utc"},
        "title": title,
        "axis": axis,
    }


def time_axis(period: Period) -> Spec:
    """Return the axis of a time in UTC that reads well for a period of this length."""
    flush: Spec = {"labelFlush": True, "labelOverlap": True, "grid": False}
    if period.days > _MOST_DAYS_BY_DAY:
        label = "utcFormat(datum.value, utcmonth(datum.value) == 0 ? '%b %Y' : '%b')"
        months = {"interval": "month", "step": _months_between_ticks(period)}
        return {"tickCount": months, "labelExpr": label, **flush}
    if period.days <= _MOST_DAYS_BY_HOUR:
        return {"format": "%-d %b %H:%M", **flush}
    # A wide chart would name each day twice, at noon as well.
    each_day = {"tickCount": {"interval": "day", "step": 1}} if period.days <= _MONTH else {}
    return {"format": "%-d %b", **each_day, **flush}


def _months_between_ticks(period: Period) -> int:
    return next((step for step in (1, 3, 6) if period.days < step * 750), 12)


def facts(*names: str) -> list[Spec]:
    """Return the tool tip that gives these fields, which are texts."""
    return [category(name) for name in names]


def by_sign(value: str) -> Spec:
    """Return the colour of a bar: another one where ``value`` is below zero."""
    return {"condition": {"test": f"datum.{value} < 0", "value": VERMILION}, "value": BLUE}


def _whole_row(pick: str) -> Spec:
    """Return what can be clicked: all of the row, not only its thin bar."""
    return {
        "params": picking(pick),
        "mark": {"type": "bar", "opacity": 0, "cursor": "pointer", "height": ROW_PIXELS},
        "encoding": {"x": {"value": 0}, "x2": {"value": "width"}},
    }


def heat(frame: pd.DataFrame) -> Spec:
    """Return a square for each hour of each day of the week, brighter for more net sales."""
    return {
        "mark": {"type": "rect", "cornerRadius": 2},
        "encoding": {
            "x": ordinal("Hour", title="Hour (UTC)", axis={"labelAngle": 0, "labelOverlap": True}),
            "y": ordinal("Day", sort=list(WEEKDAYS), title=None, axis={"labelOverlap": False}),
            "color": shades("net", "Net sales", {"labelExpr": AXIS_MONEY}),
            "tooltip": facts("Day", "Time", "Net sales", "Orders"),
        },
        "height": 340,
    }


def ranking(
    frame: pd.DataFrame, value: str = "net", label: str = "Net sales", pick: str = "name"
) -> Spec:
    """Return a bar for each row of the frame, its name and a figure written above it.

    The bars are drawn of the column ``value``, and the column ``label`` has the figure as text; of
    a row that is clicked, ``pick`` is selected.
    """
    lowest = min(float(frame[value].min()), 0.0)
    highest = max(float(frame[value].max()), 0.0, lowest + 0.01)
    amount = quantity(value, axis=None, scale={"domain": [lowest, highest], "nice": False})
    text = {"type": "text", "dy": -7, "fontSize": 13, "color": ink()}
    # The name gives way to the figure at the right end of its line.
    name = {**text, "align": "left", "limit": {"expr": "width - 110"}}
    return {
        "encoding": {
            "y": category("name", sort=None, axis=None),
            "tooltip": facts(*(column for column in frame.columns if column != value)),
        },
        "layer": [
            {
                "mark": {"type": "bar", "height": 8, "yOffset": 9, "cornerRadiusEnd": 2},
                "encoding": {"x": amount, "color": by_sign(value)},
            },
            {"mark": name, "encoding": {"x": {"value": 0}, "text": {"field": "name"}}},
            {
                "mark": {**text, "align": "right", "fontWeight": 600},
                "encoding": {"x": {"value": "width"}, "text": {"field": label}},
            },
            _whole_row(pick),
        ],
        "height": ROW_PIXELS * len(frame),
    }
