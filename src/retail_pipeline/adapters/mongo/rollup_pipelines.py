"""The aggregations by which MongoDB makes a day's documents of the three rollups."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.schema import LAYOUT, LINE
from retail_pipeline.domain.collections import DUPLICATES_ROLLUP, ORDERS_ROLLUP, PRODUCTS_ROLLUP
from retail_pipeline.domain.fees import FEES

Pipeline = list[Document]

_FIGURES: dict[str, Any] = {
    "lines": {"$sum": 1},
    "units": {"$sum": "$Quantity"},
    "amount": {"$sum": "$TotalAmount"},
}
# What an entry of each rollup stands for; every figure of the dashboard is a sum over entries.
KEYS: dict[str, dict[str, Any]] = {
    ORDERS_ROLLUP: {
        "InvoiceNo": "$InvoiceNo",
        "hour": {"$hour": "$InvoiceDate"},
        "CustomerID": "$CustomerID",
        "Country": "$Country",
        "fee": {"$in": ["$StockCode", list(FEES)]},
        "kind": "$kind",
    },
    PRODUCTS_ROLLUP: {
        "StockCode": "$StockCode",
        "Country": "$Country",
        "guest": {"$lte": ["$CustomerID", None]},
        "kind": "$kind",
    },
}
# The same, and the third rollup's, as the names of an entry's fields.
NAMES: dict[str, tuple[str, ...]] = {
    **{rollup: tuple(key) for rollup, key in KEYS.items()},
    DUPLICATES_ROLLUP: ("InvoiceNo", "StockCode", "hour", "CustomerID", "Country", "kind"),
}
# Of several descriptions in a day, always the same one is taken.
_MORE: dict[str, dict[str, Any]] = {
    ORDERS_ROLLUP: {},
    PRODUCTS_ROLLUP: {
        "Description": {"$max": "$Description"},
        "invoices": {"$addToSet": "$InvoiceNo"},
    },
}


def _entries_of(rollup: str) -> Callable[[datetime], Pipeline]:
    """Return what makes the aggregation for a day's document of ``rollup``, out of its KEYS.

    It writes nothing itself: followed by $merge, MongoDB runs it on its slower engine.
    """
    key, figures = KEYS[rollup], _FIGURES | _MORE[rollup]
    entry: Document = {name: f"$_id.{name}" for name in key} | {
        name: f"${name}" for name in figures
    }
    if "invoices" in entry:
        entry["invoices"] = {"$size": "$invoices"}

    def pipeline(day: datetime) -> Pipeline:
        return [
            _of(day),
            {"$group": {"_id": key, **figures}},
            {"$group": {"_id": day, "lines": {"$sum": "$lines"}, "entries": {"$push": entry}}},
            _STAMP,
        ]

    return pipeline


def _duplicates_of(day: datetime) -> Pipeline:
    """Return the aggregation of what the day has twice: an entry says how much is too many."""
    more = {"$subtract": ["$lines", 1]}
    entry = {
        "InvoiceNo": "$_id.InvoiceNo",
        "StockCode": "$_id.StockCode",
        "hour": {"$hour": "$_id.InvoiceDate"},
        "CustomerID": "$_id.CustomerID",
        "Country": "$_id.Country",
        "kind": "$kind",
        "lines": more,
        "units": {"$multiply": ["$_id.Quantity", more]},
        "amount": {"$multiply": ["$amount", more]},
    }
    again = {"$cond": [{"$gt": ["$lines", 1]}, entry, "$$REMOVE"]}
    first = {"kind": {"$first": "$kind"}, "amount": {"$first": "$TotalAmount"}}
    line = {name: f"${name}" for name in LINE}
    return [
        _of(day),
        {"$group": {"_id": line, "lines": {"$sum": 1}, **first}},
        {"$group": {"_id": day, "lines": {"$sum": "$lines"}, "entries": {"$push": again}}},
        _STAMP,
    ]


def _of(day: datetime) -> Document:
    return {"$match": {"InvoiceDate": {"$gte": day, "$lt": day + timedelta(days=1)}}}


_STAMP: Document = {"$set": {"rebuilt_at": "$$NOW", "layout": LAYOUT}}
# The aggregation that makes a day's document of each.
ROLLUPS: dict[str, Callable[[datetime], Pipeline]] = {
    ORDERS_ROLLUP: _entries_of(ORDERS_ROLLUP),
    PRODUCTS_ROLLUP: _entries_of(PRODUCTS_ROLLUP),
    DUPLICATES_ROLLUP: _duplicates_of,
}
