"""Reads MongoDB for a reconciliation: every document once.

Expected returns follow from rows that are read a second time, a hundred pairs of a customer and a
stock code at a time. Only pairs with a cancellation are read, which an index lists, and only a
hundred of them are in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import msgspec
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient
from pymongo.collection import Collection as MongoCollection

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.adapters.mongo.failed_days import PENDING, failed_days
from retail_pipeline.adapters.mongo.returns import CANCELLED, TRADED
from retail_pipeline.adapters.mongo.sample import WITHOUT_SAMPLE, is_replaced
from retail_pipeline.adapters.reconcile.mongo_documents import (
    ENTRY_FIELDS,
    LINE_FIELDS,
    RETURN_FIELDS,
    UNREADABLE,
    add_entries,
    line_of,
    return_of,
)
from retail_pipeline.domain.collections import (
    DIRTY_BUCKETS,
    MANIFESTS,
    PURGED,
    QUARANTINE,
    RETURNS,
    ROLLUPS,
    TRANSACTIONS,
)
from retail_pipeline.domain.days import EPOCH, day_number
from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.fields import CUSTOMER, DATE, PRODUCT
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.transaction import row_id
from retail_pipeline.errors import PermanentError
from retail_pipeline.reconcile.expected_rollups import RollupSums
from retail_pipeline.reconcile.records import (
    Line,
    MisfiledDocument,
    QuarantinedRow,
    ReturnDocument,
    Stored,
    row_of,
)

STATES = (TRANSACTIONS, QUARANTINE, PURGED)
_PIECE = 5_000
_PAIRS_AT_ONCE = 100
_HIGHEST = chr(ord(":") + 1)


class MongoReader:
    """See :class:`retail_pipeline.reconcile.ports.DatabaseReader`."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        # Naive dates (they are UTC) are made much faster. One that no Python date can be is read
        # as something else, so that its document is named instead of ending the reconciliation.
        options: CodecOptions[Document] = CodecOptions(
            tz_aware=False, datetime_conversion=DatetimeConversion.DATETIME_AUTO
        )
        self._database = client.get_database(database, codec_options=options)
        self._aware = client[database]

    def manifests(self) -> list[Manifest]:
        """Return the manifests as the processor recorded them."""
        with translated(self._client):
            found = list(self._aware[MANIFESTS].find().sort("started_at"))
        try:
            return msgspec.convert(found, list[Manifest])
        except msgspec.ValidationError as error:
            raise PermanentError(
                f"the collection {MANIFESTS} has a document that no producer wrote: {error}"
            ) from None

    def sample_replaced(self) -> bool:
        """Read the note of the replacement."""
        with translated(self._client):
            return is_replaced(self._aware)

    def pending_days(self) -> set[int]:
        """Return the dirty days, without those that can't be summarised."""
        with translated(self._client):
            return {
                day_number(each["_id"])
                for each in self._database[DIRTY_BUCKETS].find(PENDING, {"_id": 1})
            }

    def failed_days(self) -> list[FailedDay]:
        """Return the dirty days that can't be summarised."""
        with translated(self._client):
            return failed_days(self._aware)

    def lines(
        self, days: Iterable[int] | None = None
    ) -> Iterator[tuple[list[Line], list[MisfiledDocument]]]:
        """Yield the stored rows, day by day: rollups are made of whole days."""
        lines: list[Line] = []
        misfiled: list[MisfiledDocument] = []
        for document in self._find(TRANSACTIONS, _on(days), LINE_FIELDS, sort=[(DATE, 1)]):
            try:
                line = line_of(document)
            except UNREADABLE:
                misfiled.append(MisfiledDocument(str(document["_id"]), None))
                continue
            if document["_id"] != row_id(line.source, line.row):
                misfiled.append(MisfiledDocument(str(document["_id"]), line))
                continue
            lines.append(line)
            if len(lines) == _PIECE:
                yield lines, misfiled
                lines, misfiled = [], []
        yield lines, misfiled

    def quarantined(self) -> Iterator[QuarantinedRow]:
        """Yield the rows in quarantine, each under the row that it is about."""
        fields = dict.fromkeys(("raw", "stage", "truncated", "claims"), 1)
        for each in self._find(QUARANTINE, {}, fields):
            yield QuarantinedRow.for_row(
                str(each["_id"]),
                str(each.get("claims") or ""),
                each.get("raw", ""),
                each.get("stage"),
                bool(each.get("truncated")),
            )

    def purged(self) -> Iterator[tuple[str, int]]:
        """Yield source and row of what was purged."""
        for each in self._find(PURGED, {}, {"claims": 1}):
            yield row_of(str(each.get("claims") or each["_id"]))

    def rollups(self, found: RollupSums) -> None:
        """Add every entry of every day."""
        for rollup in ROLLUPS:
            for document in self._find(rollup, {}, ENTRY_FIELDS):
                add_entries(found, rollup, document)

    def traded(self, days: Collection[int] | None = None) -> Iterator[Sequence[Stored]]:
        """Yield the rows that a cancellation's match depends on, by customer and product.

        Guests can't be distinguished: of them, the cancellations of each day and stock code.
        """
        pairs = self._pairs(days)
        while piece := list(islice(pairs, _PAIRS_AT_ONCE)):
            codes = defaultdict[str, list[str]](list)
            for customer, code in piece:
                codes[customer].append(code)
            wanted = [
                {CUSTOMER: customer, PRODUCT: {"$in": some}} for customer, some in codes.items()
            ]
            found = defaultdict[tuple[str, str], list[Stored]](list)
            for stored in self._stored({"$or": wanted, **TRADED}):
                found[stored.line.StockCode, str(stored.line.CustomerID)].append(stored)
            yield from found.values()
        guests = {**CANCELLED, CUSTOMER: None, **_on(days)}
        in_order = self._stored(guests, sort=[(DATE, 1)])
        for _, of_day in groupby(in_order, key=lambda stored: stored.line.day):
            by_code = defaultdict[str, list[Stored]](list)
            for stored in of_day:
                by_code[stored.line.StockCode].append(stored)
            yield from by_code.values()

    def return_documents(self, days: Collection[int] | None = None) -> Iterator[ReturnDocument]:
        """Yield the documents of the returns."""
        for document in map(return_of, self._find(RETURNS, {}, RETURN_FIELDS)):
            if days is None or document.day in days:
                yield document

    def states(self, ids: Sequence[str]) -> dict[str, set[str]]:
        """Find the ids in the three collections."""
        found: dict[str, set[str]] = {each: set() for each in ids}
        for name in STATES:
            for document in self._find(name, {"_id": {"$in": list(ids)}}, {"_id": 1}):
                found[document["_id"]].add(name)
        # A record that claims to be a row counts for it where nothing else does.
        for name in (QUARANTINE, PURGED):
            for document in self._find(name, {"claims": {"$in": list(ids)}}, {"claims": 1}):
                found[document["claims"]] = found[document["claims"]] or {name}
        return found

    def counts(self) -> dict[str, dict[str, int]]:
        """Count each source's ids by the index on them, collection by collection."""
        with translated(self._client):
            return {name: _counted(self._database[name]) for name in STATES}

    def claimed(self) -> dict[str, int]:
        """Count the rows that only a quarantined record claims to be."""
        only: dict[str, int] = {}
        with translated(self._client):
            ids = self._database[QUARANTINE].distinct("claims", {"claims": {"$type": "string"}})
            for start in range(0, len(ids), _PIECE):
                piece = ids[start : start + _PIECE]
                known = {
                    document["_id"]
                    for name in STATES
                    for document in self._database[name].find({"_id": {"$in": piece}}, {"_id": 1})
                }
                for each in set(piece) - known:
                    source = each.rpartition(":")[0]
                    only[source] = only.get(source, 0) + 1
        return only

    def rollup_rows(self, without: Collection[int] = ()) -> dict[str, int]:
        """Add up the numbers of rows in the days' documents."""
        others = {"_id": {"$nin": [_within(day)["$gte"] for day in without]}}
        total: list[Document] = [
            {"$match": others},
            {"$group": {"_id": None, "rows": {"$sum": "$lines"}}},
        ]
        with translated(self._client):
            return {
                name: next(iter(self._database[name].aggregate(total)), {}).get("rows", 0)
                for name in ROLLUPS
            }

    def rows_on(self, days: Collection[int]) -> int:
        """Count the rows of these days by the index on dates."""
        transactions = self._database[TRANSACTIONS]
        with translated(self._client):
            counted = WITHOUT_SAMPLE if days and is_replaced(self._aware) else {}
            return sum(
                transactions.count_documents({DATE: _within(day), **counted}) for day in days
            )

    def _pairs(self, days: Collection[int] | None) -> Iterator[tuple[str, str]]:
        """Yield each customer and stock code once; an index of cancellations covers the query."""
        condition = {**CANCELLED, CUSTOMER: {"$ne": None}, **_on(days)}
        shown = {"_id": 0, CUSTOMER: 1, PRODUCT: 1}
        pairs = (
            (found.get(CUSTOMER), found.get(PRODUCT))
            for found in self._find(TRANSACTIONS, condition, shown, sort=[(CUSTOMER, 1)])
        )
        # Documents with other types are reported as unreadable.
        texts = (
            (customer, code)
            for customer, code in pairs
            if isinstance(customer, str) and isinstance(code, str)
        )
        for _, of_customer in groupby(texts, key=itemgetter(0)):
            yield from sorted(set(of_customer))

    def _stored(self, condition: Document, **options: Any) -> Iterator[Stored]:
        for document in self._find(TRANSACTIONS, condition, LINE_FIELDS, **options):
            try:
                yield Stored(str(document["_id"]), line_of(document))
            except UNREADABLE:  # it is reported as such
                continue

    def _find(
        self, name: str, condition: Document, fields: Document, **options: Any
    ) -> Iterator[Document]:
        with translated(self._client):
            found = self._database[name].find(condition, fields, batch_size=_PIECE, **options)
            yield from found


def _counted(collection: MongoCollection[Document]) -> dict[str, int]:
    """Return how many ids each source has, stepping through the index from source to source."""
    found: dict[str, int] = {}
    after = ""
    while first := collection.find_one({"_id": {"$gte": after}}, {"_id": 1}, sort=[("_id", 1)]):
        source, colon, _ = first["_id"].rpartition(":")
        if not colon:
            source, after = first["_id"], first["_id"] + "\0"
            found[source] = 1
            continue
        after = source + _HIGHEST
        span = {"$gte": source + ":", "$lt": after}
        found[source] = collection.count_documents({"_id": span})
    return found


def _within(day: int) -> dict[str, datetime]:
    """Return the condition of dates on one day."""
    start = EPOCH + timedelta(days=day)
    # Up to the last millisecond: of the last day that Python knows there is no day after.
    return {"$gte": start, "$lte": start + timedelta(days=1, milliseconds=-1)}


def _on(days: Iterable[int] | None) -> Document:
    return {} if days is None else {"$or": [{DATE: _within(day)} for day in sorted(days)]}
