"""Reads MongoDB for a reconciliation: every document once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient
from pymongo.collection import Collection as MongoCollection

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.adapters.mongo.failed_days import PENDING, failed_days
from retail_pipeline.adapters.mongo.sample import WITHOUT_SAMPLE, is_replaced
from retail_pipeline.adapters.reconcile.mongo_lines import (
    FIELDS,
    UNREADABLE,
    Moment,
    line_of,
    within,
)
from retail_pipeline.adapters.reconcile.mongo_rollups import add_rollups, return_documents, traded
from retail_pipeline.domain.collections import (
    DIRTY_BUCKETS,
    MANIFESTS,
    PURGED,
    QUARANTINE,
    ROLLUPS,
    TRANSACTIONS,
)
from retail_pipeline.domain.days import day_number
from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.transaction import row_id
from retail_pipeline.errors import PermanentError
from retail_pipeline.reconcile.expected_returns import ReturnDocument, Stored
from retail_pipeline.reconcile.expected_rollups import ExpectedRollups
from retail_pipeline.reconcile.tally import Line, MisfiledDocument, QuarantinedRow, row_of

STATES = (TRANSACTIONS, QUARANTINE, PURGED)
_PIECE = 5_000
_HIGHEST = chr(ord(":") + 1)


class MongoRecords:
    """See :class:`retail_pipeline.reconcile.ports.Records`."""

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
        condition: dict[str, Any] = {}
        if days is not None:
            condition = {"$or": [{"InvoiceDate": within(day)} for day in sorted(days)]}
        lines: list[Line] = []
        misfiled: list[MisfiledDocument] = []
        moment = Moment()
        for document in self._find(TRANSACTIONS, condition, FIELDS, sort=[("InvoiceDate", 1)]):
            try:
                line = line_of(document, moment)
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

    def rollups(self, expected: ExpectedRollups) -> None:
        """Add every entry of every day."""
        add_rollups(self._find, expected)

    def traded(self, days: Collection[int] | None = None) -> Iterator[Sequence[Stored]]:
        """Yield the rows that a cancellation's match depends on, by customer and product."""
        return traded(self._find, days)

    def return_documents(self, days: Collection[int] | None = None) -> Iterator[ReturnDocument]:
        """Yield the documents of the returns."""
        return return_documents(self._find, days)

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
        others = {"_id": {"$nin": [within(day)["$gte"] for day in without]}}
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
        """Count them by the index on dates."""
        transactions = self._database[TRANSACTIONS]
        with translated(self._client):
            counted = WITHOUT_SAMPLE if days and is_replaced(self._aware) else {}
            return sum(
                transactions.count_documents({"InvoiceDate": within(day), **counted})
                for day in days
            )

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
