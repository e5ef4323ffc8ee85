"""How the products' charts look: concentration, and the prices paid for one product."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from retail_pipeline.analytics.products import THRESHOLD, Pareto, thinned
from retail_pipeline.dashboard import format, frames
from retail_pipeline.dashboard.charts import BLUE, GREY, VERMILION, Spec, facts, ink, over, quantity
from retail_pipeline.domain.periods import Period, Unit
from retail_pipeline.domain.products import Prices

_MOST_POINTS = 200
_BESIDE: Spec = {"type": "text", "align": "left", "baseline": "top", "dx": 10, "dy": 8}
_AXIS_PRICE = "'£' + format(datum.value, ',.2f')"


def pareto_frame(found: Pareto, names: Sequence[str]) -> pd.DataFrame:
    """Return the points of the curve that are drawn, from none of the products to all of them.

    ``names`` are those of the curve's products.
    """
    curve = found.curve.assign(name=names, rank=range(1, len(names) + 1))
    drawn = thinned(curve, found.best, _MOST_POINTS)
    ranks = [0, *drawn["rank"]]
    products, share = [0.0, *drawn["products"]], [0.0, *drawn["share"]]
    return pd.DataFrame(
        {
            "products": products,
            "share": share,
            "threshold": [rank == found.best for rank in ranks],
            "Best products": [f"{rank:,} of {found.earning:,}" for rank in ranks],
            "Share of products": [format.percent(each) for each in products],
            "Share of net sales": [format.percent(each) for each in share],
            "Down to": [format.NOTHING, *drawn["name"]],
        }
    )


def pareto() -> Spec:
    """Return the curve, with a line at 80 % and a dot where the products reach it."""
    x = _share("products", "Share of products, best first")
    y = _share("share", "Share of net sales")
    place = {"x": x, "y": y}
    tooltip = facts("Best products", "Share of products", "Share of net sales", "Down to")
    curve = {"type": "area", "color": BLUE, "opacity": 0.15, "line": {"color": BLUE}}
    dashed = {"type": "rule", "color": GREY, "strokeDash": [4, 3]}
    # Unseen, to be found by a pointer anywhere on the curve.
    target = {"type": "point", "filled": True, "size": 200, "opacity": 0}
    dot = {"type": "point", "filled": True, "size": 110, "color": VERMILION, "opacity": 1}
    at_threshold: Spec = {"transform": [{"filter": "datum.threshold"}]}
    beside = {**_BESIDE, "fontWeight": 600, "color": ink()}
    text = {"text": {"field": "Share of products"}}
    return {
        "layer": [
            {"mark": curve, "encoding": place},
            {"mark": dashed, "encoding": {"y": {"datum": float(THRESHOLD)}}},
            {**at_threshold, "mark": dashed, "encoding": {"x": x}},
            {"mark": target, "encoding": {**place, "tooltip": tooltip}},
            {**at_threshold, "mark": dot, "encoding": {**place, "tooltip": tooltip}},
            {**at_threshold, "mark": beside, "encoding": {**place, **text}},
        ],
        "height": 380,
    }


def _share(field: str, title: str) -> Spec:
    axis = {"format": ".0%", "tickCount": 5, "grid": False}
    return quantity(field, title=title, axis=axis, scale={"domain": [0, 1]})


def price_rows(found: Sequence[Prices]) -> pd.DataFrame:
    """Return a row for each unit of time in which the product was sold."""
    return pd.DataFrame(
        {
            "Start (UTC)": [format.minute(each.start) for each in found],
            "Lowest price": [each.lowest for each in found],
            "Mean price": [each.mean for each in found],
            "Highest price": [each.highest for each in found],
            "Units sold": [each.units for each in found],
            "Lines": [each.lines for each in found],
        }
    )


def prices_frame(rows: pd.DataFrame, starts: Sequence[datetime], unit: Unit) -> pd.DataFrame:
    """Return the frame of the prices."""
    prices = ("Lowest price", "Mean price", "Highest price")
    places = {name.split()[0].lower(): name for name in prices}
    return frames.drawn(rows, places, *prices, "Units sold", **frames.spans(starts, unit))


def prices(period: Period, unit: Unit) -> Spec:
    """Return the mean price as a line, over bars from the lowest to the highest."""
    axis = {"labelExpr": _AXIS_PRICE, "tickCount": 5}
    lowest, mean = (
        quantity(each, title="Price of a unit", axis=axis, scale={"zero": False})
        for each in ("lowest", "mean")
    )
    shown = facts("Period", "Lowest price", "Mean price", "Highest price", "Units sold")
    span = {"type": "rule", "color": GREY, "strokeWidth": 5, "opacity": 0.45, "strokeCap": "round"}
    line = {"type": "line", "color": BLUE, "strokeWidth": 2, "point": {"color": BLUE, "size": 28}}
    return {
        "encoding": {"x": over(period, unit), "tooltip": shown},
        "layer": [
            {"mark": span, "encoding": {"y": lowest, "y2": {"field": "highest"}}},
            {"mark": line, "encoding": {"y": mean}},
        ],
        "height": 280,
    }
