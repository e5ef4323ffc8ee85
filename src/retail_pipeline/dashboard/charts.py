"""Charts: frames small enough to draw, and how they look. Floats begin here and nowhere before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pandas as pd

from retail_pipeline.analytics import sums
from retail_pipeline.dashboard import format
from retail_pipeline.domain.periods import Period, Shift, Unit, following
from retail_pipeline.domain.report import Figures

# Vega-Lite as it is: building the same through altair took 0.4 s a refresh, for its checks.
Spec: TypeAlias = dict[str, Any]

# Okabe and Ito's: colour-blind people can tell them apart. Each can be seen on light and dark.
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#8a8a8a"
# How an axis or a legend writes money: Vega's own currency sign is the dollar.
AXIS_MONEY = "(datum.value < 0 ? '−£' : '£') + format(abs(datum.value), ',.3~s')"
FRAME: Spec = {"padding": 0, "config": {"view": {"strokeWidth": 0}}}
# What a chart calls what was clicked.
PICK = "pick"


def picking(*fields: str) -> list[Spec]:
    """Return the parameters of marks that can be clicked on: ``fields`` are what that selects."""
    return [{"name": PICK, "select": {"type": "point", "fields": list(fields)}}]


# A bar from its "start" to its "end" that can be clicked on.
CLICKED: Spec = {
    "mark": {"type": "rect", "cursor": "pointer"},
    "params": picking("start", "end"),
}
ZERO: Spec = {"mark": {"type": "rule", "color": "#8885"}, "encoding": {"y": {"datum": 0}}}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MOST_BARS = 130
_MOST_DAYS_BY_DAY = 62
_MOST_DAYS_BY_HOUR = 3
_MONTH = 31
ROW_PIXELS = 46
_TIMELINE_PIXELS = 320


def timeline_frame(
    rows: sums.Timeline,
    period: Period,
    unit: Unit,
    before: sums.Timeline = (),
    shift: Shift | None = None,
) -> pd.DataFrame:
    """Return a row for each hour, day, week or month of the period, also those without sales.

    ``before`` are the figures of the period that ``shift`` leads back to, under the starts of this
    one's units that its days are compared with.
    """
    starts, found = period.starts(unit), sums.in_each(rows, period, unit)
    table = pd.DataFrame(
        {
            "start": pd.to_datetime(starts, utc=True),
            "end": pd.to_datetime([following(start, unit) for start in starts], utc=True),
            "net": [float(each.net) for each in found],
            "whole": [period.holds(start, unit) for start in starts],
            "Period": [format.bucket(start, unit) for start in starts],
            "Net sales": [format.money(each.net) for each in found],
            "Gross sales": [format.money(each.gross) for each in found],
            "Cancellations": [format.money(each.cancelled) for each in found],
            "Orders": [format.count(each.orders) for each in found],
        }
    )
    if shift is not None:
        then = sums.beside(before, period, unit, shift)
        table["before"] = [None if net is None else float(net) for _, net in then]
        table["Compared with"] = [
            f"{format.part(days, start, unit)}: {format.money(net)}" if days else format.NOTHING
            for start, (days, net) in zip(starts, then, strict=True)
        ]
    return table


def timeline(frame: pd.DataFrame, period: Period, unit: Unit) -> Spec:
    """Return net sales over time: bars, or a line when there are too many of them to see.

    Where the frame has an earlier period, that is a grey line over them.
    """
    compared = "before" in frame
    x = over(period, unit)
    money = {"title": "Net sales", "axis": {"labelExpr": AXIS_MONEY, "tickCount": 5}}
    facts_of = ("Period", "Net sales", "Gross sales", "Cancellations", "Orders")
    encoding = {
        "x": x,
        "y": {"field": "net", "type": "quantitative", **money},
        "tooltip": facts(*facts_of, *(("Compared with",) if compared else ())),
    }
    parts = _line() if len(frame) > MOST_BARS else _bars()
    layers = [{**part, "encoding": {**encoding, **part["encoding"]}} for part in parts]
    if compared:
        layers.append(_before(x))
    return {"layer": [*layers, ZERO], "height": _TIMELINE_PIXELS, **FRAME}


def _before(x: Spec) -> Spec:
    # In the middle of the bar that it stands beside.
    middle = {"calculate": "(datum.start + datum.end) / 2", "as": "middle"}
    return {
        "transform": [middle],
        "mark": {"type": "line", "color": GREY, "strokeWidth": 2, "strokeDash": [4, 3]},
        "encoding": {
            "x": {**x, "field": "middle"},
            "y": {"field": "before", "type": "quantitative"},
        },
    }


def _line() -> list[Spec]:
    area = {"type": "area", "color": BLUE, "opacity": 0.15}
    line = {"type": "line", "color": BLUE, "strokeWidth": 1.5}
    return [{"mark": each, "encoding": {}} for each in (area, line)]


def _bars() -> list[Spec]:
    own = {
        "x2": {"field": "end"},
        "y2": {"datum": 0},
        "color": by_sign("net"),
        "opacity": {"condition": {"test": "datum.whole", "value": 1}, "value": 0.45},
    }
    return [{**CLICKED, "encoding": own}]


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
    return [{"field": name, "type": "nominal"} for name in names]


def countries_frame(rows: Sequence[tuple[str | None, Figures]]) -> pd.DataFrame:
    """Return a row for each country, in the order given."""
    return pd.DataFrame(
        {
            "name": [format.country(name) for name, _ in rows],
            "net": [float(each.net) for _, each in rows],
            "Net sales": [format.money(each.net) for _, each in rows],
            "Orders": [format.count(each.orders) for _, each in rows],
            "Customers": [format.count(each.customers) for _, each in rows],
        }
    )


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


def heat_frame(found: dict[tuple[int, int], Figures]) -> pd.DataFrame:
    """Return a row for each hour of the week that lies between the first and last hour sold in."""
    hours = [hour for (_, hour), each in found.items() if each.lines] or [0]
    cells = [
        (weekday, hour, found.get((weekday, hour), Figures()))
        for weekday in range(7)
        for hour in range(min(hours), max(hours) + 1)
    ]
    return pd.DataFrame(
        {
            "Day": [WEEKDAYS[weekday] for weekday, _, _ in cells],
            "Hour": [hour for _, hour, _ in cells],
            "net": [float(each.net) for _, _, each in cells],
            "Time": [f"{hour:02}:00 to {(hour + 1) % 24:02}:00" for _, hour, _ in cells],
            "Net sales": [format.money(each.net) for _, _, each in cells],
            "Orders": [format.count(each.orders) for _, _, each in cells],
        }
    )


def heat(frame: pd.DataFrame) -> Spec:
    """Return a square for each hour of each day of the week, darker for more net sales."""
    return {
        "mark": {"type": "rect", "cornerRadius": 2},
        "encoding": {
            "x": {
                "field": "Hour",
                "type": "ordinal",
                "title": "Hour (UTC)",
                "axis": {"labelAngle": 0, "labelOverlap": True},
            },
            "y": {
                "field": "Day",
                "type": "ordinal",
                "sort": list(WEEKDAYS),
                "title": None,
                "axis": {"labelOverlap": False},
            },
            "color": {
                "field": "net",
                "type": "quantitative",
                "title": "Net sales",
                "scale": {"scheme": "viridis"},
                "legend": {"labelExpr": AXIS_MONEY, "orient": "bottom", "gradientLength": 200},
            },
            "tooltip": facts("Day", "Time", "Net sales", "Orders"),
        },
        "height": 340,
        **FRAME,
    }


def ranking(
    frame: pd.DataFrame,
    ink: str,
    value: str = "net",
    label: str = "Net sales",
    pick: str = "name",
) -> Spec:
    """Return a bar for each row of the frame, its name and a figure written above it.

    ``ink`` is the colour of the page's text. The bars are drawn of the column ``value``, and the
    column ``label`` has the figure as text; of a row that is clicked, ``pick`` is selected.
    """
    lowest = min(float(frame[value].min()), 0.0)
    highest = max(float(frame[value].max()), 0.0, lowest + 0.01)
    amount = {
        "field": value,
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [lowest, highest], "nice": False},
    }
    text = {"type": "text", "dy": -7, "fontSize": 13, "color": ink}
    # The name gives way to the figure at the right end of its line.
    name = {**text, "align": "left", "limit": {"expr": "width - 110"}}
    return {
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": None, "axis": None},
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
        **FRAME,
    }
