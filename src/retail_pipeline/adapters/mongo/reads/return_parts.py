"""The returns as columns, a list a field: one place in each for every part of a cancellation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.reads.micros import in_micros
from retail_pipeline.adapters.mongo.schema import LAYOUT
from retail_pipeline.domain.returns import RowOrigin

# Each field of a part.
RETURN_FIELDS: Document = {
    "line": "$_id",
    "InvoiceNo": "$InvoiceNo",
    "StockCode": "$StockCode",
    "CustomerID": "$CustomerID",
    "Country": "$Country",
    "returned": {"$toLong": "$InvoiceDate"},
    "units": "$each.part.units",
    "micros": in_micros("$each.part.amount"),
    "stands": "$each.stands",
    "reason": "$each.part.reason",
    "sold": {"$toLong": "$each.part.sale.InvoiceDate"},
    "sold_invoice": "$each.part.sale.InvoiceNo",
    "sold_country": "$each.part.sale.Country",
    "sold_micros": in_micros({"$multiply": ["$each.part.units", "$each.part.sale.UnitPrice"]}),
}


def parts_of(ids: Sequence[str]) -> list[Document]:
    """Return the aggregation that makes the columns of these cancellations' parts, or nothing.

    Those that another release matched in a form of its own are left out.
    """
    return [
        {"$match": {"_id": {"$in": list(ids)}, "layout": LAYOUT}},
        {"$set": {"each": {"$concatArrays": [_parts(), _distinct_parts()]}}},
        {"$unwind": "$each"},
        {"$project": {"_id": 0, **{name: _or_null(made) for name, made in RETURN_FIELDS.items()}}},
        {"$group": {"_id": None, **{name: {"$push": f"${name}"} for name in RETURN_FIELDS}}},
    ]


def _or_null(value: Any) -> Document:
    return {"$ifNull": [value, None]}


def _parts() -> Document:
    both = {"$lte": ["$distinct_parts", None]}
    return _standing(
        "$parts", {"$cond": [both, RowOrigin.ALWAYS.value, RowOrigin.WITH_DUPLICATES.value]}
    )


def _distinct_parts() -> Document:
    return _standing({"$ifNull": ["$distinct_parts", []]}, RowOrigin.WITHOUT_DUPLICATES.value)


def _standing(parts: Any, stands: Any) -> Document:
    return {"$map": {"input": parts, "in": {"part": "$$this", "stands": stands}}}
