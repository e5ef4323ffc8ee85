"""The map of countries: Natural Earth's outlines (public domain), and the dataset's own names.

``world.json`` is made from world-atlas' countries-110m: simplified, without Antarctica.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from retail_pipeline.dashboard.charts import AXIS_MONEY, Spec, facts, picking, shades

# The outlines have other names for these.
_NAMES = {
    "EIRE": "Ireland",
    "USA": "United States of America",
    "RSA": "South Africa",
    "Czech Republic": "Czechia",
    "Korea": "South Korea",
}
_LABELLED = (0, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)  # of the legend
_FACTS = ("Net sales", "Orders", "Customers")


@cache
def _outlines() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(__file__).with_name("world.json").read_text("utf-8"))
    return found


@cache
def _drawn() -> frozenset[str]:
    return frozenset(each["id"] for each in _outlines()["objects"]["countries"]["geometries"])


def on_map(countries: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a countries' frame that the map can draw, with their ``place`` on it."""
    places = countries["name"].map(lambda name: _NAMES.get(name, name))
    return countries.assign(place=places)[places.isin(_drawn())]


def world(countries: pd.DataFrame, blank: str) -> Spec:
    """Return the map: a country is brighter for more net sales, on a scale of powers.

    ``countries`` are the rows that :func:`on_map` gave; ``blank`` is the colour of the others.
    """
    fields = ["name", "net", *_FACTS]
    rows = countries[["place", *fields]]
    low, high = float(min(0, rows["net"].min())), float(max(0, rows["net"].max()))
    land = {"values": _outlines(), "format": {"type": "topojson", "feature": "countries"}}
    found = {
        "lookup": "id",
        "from": {
            "data": {"values": rows.to_dict("records")},
            "key": "place",
            "fields": fields,
        },
    }
    named = {"calculate": "datum.name", "as": "Country"}
    shape: Spec = {"type": "geoshape", "stroke": "#8886", "strokeWidth": 0.5}
    labelled = [value for value in _LABELLED if low <= value <= high]
    legend = {"labelExpr": AXIS_MONEY, "values": labelled}
    # One country may sell a hundred times what the next does.
    scale = {"type": "symlog", "constant": 1000, "domain": [low, high]}
    colour = shades("net", "Net sales", legend, **scale)
    return {
        "projection": {"type": "naturalEarth1"},
        "layer": [
            {"data": land, "mark": {**shape, "fill": blank}},
            {
                "data": land,
                "transform": [found, {"filter": "isValid(datum.net)"}, named],
                "mark": {**shape, "cursor": "pointer"},
                "params": picking("name"),
                "encoding": {"color": colour, "tooltip": facts("Country", *_FACTS)},
            },
        ],
        "height": 330,
    }
