"""Charts: frames small enough to draw, and how they look. Floats begin here and nowhere before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import pandas as pd

from retail_pipeline.dashboard import words
from retail_pipeline.domain.periods import Period, Unit, following
from retail_pipeline.domain.report import Figures, ProductFigures

# Vega-Lite as it is: building the same through altair took 0.4 s a refresh, for its checks.
Spec: TypeAlias = dict[str, Any]

BLUE, VERMILION = "#0072B2", "#D55E00"
_INK = "#2f2d2b"
_BY_SIGN: Spec = {"condition": {"test": "datum.net < 0", "value": VERMILION}, "value": BLUE}
# Vega's own currency sign is the dollar.
_AXIS_MONEY = "(datum.value < 0 ? '−£' : '£') + format(abs(datum.value), ',.3~s')"
_FRAME: Spec = {"padding": 0, "config": {"view": {"strokeWidth": 0}}}
_MOST_BARS = 130
_MOST_DAYS_BY_DAY = 62
_MOST_DAYS_BY_HOUR = 3
_ROW_PIXELS = 46
_TIMELINE_PIXELS = 320


def timeline_frame(
    rows: Sequence[tuple[datetime, Figures]], period: Period, unit: Unit
) -> pd.DataFrame:
    """Return a row for each hour, day, week or month of the period, also those without sales."""
    by_start = dict(rows)
    starts = period.starts(unit)
    found = [by_start.get(start, Figures()) for start in starts]
    return pd.DataFrame(
        {
            "start": pd.to_datetime(starts, utc=True),
            "end": pd.to_datetime([following(start, unit) for start in starts], utc=True),
            "net": [float(each.net) for each in found],
            "whole": [period.holds(start, unit) for start in starts],
            "Period": [words.bucket(start, unit) for start in starts],
            "Net sales": [words.money(each.net) for each in found],
            "Gross sales": [words.money(each.gross) for each in found],
            "Cancellations": [words.money(each.cancelled) for each in found],
            "Orders": [words.count(each.orders) for each in found],
        }
    )


def timeline(frame: pd.DataFrame, period: Period, unit: Unit) -> Spec:
    """Return net sales over time: bars, or a line when there are too many of them to see."""
    money = {"title": "Net sales", "axis": {"labelExpr": _AXIS_MONEY, "tickCount": 5}}
    encoding = {
        # UTC on every screen: a viewer's own time zone would move sales to the day before.
        "x": {
            "field": "start",
            "type": "temporal",
            "scale": {"type": "utc"},
            "title": f"{unit.capitalize()} (UTC)",
            "axis": _time_axis(period),
        },
        "y": {"field": "net", "type": "quantitative", **money},
        "tooltip": _facts("Period", "Net sales", "Gross sales", "Cancellations", "Orders"),
    }
    marks = _line() if len(frame) > _MOST_BARS else _bars()
    zero = {"mark": {"type": "rule", "color": "#8885"}, "encoding": {"y": {"datum": 0}}}
    layers = [{**mark, "encoding": {**encoding, **mark["encoding"]}} for mark in marks]
    return {"layer": [*layers, zero], "height": _TIMELINE_PIXELS, **_FRAME}


def _line() -> list[Spec]:
    area = {"type": "area", "color": BLUE, "opacity": 0.15}
    line = {"type": "line", "color": BLUE, "strokeWidth": 1.5}
    return [{"mark": mark, "encoding": {}} for mark in (area, line)]


def _bars() -> list[Spec]:
    own = {
        "x2": {"field": "end"},
        "y2": {"datum": 0},
        "color": _BY_SIGN,
        "opacity": {"condition": {"test": "datum.whole", "value": 1}, "value": 0.45},
    }
    return [{"mark": "rect", "encoding": own}]


def _time_axis(period: Period) -> Spec:
    flush: Spec = {"labelFlush": True, "labelOverlap": True, "grid": False}
    if period.days > _MOST_DAYS_BY_DAY:
        label = "utcFormat(datum.value, utcmonth(datum.value) == 0 ? '%b %Y' : '%b')"
        months = {"interval": "month", "step": _months_between_ticks(period)}
        return {"tickCount": months, "labelExpr": label, **flush}
    return {"format": "%-d %b %H:%M" if period.days <= _MOST_DAYS_BY_HOUR else "%-d %b", **flush}


def _months_between_ticks(period: Period) -> int:
    return next((step for step in (1, 3, 6) if period.days < step * 750), 12)


def _facts(*names: str) -> list[Spec]:
    return [{"field": name, "type": "nominal"} for name in names]


def countries_frame(rows: Sequence[tuple[str | None, Figures]]) -> pd.DataFrame:
    """Return a row for each country, in the order given."""
    return pd.DataFrame(
        {
            "name": [words.country(name) for name, _ in rows],
            "net": [float(each.net) for _, each in rows],
            "Net sales": [words.money(each.net) for _, each in rows],
            "Orders": [words.count(each.orders) for _, each in rows],
            "Customers": [words.count(each.customers) for _, each in rows],
        }
    )


def products_frame(products: Sequence[ProductFigures]) -> pd.DataFrame:
    """Return a row for each product, in the order given."""
    return pd.DataFrame(
        {
            "name": [_product_name(each) for each in products],
            "net": [float(each.net) for each in products],
            "Net sales": [words.money(each.net) for each in products],
            "Units sold": [words.count(each.units) for each in products],
            "Code": [each.code for each in products],
        }
    )


def ranking(frame: pd.DataFrame) -> Spec:
    """Return a bar for each row of the frame, its name and its net sales written above it."""
    lowest = min(float(frame["net"].min()), 0.0)
    highest = max(float(frame["net"].max()), lowest + 0.01)
    amount = {
        "field": "net",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [lowest, highest], "nice": False},
    }
    text = {"type": "text", "dy": -7, "fontSize": 13, "color": _INK}
    # The name gives way to the figure at the right end of its line.
    name = {**text, "align": "left", "limit": {"expr": "width - 110"}}
    return {
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": None, "axis": None},
            "tooltip": _facts(*(column for column in frame.columns if column != "net")),
        },
        "layer": [
            {
                "mark": {"type": "bar", "height": 8, "yOffset": 9, "cornerRadiusEnd": 2},
                "encoding": {"x": amount, "color": _BY_SIGN},
            },
            {"mark": name, "encoding": {"x": {"value": 0}, "text": {"field": "name"}}},
            {
                "mark": {**text, "align": "right", "fontWeight": 600},
                "encoding": {"x": {"value": "width"}, "text": {"field": "Net sales"}},
            },
        ],
        "height": _ROW_PIXELS * len(frame),
        **_FRAME,
    }


def _product_name(product: ProductFigures) -> str:
    return f"{product.name.strip()} ({product.code})" if product.name else product.code
