"""The aggregations that make a day's document of each of the three rollups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.schema import ROLLUP_VERSION
from retail_pipeline.domain import fields
from retail_pipeline.domain.collections import DUPLICATES_ROLLUP, ORDERS_ROLLUP, PRODUCTS_ROLLUP
from retail_pipeline.domain.fees import FEES

Pipeline = list[Document]

# What the lines of an entry add up to.
FIGURES: dict[str, Any] = {
    "lines": {"$sum": 1},
    "units": {"$sum": f"${fields.UNITS}"},
    "amount": {"$sum": f"${fields.AMOUNT}"},
}
_EXPRESSIONS: dict[str, Any] = {
    "hour": {"$hour": f"${fields.DATE}"},
    "fee": {"$in": [f"${fields.PRODUCT}", list(FEES)]},
    "guest": {"$lte": [f"${fields.CUSTOMER}", None]},  # null and missing sort first
}
# The key of an entry of each rollup; every figure of the dashboard is a sum over entries.
KEYS: dict[str, Document] = {
    rollup: {name: _EXPRESSIONS.get(name, f"${name}") for name in fields.ROLLUP_KEYS[rollup]}
    for rollup in (ORDERS_ROLLUP, PRODUCTS_ROLLUP)
}
# Of several descriptions in a day, the last in the alphabet is taken: a repetition takes it too.
_MORE: dict[str, dict[str, Any]] = {
    ORDERS_ROLLUP: {},
    PRODUCTS_ROLLUP: {
        fields.DESCRIPTION: {"$max": f"${fields.DESCRIPTION}"},
        "invoices": {"$addToSet": f"${fields.INVOICE}"},
    },
}


def _entries_of(rollup: str) -> Callable[[datetime], Pipeline]:
    """Return the function that makes the aggregation of a day's document of ``rollup``.

    The aggregation writes nothing: with $merge, MongoDB runs it on its slower engine.
    """
    key, figures = KEYS[rollup], FIGURES | _MORE[rollup]
    entry: Document = {name: f"$_id.{name}" for name in key} | {
        name: f"${name}" for name in figures
    }
    if "invoices" in entry:
        entry["invoices"] = {"$size": "$invoices"}

    return lambda day: _document_of(day, {"_id": key, **figures}, entry)


def _duplicates_of(day: datetime) -> Pipeline:
    """Return the aggregation of a day's duplicates: an entry is all but one of equal lines."""
    more = {"$subtract": ["$lines", 1]}
    entry = {
        **{name: f"$_id.{name}" for name in fields.ROLLUP_KEYS[DUPLICATES_ROLLUP]},
        "hour": {"$hour": f"$_id.{fields.DATE}"},
        "kind": "$kind",
        "lines": more,
        "units": {"$multiply": [f"$_id.{fields.UNITS}", more]},
        "amount": {"$multiply": ["$amount", more]},
    }
    again = {"$cond": [{"$gt": ["$lines", 1]}, entry, "$$REMOVE"]}
    first = {"kind": {"$first": "$kind"}, "amount": {"$first": f"${fields.AMOUNT}"}}
    line = {name: f"${name}" for name in fields.LINE_IDENTITY}
    return _document_of(day, {"_id": line, "lines": {"$sum": 1}, **first}, again)


def _document_of(day: datetime, group: Document, entry: Document) -> Pipeline:
    """Return the aggregation that groups a day's lines and makes an ``entry`` of each group."""
    return [
        {"$match": {fields.DATE: {"$gte": day, "$lt": day + timedelta(days=1)}}},
        {"$group": group},
        {"$group": {"_id": day, "lines": {"$sum": "$lines"}, "entries": {"$push": entry}}},
        {"$set": {"rebuilt_at": "$$NOW", "layout": ROLLUP_VERSION}},
    ]


# The aggregation that makes a day's document of each.
PIPELINES: dict[str, Callable[[datetime], Pipeline]] = {
    ORDERS_ROLLUP: _entries_of(ORDERS_ROLLUP),
    PRODUCTS_ROLLUP: _entries_of(PRODUCTS_ROLLUP),
    DUPLICATES_ROLLUP: _duplicates_of,
}
