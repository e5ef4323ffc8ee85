"""The rollups and the returns as columns, a list a field: nothing is unpacked entry by entry.

A filter's values reach a pipeline as values to compare with, under ``$in``, so that none of them
can act as an operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from bson import Decimal128

from retail_pipeline.adapters.mongo.adapter import MongoAdapter
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.rollup_pipelines import FIGURES, KEYS
from retail_pipeline.adapters.mongo.schema import ROLLUP_VERSION
from retail_pipeline.domain import fields
from retail_pipeline.domain.collections import ORDERS_ROLLUP, PRODUCTS_ROLLUP, RETURNS, TRANSACTIONS
from retail_pipeline.domain.money import to_micros
from retail_pipeline.domain.returns import DuplicateMode

# How long the driver tries again: for a read of the versions, and for any other read.
_VERSIONS_SECONDS, _READ_SECONDS = 3.0, 60.0
_ORDER = fields.ROLLUP_KEYS[ORDERS_ROLLUP]
FIELDS: dict[str, tuple[str, ...]] = {
    **fields.ROLLUP_KEYS,
    PRODUCTS_ROLLUP: (*fields.ROLLUP_KEYS[PRODUCTS_ROLLUP], "invoices", fields.DESCRIPTION),
}
_COUNTS = ("lines", "units")


def _in_micros(amount: Any) -> Document:
    """Return the expression of an amount in micros; one of more than 64 bits stays in pounds."""
    micros = {"$multiply": [amount, 1_000_000]}
    return {"$convert": {"input": micros, "to": "long", "onError": amount}}


_RETURN_FIELDS: Document = {
    "line": "$_id",
    fields.INVOICE: f"${fields.INVOICE}",
    fields.PRODUCT: f"${fields.PRODUCT}",
    fields.CUSTOMER: f"${fields.CUSTOMER}",
    fields.COUNTRY: f"${fields.COUNTRY}",
    "returned": {"$toLong": f"${fields.DATE}"},
    "units": "$each.part.units",
    "micros": _in_micros("$each.part.amount"),
    "duplicate_mode": "$each.duplicate_mode",
    "reason": "$each.part.reason",
    "sold": {"$toLong": f"$each.part.sale.{fields.DATE}"},
    "sold_invoice": f"$each.part.sale.{fields.INVOICE}",
    "sold_country": f"$each.part.sale.{fields.COUNTRY}",
    "sold_micros": _in_micros(
        {"$multiply": ["$each.part.units", f"$each.part.sale.{fields.PRICE}"]}
    ),
}


class MongoRollupReads(MongoAdapter):
    """Reads of the rollups."""

    def versions(self, rollup: str, since: datetime = datetime.min) -> dict[Any, datetime]:
        """Return when each document was made last, if later than ``since``, from an index alone.

        A rollup has one for each day, whose id is the day.
        """
        with self._within(_VERSIONS_SECONDS):
            found = self._database[rollup].find(
                {"rebuilt_at": {"$gt": since}}, {"rebuilt_at": 1}, hint="by_rebuild"
            )
            return {each["_id"]: each["rebuilt_at"] for each in found}

    def days(self, rollup: str, days: Iterable[datetime]) -> Iterator[Document]:
        """Yield the documents of these days, oldest first: the day, and a list for each field.

        A day with another ROLLUP_VERSION is left out.
        """
        pipeline: list[Document] = [
            {"$match": {"_id": {"$in": list(days)}, "layout": ROLLUP_VERSION}},
            {"$sort": {"_id": 1}},
            {"$project": _columns(FIELDS[rollup])},
        ]
        with self._within(_READ_SECONDS):
            for document in self._database[rollup].aggregate(pipeline):
                yield _whole(document)

    def return_parts(self, ids: Sequence[str]) -> Document:
        """Return the parts of these cancellations as columns; moments are in milliseconds.

        A cancellation with another ROLLUP_VERSION is left out.
        """
        columns = {name: {"$ifNull": [made, None]} for name, made in _RETURN_FIELDS.items()}
        pipeline: list[Document] = [
            {"$match": {"_id": {"$in": list(ids)}, "layout": ROLLUP_VERSION}},
            {"$set": {"each": {"$concatArrays": _parts_with_mode()}}},
            {"$unwind": "$each"},
            {"$project": {"_id": 0, **columns}},
            {"$group": {"_id": None, **{name: {"$push": f"${name}"} for name in columns}}},
        ]
        found: Document = dict.fromkeys(columns, [])
        with self._within(_READ_SECONDS):
            for document in self._database[RETURNS].aggregate(pipeline):
                found = document
        return found | {name: _all_micros(found[name]) for name in ("micros", "sold_micros")}

    def orders_of_products(self, codes: Sequence[str]) -> list[Document]:
        """Return what :meth:`days` gives of the orders, made of these products' lines alone.

        The entries come one by one: of a large day they would not fit into one document.
        """
        key = KEYS[ORDERS_ROLLUP] | {
            "day": {"$dateTrunc": {"date": f"${fields.DATE}", "unit": "day"}},
        }
        pipeline: list[Document] = [
            {"$match": {fields.PRODUCT: {"$in": list(codes)}}},
            {"$group": {"_id": key, **FIGURES}},
            {"$project": {"lines": 1, "units": 1, "micros": _in_micros("$amount")}},
        ]
        days: dict[datetime, Document] = {}
        with self._within(_READ_SECONDS):
            for entry in self._database[TRANSACTIONS].aggregate(pipeline):
                _append(days, entry)
        return [_whole(days[day]) for day in sorted(days)]


def _append(days: dict[datetime, Document], entry: Document) -> None:
    """Append an entry of the orders to its day's columns."""
    values, columns = entry | entry["_id"], (*_ORDER, *_COUNTS, "micros")
    day = days.get(values["day"])
    if day is None:
        day = days[values["day"]] = {"day": values["day"], **{name: [] for name in columns}}
    for name in columns:
        day[name].append(values.get(name))


def _columns(names: Iterable[str]) -> Document:
    def each(value: Any) -> Document:
        return {"$map": {"input": "$entries", "as": "entry", "in": value}}

    keys = {name: each({"$ifNull": [f"$$entry.{name}", None]}) for name in names}
    figures = {name: each(f"$$entry.{name}") for name in _COUNTS}
    return {
        "_id": 0,
        "day": "$_id",
        **keys,
        **figures,
        "micros": each(_in_micros("$$entry.amount")),
    }


def _parts_with_mode() -> list[Document]:
    """Return the expressions of the parts with and without duplicates, each with its mode."""
    always, with_duplicates, without = (mode.value for mode in DuplicateMode)
    same = {"$lte": ["$distinct_parts", None]}
    return [
        {"$map": {"input": parts, "in": {"part": "$$this", "duplicate_mode": mode}}}
        for parts, mode in (
            ("$parts", {"$cond": [same, always, with_duplicates]}),
            ({"$ifNull": ["$distinct_parts", []]}, without),
        )
    ]


def _whole(document: Document) -> Document:
    document["micros"] = _all_micros(document["micros"])
    return document


def _all_micros(amounts: list[Any]) -> list[Any]:
    """Return amounts in micros; those of more than 64 bits came in pounds."""
    if not any(isinstance(each, Decimal128) for each in amounts):
        return amounts
    return [
        to_micros(each.to_decimal()) if isinstance(each, Decimal128) else each for each in amounts
    ]
