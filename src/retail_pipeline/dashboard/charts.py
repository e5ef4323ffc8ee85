"""Charts: frames small enough to draw, and how they look. Floats begin here and nowhere before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

import altair as alt
import pandas as pd

from retail_pipeline.dashboard import words
from retail_pipeline.domain.periods import Period, Unit, following
from retail_pipeline.domain.report import Figures, ProductFigures

Chart: TypeAlias = alt.LayerChart | alt.FacetChart

BLUE, VERMILION = "#0072B2", "#D55E00"
_INK = "#2f2d2b"
_MOST_BARS = 130
_MOST_DAYS_BY_DAY = 62
# Vega's own currency sign is the dollar.
_AXIS_MONEY = "(datum.value < 0 ? '−£' : '£') + format(abs(datum.value), ',.3~s')"
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


def timeline(frame: pd.DataFrame, period: Period, unit: Unit) -> Chart:
    """Return net sales over time: bars, or a line when there are too many of them to see."""
    # UTC on every screen: a viewer's own time zone would move sales to the day before.
    x = alt.X(
        "start:T",
        scale=alt.Scale(type="utc"),
        title=f"{unit.capitalize()} (UTC)",
        axis=_time_axis(period),
    )
    y = alt.Y("net:Q", title="Net sales", axis=alt.Axis(labelExpr=_AXIS_MONEY, tickCount=5))
    base = alt.Chart(frame).encode(
        x=x, y=y, tooltip=["Period", "Net sales", "Gross sales", "Cancellations", "Orders"]
    )
    zero = alt.Chart().mark_rule(color="#8885").encode(y=alt.datum(0))
    if len(frame) > _MOST_BARS:
        marks = [
            base.mark_area(color=BLUE, opacity=0.15),
            base.mark_line(color=BLUE, strokeWidth=1.5),
        ]
        return _sized(alt.layer(*marks, zero), _TIMELINE_PIXELS)
    bars = base.mark_rect(stroke=None).encode(
        x2="end:T",
        y2=alt.datum(0),
        color=alt.condition("datum.net < 0", alt.value(VERMILION), alt.value(BLUE)),
        opacity=alt.condition("datum.whole", alt.value(1.0), alt.value(0.45)),
    )
    return _sized(alt.layer(bars, zero), _TIMELINE_PIXELS)


def _time_axis(period: Period) -> alt.Axis:
    flush: dict[str, Any] = {"labelFlush": True, "labelOverlap": True, "grid": False}
    if period.days > _MOST_DAYS_BY_DAY:
        label = "utcFormat(datum.value, utcmonth(datum.value) == 0 ? '%b %Y' : '%b')"
        return alt.Axis(tickCount={"interval": "month", "step": 1}, labelExpr=label, **flush)
    return alt.Axis(format="%-d %b %H:%M" if period.days <= 3 else "%-d %b", **flush)


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


def ranking(frame: pd.DataFrame) -> Chart:
    """Return a bar for each row of the frame, its name and its net sales written above it."""
    facts = [name for name in frame.columns if name not in ("name", "net")]
    tooltip = [alt.Tooltip("name:N", title="Name"), *(alt.Tooltip(f"{each}:N") for each in facts)]
    rows = alt.Y("name:N", sort=None, axis=None, scale=alt.Scale(paddingInner=0.0))
    widest = max(float(frame["net"].abs().max()), 0.01)
    lowest = min(float(frame["net"].min()), 0.0)
    amount = alt.X("net:Q", axis=None, scale=alt.Scale(domain=[lowest, widest], nice=False))
    base = alt.Chart(frame).encode(y=rows, tooltip=tooltip)
    bars = base.mark_bar(height=8, yOffset=9, cornerRadiusEnd=2).encode(
        x=amount, color=alt.condition("datum.net < 0", alt.value(VERMILION), alt.value(BLUE))
    )
    text: dict[str, Any] = {"dy": -7, "fontSize": 13, "color": _INK}
    names = base.mark_text(align="left", limit=alt.expr("width - 110"), **text).encode(
        x=alt.value(0), text="name:N"
    )
    values = base.mark_text(align="right", fontWeight=600, **text).encode(
        x=alt.value("width"), text="Net sales:N"
    )
    return _sized(alt.layer(bars, names, values), _ROW_PIXELS * len(frame))


def _product_name(product: ProductFigures) -> str:
    return f"{product.name.strip()} ({product.code})" if product.name else product.code


def _sized(chart: Chart, height: int) -> Chart:
    sized: Chart = chart.properties(height=height, padding=0).configure_view(strokeWidth=0)
    return sized
