"""Charts of customers: how they move between segments, cohorts, new and returning ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import pandas as pd

from retail_pipeline.analytics.cohorts import Cohorts
from retail_pipeline.analytics.rfm import NAMES
from retail_pipeline.analytics.tables import Array
from retail_pipeline.dashboard import format, frames
from retail_pipeline.dashboard.charts import (
    BLUE,
    Spec,
    category,
    facts,
    ink,
    ordinal,
    picking,
    shades,
    stacked,
)
from retail_pipeline.domain.periods import Period, Unit

ORANGE = "#E69F00"
SEGMENT_FIGURES = "Customers · net sales"
CAME, LEFT = "Not in the period before", "No longer buying"
OVERALL = "All, whole months"
_CELL_PIXELS = 26
# A chart's height is that of all of it: room for the axis above the squares, and the legend.
_LEGEND_PIXELS, _NAMES_PIXELS, _NUMBERS_PIXELS = 62, 112, 46
# Below this many pixels a cell's figure would run into the next: it is in the tooltip.
_NARROW = 21
# From this part of the scale on, dark figures can be read better than light ones.
_BRIGHT = 0.5
_AT_LEFT: Spec = {"title": None, "labelLimit": 150}


def segments_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of segments, for a ranking by ``share`` of the customers."""
    counts, nets = frames.written(rows, "Customers", "Net sales").values()
    return pd.DataFrame(
        {
            "name": rows["Segment"],
            "share": rows["Share"],
            "Share of customers": frames.written(rows, "Share")["Share"],
            SEGMENT_FIGURES: [" · ".join(pair) for pair in zip(counts, nets, strict=True)],
        }
    )


def movement_frame(moved: Array) -> pd.DataFrame:
    """Return a row for each way that a customer went; ``share`` is of those who started there."""
    origins, ends = (*NAMES, CAME), (*NAMES, LEFT)
    cells = [(row, column) for row, column in zip(*moved.nonzero(), strict=True)]
    counts = [int(moved[cell]) for cell in cells]
    shares = [float(moved[row, column] / moved[row].sum()) for row, column in cells]
    return pd.DataFrame(
        {
            "From": [origins[row] for row, _ in cells],
            "To": [ends[column] for _, column in cells],
            "count": counts,
            "share": shares,
            "Customers": [format.count(each) for each in counts],
            "Share": [format.percent(each) for each in shares],
        }
    )


def movement(frame: pd.DataFrame) -> Spec:
    """Return a square for each way between segments, brighter for a larger share of its row."""
    above = {"orient": "top", "labelAngle": -60, "labelOverlap": False, "labelLimit": 130}
    x = _named("To", [*NAMES, LEFT], {**above, "title": None})
    y = _named("From", [*NAMES, CAME], _AT_LEFT)
    squares = _squares("share", "Share of the row", cursor="pointer")
    return {
        "encoding": {"x": x, "y": y, "tooltip": facts("From", "To", "Customers", "Share")},
        "layer": [{**squares, "params": picking("To")}, _written("count", ",d", frame)],
        "height": _CELL_PIXELS * (len(NAMES) + 1) + _NAMES_PIXELS + _LEGEND_PIXELS,
    }


def _named(field: str, names: Sequence[str], axis: Spec) -> Spec:
    return category(field, sort=list(names), scale={"domain": list(names)}, axis=axis)


def cohorts_frame(found: Cohorts) -> pd.DataFrame:
    """Return a row for each month after a cohort's own that has begun, and for all of them."""
    rows: list[tuple[str, int, float, int, bool]] = []
    for place, month in enumerate(found.months):
        size = int(found.sizes[place])
        for after in range(1, len(found.months)):
            if size and found.happened(place, after):
                again = int(found.active[place, after])
                whole = found.complete(place, after)
                rows.append((cohort_name(month, size), after, again / size, again, whole))
    for after in range(1, len(found.months)):
        again, customers = found.overall(after)
        if customers:
            rows.append((OVERALL, after, again / customers, again, True))
    names = ("Cohort", "after", "share", "again", "whole")
    frame = pd.DataFrame(rows, columns=names)
    frame["Months after"] = frame["after"]
    frame["Ordered again"] = [format.percent(share) for share in frame["share"]]
    frame["Month"] = ["whole" if whole else "not over yet" for whole in frame["whole"]]
    return frame


def drawn(frame: pd.DataFrame, newest: Cohorts) -> pd.DataFrame:
    """Return those rows of all cohorts' frame that a chart of the ``newest`` of them has."""
    names = [OVERALL, *map(cohort_name, newest.months, newest.sizes.tolist())]
    return frame[frame["Cohort"].isin(names) & (frame["after"] < len(newest.months))]


def cohort_name(month: date, size: int) -> str:
    """Return how a cohort reads: Dec 2010 (885)."""
    return f"{month:%b %Y} ({format.count(size)})"


def cohorts(found: Cohorts, frame: pd.DataFrame) -> Spec:
    """Return a square for each month after a cohort's first; only an outline while it lasts."""
    order = [OVERALL, *dict.fromkeys(name for name in frame["Cohort"] if name != OVERALL)]
    months = list(range(1, len(found.months)))
    above = {"orient": "top", "labelAngle": 0, "title": "Months after the first order"}
    whole, running = {"filter": "datum.whole"}, {"filter": "!datum.whole"}
    outline = {
        "type": "rect",
        "fill": None,
        "stroke": ink(),
        "strokeDash": [3, 2],
        "strokeWidth": 1,
    }
    written = _written("share", ".0%", frame)
    unfinished = {**written, "encoding": {**written["encoding"], "color": {"value": ink()}}}
    return {
        "encoding": {
            "x": ordinal("after", scale={"domain": months}, axis=above),
            "y": category("Cohort", sort=order, axis=_AT_LEFT),
            "tooltip": facts("Cohort", "Months after", "Ordered again", "Month"),
        },
        "layer": [
            {"transform": [whole], **_squares("share", "Ordered again")},
            {"transform": [running], "mark": outline},
            {"transform": [whole], **written},
            {"transform": [running], **unfinished},
        ],
        "height": _CELL_PIXELS * len(order) + _NUMBERS_PIXELS + _LEGEND_PIXELS,
    }


def _squares(field: str, title: str, **more: str) -> Spec:
    color = shades(field, title, {"format": ".0%"}, domainMin=0)
    return {"mark": {"type": "rect", "cornerRadius": 2, **more}, "encoding": {"color": color}}


def _written(field: str, number: str, frame: pd.DataFrame) -> Spec:
    """Return the figure in each square, where there is room; dark on the bright ones."""
    bright = _BRIGHT * float(frame["share"].max())
    color = {"condition": {"test": f"datum.share > {bright}", "value": "#111"}, "value": "#fff"}
    room = {"expr": f"bandwidth('x') < {_NARROW} ? 0 : 1"}
    return {
        "mark": {"type": "text", "fontSize": 10, "opacity": room},
        "encoding": {"text": {"field": field, "format": number}, "color": color},
    }


def new_and_returning_frame(
    rows: pd.DataFrame, starts: Sequence[datetime], unit: Unit
) -> pd.DataFrame:
    """Return two rows for each row of the panel: its new and its returning customers."""
    pieces, spans = [], frames.spans(starts, unit)
    for kind in ("New", "Returning"):
        gross = f"Gross sales to {kind.lower()}"
        piece = frames.drawn(rows, {}, kind, gross, count=rows[kind], Customers=kind, **spans)
        pieces.append(piece.rename(columns={kind: "Number", gross: "Gross sales"}))
    return pd.concat(pieces).sort_index(kind="stable", ignore_index=True)


def new_and_returning(period: Period, unit: Unit) -> Spec:
    """Return bars of two parts over time: returning customers below, new ones above."""
    colours = {"New": ORANGE, "Returning": BLUE}
    spec = stacked(
        period, unit, {"title": "Customers"}, "count", "Customers", colours, "descending"
    )
    spec["encoding"]["tooltip"] = facts("Period", "Customers", "Number", "Gross sales")
    return {**spec, "height": 380}
