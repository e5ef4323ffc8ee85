"""The rollups as columns, a list a field: nothing is unpacked entry by entry.

A filter's values reach a pipeline as values to compare with, under ``$in``, so that none of them
can act as an operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pymongo
from pymongo import MongoClient

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.adapters.mongo.reads.micros import in_micros, whole
from retail_pipeline.adapters.mongo.reads.return_parts import RETURN_FIELDS, parts_of
from retail_pipeline.adapters.mongo.rollup_pipelines import KEYS, NAMES
from retail_pipeline.adapters.mongo.schema import LAYOUT
from retail_pipeline.domain.collections import ORDERS_ROLLUP, PRODUCTS_ROLLUP, RETURNS, TRANSACTIONS

# A look at a server that is away ends after the first; the driver goes on trying until then.
_LOOK_SECONDS, _READ_SECONDS = 3.0, 60.0
_ORDER = NAMES[ORDERS_ROLLUP]
FIELDS: dict[str, tuple[str, ...]] = {
    **NAMES,
    PRODUCTS_ROLLUP: (*NAMES[PRODUCTS_ROLLUP], "invoices", "Description"),
}
_FIGURES = ("lines", "units")


class MongoEntries:
    """Reads of the rollups. Each raises TransientError while MongoDB is away, and PermanentError
    when the user lacks the rights."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        self._database = client[database]

    def versions(self, rollup: str, since: datetime = datetime.min) -> dict[Any, datetime]:
        """Return when each document was made last, if later than ``since``, from an index alone.

        A rollup has one for each day, whose id is the day.
        """
        with translated(self._client), pymongo.timeout(_LOOK_SECONDS):
            found = self._database[rollup].find(
                {"rebuilt_at": {"$gt": since}},
                {"rebuilt_at": 1},
                hint="by_rebuild",
            )
            return {each["_id"]: each["rebuilt_at"] for each in found}

    def days(self, rollup: str, days: Iterable[datetime]) -> Iterator[Document]:
        """Yield the documents of these days, oldest first: the day, and a list for each field.

        A day that another release summarised in a form of its own is left out.
        """
        pipeline: list[Document] = [
            {"$match": {"_id": {"$in": list(days)}, "layout": LAYOUT}},
            {"$sort": {"_id": 1}},
            {"$project": _columns(FIELDS[rollup])},
        ]
        with translated(self._client), pymongo.timeout(_READ_SECONDS):
            for document in self._database[rollup].aggregate(pipeline):
                yield _whole(document)

    def return_parts(self, ids: Sequence[str]) -> Document:
        """Return the parts of these cancellations as columns; moments are in milliseconds."""
        found: Document = dict.fromkeys(RETURN_FIELDS, [])
        with translated(self._client), pymongo.timeout(_READ_SECONDS):
            for document in self._database[RETURNS].aggregate(parts_of(ids)):
                found = document
        return found | {name: whole(found[name]) for name in ("micros", "sold_micros")}

    def orders_of_products(self, codes: Sequence[str]) -> list[Document]:
        """Return what :meth:`days` gives of the orders, made of these products' lines alone.

        The entries come one by one: of a large day they would not fit into one document.
        """
        key = KEYS[ORDERS_ROLLUP] | {
            "day": {"$dateTrunc": {"date": "$InvoiceDate", "unit": "day"}},
        }
        figures = {
            "lines": {"$sum": 1},
            "units": {"$sum": "$Quantity"},
            "amount": {"$sum": "$TotalAmount"},
        }
        pipeline: list[Document] = [
            {"$match": {"StockCode": {"$in": list(codes)}}},
            {"$group": {"_id": key, **figures}},
            {"$project": {"lines": 1, "units": 1, "micros": in_micros("$amount")}},
        ]
        days: dict[datetime, Document] = {}
        with translated(self._client), pymongo.timeout(_READ_SECONDS):
            for entry in self._database[TRANSACTIONS].aggregate(pipeline):
                _append(days, entry)
        return [_whole(days[day]) for day in sorted(days)]


def _append(days: dict[datetime, Document], entry: Document) -> None:
    """Append an entry of the orders to its day's columns."""
    key = entry["_id"]
    day = days.get(key["day"])
    if day is None:
        columns = (*_ORDER, *_FIGURES, "micros")
        day = days[key["day"]] = {"day": key["day"], **{name: [] for name in columns}}
    for name in _ORDER:
        day[name].append(key.get(name))
    for name in (*_FIGURES, "micros"):
        day[name].append(entry[name])


def _columns(names: Iterable[str]) -> Document:
    def each(value: Any) -> Document:
        return {"$map": {"input": "$entries", "as": "entry", "in": value}}

    fields = {name: each({"$ifNull": [f"$$entry.{name}", None]}) for name in names}
    figures = {name: each(f"$$entry.{name}") for name in _FIGURES}
    return {
        "_id": 0,
        "day": "$_id",
        **fields,
        **figures,
        "micros": each(in_micros("$$entry.amount")),
    }


def _whole(document: Document) -> Document:
    document["micros"] = whole(document["micros"])
    return document
