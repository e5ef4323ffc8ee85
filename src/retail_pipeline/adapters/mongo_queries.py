"""Report queries: sums made by MongoDB over the rollups, over the whole period and exactly.

Only the days asked for are read. A filter's values reach a pipeline as values to compare with,
under ``$in`` or as dates, so that none of them can act as an operator.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pymongo
from bson import Decimal128
from pymongo import DESCENDING, MongoClient

from retail_pipeline.adapters.mongo_client import Document
from retail_pipeline.adapters.mongo_errors import translated
from retail_pipeline.adapters.mongo_schema import (
    DIRTY_BUCKETS,
    ORDERS_ROLLUP,
    PRODUCTS_ROLLUP,
    QUARANTINE,
    TRANSACTIONS,
)
from retail_pipeline.domain.periods import Unit
from retail_pipeline.domain.report import Contents, Figures, ProductFigures, Selection, Status

Pipeline = list[dict[str, Any]]

_STATUS_SECONDS = 3.0
_QUERY_SECONDS = 30.0
_LINE_FIELDS = (
    "InvoiceDate",
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "UnitPrice",
    "TotalAmount",
    "kind",
    "CustomerID",
    "Country",
)


class MongoReports:
    """The dashboard's reads. Each raises TransientError while MongoDB is away, after 3 seconds
    for ``status`` and 30 for the others, and PermanentError when the user lacks the rights."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        self._database = client[database]

    def status(self) -> Status:
        """Return what is stored, by counters and small reads only."""
        with translated(self._client), pymongo.timeout(_STATUS_SECONDS):
            span = next(iter(self._database[ORDERS_ROLLUP].aggregate(_SPAN)), {})
            newest = self._database[TRANSACTIONS].find_one(
                {}, {"stored_at": 1}, sort=[("$natural", DESCENDING)]
            )
            pending = list(self._database[DIRTY_BUCKETS].find({}, {"token": 1}))
            quarantined = self._database[QUARANTINE].estimated_document_count()
            stored = self._database[TRANSACTIONS].estimated_document_count()
        marks = hash(frozenset(str(mark.get("token")) for mark in pending))
        return Status(
            stored=stored,
            quarantined=quarantined,
            pending_days=len(pending),
            first=_day(span.get("first")),
            last=_day(span.get("last")),
            last_stored_at=newest["stored_at"] if newest else None,
            version=f"{span.get('lines', 0)}/{span.get('rebuilt_at')}/{stored}/{marks}",
        )

    def contents(self) -> Contents:
        """Return the countries and the lines by kind, over everything summarised."""
        group = {
            "_id": {"country": "$entries.Country", "kind": "$entries.kind"},
            "lines": {"$sum": "$entries.lines"},
        }
        rows = self._aggregate(ORDERS_ROLLUP, [{"$unwind": "$entries"}, {"$group": group}])
        countries = {row["_id"].get("country") for row in rows}
        lines: dict[str, int] = {}
        for row in rows:
            lines[row["_id"]["kind"]] = lines.get(row["_id"]["kind"], 0) + row["lines"]
        return Contents(tuple(sorted(countries, key=lambda name: (name is None, name))), lines)

    def figures(self, selection: Selection) -> Figures:
        """Return the sums over the whole selection."""
        rows = self._aggregate(ORDERS_ROLLUP, figures_pipeline(selection, None))
        return _figures(rows[0]) if rows else Figures()

    def timeline(self, selection: Selection, unit: Unit) -> list[tuple[datetime, Figures]]:
        """Return the sums for each hour, day, week (from Monday) or month with a transaction."""
        start: Any = "$_id"
        if unit == "hour":
            start = {"$dateAdd": {"startDate": "$_id", "unit": "hour", "amount": "$entries.hour"}}
        elif unit != "day":
            start = {"$dateTrunc": {"date": "$_id", "unit": unit, "startOfWeek": "monday"}}
        pipeline = figures_pipeline(selection, start)
        rows = self._aggregate(ORDERS_ROLLUP, [*pipeline, {"$sort": {"_id": 1}}])
        return [(row["_id"], _figures(row)) for row in rows]

    def countries(self, selection: Selection) -> list[tuple[str | None, Figures]]:
        """Return the sums for each country, the highest net sales first."""
        pipeline = figures_pipeline(selection, "$entries.Country")
        rows = self._aggregate(ORDERS_ROLLUP, [*pipeline, {"$sort": {"net": -1, "_id": 1}}])
        return [(row["_id"], _figures(row)) for row in rows]

    def products(self, selection: Selection, limit: int) -> list[ProductFigures]:
        """Return the ``limit`` products with the highest net sales, and their latest names."""
        group = {
            "_id": "$entries.StockCode",
            "net": {"$sum": "$entries.amount"},
            "units": _sum_of("units", "sale"),
        }
        best: Pipeline = [{"$group": group}, {"$sort": {"net": -1, "_id": 1}}, {"$limit": limit}]
        rows = self._aggregate(PRODUCTS_ROLLUP, [*_selected(selection), *best])
        names = self._names([row["_id"] for row in rows])
        return [
            ProductFigures(
                code=row["_id"],
                name=names.get(row["_id"]),
                net=_money(row["net"]),
                units=row["units"],
            )
            for row in rows
        ]

    def latest(self, selection: Selection, limit: int) -> list[Document]:
        """Return the ``limit`` newest lines as stored, amounts and prices as Decimal."""
        condition = self._latest_condition(selection, limit)
        if condition is None:
            return []
        with translated(self._client), pymongo.timeout(_QUERY_SECONDS):
            found = self._database[TRANSACTIONS].find(
                condition,
                dict.fromkeys(_LINE_FIELDS, 1),
                sort=[("InvoiceDate", DESCENDING)],
                limit=limit,
            )
            lines = list(found)
        for line in lines:
            line.update({name: _money(line[name]) for name in ("UnitPrice", "TotalAmount")})
        return lines

    def _latest_condition(self, selection: Selection, limit: int) -> dict[str, Any] | None:
        """Return what to find: with a country filter, only the hours that hold its last lines.

        Without them the index by date would be walked to its end for a rare country.
        """
        if not selection.countries:
            return {"InvoiceDate": _between(selection)}
        key = {"day": "$_id", "hour": "$entries.hour"}
        hours = self._aggregate(
            ORDERS_ROLLUP,
            [
                *_selected(selection),
                {"$group": {"_id": key}},
                {"$sort": {"_id.day": -1, "_id.hour": -1}},
                {"$limit": limit},
            ],
        )
        starts = [hour["_id"]["day"] + timedelta(hours=hour["_id"]["hour"]) for hour in hours]
        if not starts:
            return None
        spans = [
            {"InvoiceDate": {"$gte": start, "$lt": start + timedelta(hours=1)}} for start in starts
        ]
        return {"$or": spans, "Country": {"$in": list(selection.countries)}}

    def _names(self, codes: list[str]) -> dict[str, str]:
        """Return each product's description on the last day that it was sold on."""
        names: dict[str, str] = {}
        for days in _DAYS_LOOKED_BACK:
            wanted = [code for code in codes if code not in names]
            if wanted:
                rows = self._aggregate(PRODUCTS_ROLLUP, _names_pipeline(wanted, days))
                names |= {row["_id"]: row["last"]["name"] for row in rows}
        return names

    def _aggregate(self, collection: str, pipeline: Pipeline) -> list[Document]:
        with translated(self._client), pymongo.timeout(_QUERY_SECONDS):
            return list(self._database[collection].aggregate(pipeline, allowDiskUse=True))


_SPAN: Pipeline = [
    {
        "$group": {
            "_id": None,
            "first": {"$min": "$_id"},
            "last": {"$max": "$_id"},
            "lines": {"$sum": "$lines"},
            "rebuilt_at": {"$max": "$rebuilt_at"},
        }
    }
]


# What sells well was sold lately; only what is not found there is looked for in all days.
_DAYS_LOOKED_BACK = (30, 1_000_000)


def _names_pipeline(codes: list[str], days: int) -> Pipeline:
    sold = {
        "$and": [
            {"$in": ["$$entry.StockCode", codes]},
            {"$eq": ["$$entry.kind", "sale"]},
            {"$gt": ["$$entry.Description", None]},
        ]
    }
    last = {"day": "$_id", "name": "$sold.Description"}
    return [
        {"$sort": {"_id": -1}},
        {"$limit": days},
        {"$project": {"sold": {"$filter": {"input": "$entries", "as": "entry", "cond": sold}}}},
        {"$unwind": "$sold"},
        {"$group": {"_id": "$sold.StockCode", "last": {"$max": last}}},
    ]


def figures_pipeline(selection: Selection, key: Any) -> Pipeline:
    """Return the aggregation of :class:`Figures` over the selection, grouped by ``key``."""
    distinct = {
        "orders": _set_of("InvoiceNo", "sale"),
        "cancellations": _set_of("InvoiceNo", "cancellation"),
        "customers": _set_of("CustomerID", "sale"),
    }
    sums = {
        "net": {"$sum": "$entries.amount"},
        "gross": _sum_of("amount", "sale"),
        "cancelled": _sum_of("amount", "cancellation"),
        "adjusted": _sum_of("amount", "adjustment"),
        "units": _sum_of("units", "sale"),
        "lines": {"$sum": "$entries.lines"},
    }
    return [
        *_selected(selection),
        {"$group": {"_id": key, **sums, **distinct}},
        {"$set": {name: {"$size": {"$setDifference": [f"${name}", [None]]}} for name in distinct}},
    ]


def _selected(selection: Selection) -> Pipeline:
    stages: Pipeline = [{"$match": {"_id": _between(selection)}}, {"$unwind": "$entries"}]
    if selection.countries:
        stages.append({"$match": {"entries.Country": {"$in": list(selection.countries)}}})
    return stages


def _between(selection: Selection) -> dict[str, datetime]:
    after = datetime.combine(selection.last, time()) + timedelta(days=1)
    return {"$gte": datetime.combine(selection.first, time()), "$lt": after}


def _if_kind(field: str, kind: str, otherwise: Any) -> dict[str, Any]:
    return {"$cond": [{"$eq": ["$entries.kind", kind]}, f"$entries.{field}", otherwise]}


def _sum_of(field: str, kind: str) -> dict[str, Any]:
    return {"$sum": _if_kind(field, kind, 0)}


def _set_of(field: str, kind: str) -> dict[str, Any]:
    return {"$addToSet": _if_kind(field, kind, None)}


def _figures(row: Document) -> Figures:
    values = {name: value for name, value in row.items() if name != "_id"}
    for name in ("net", "gross", "cancelled", "adjusted"):
        values[name] = _money(values[name])
    return Figures(**values)


def _money(value: Decimal128 | int) -> Decimal:
    # A sum over no Decimal128 at all is MongoDB's integer zero.
    return value.to_decimal() if isinstance(value, Decimal128) else Decimal(value)


def _day(value: datetime | None) -> date | None:
    return value and value.date()
