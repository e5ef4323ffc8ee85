"""MongoDB as the row ledger reads it: every document once, as what it says now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from operator import index
from typing import Any

import msgspec
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.collection import Collection

from retail_pipeline.adapters.mongo_client import Document
from retail_pipeline.adapters.mongo_errors import translated
from retail_pipeline.adapters.mongo_rollups import KEYS
from retail_pipeline.adapters.mongo_schema import (
    DIRTY_BUCKETS,
    MANIFESTS,
    PURGED,
    QUARANTINE,
    TRANSACTIONS,
)
from retail_pipeline.domain.ledger import DAY_MS, Held, Line, Stray, micros, row_of
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.rollup_book import RollupBook
from retail_pipeline.domain.transaction import row_id

STATES = (TRANSACTIONS, QUARANTINE, PURGED)
_EPOCH = datetime(1970, 1, 1)
_MILLISECOND = timedelta(milliseconds=1)
_PIECE = 5_000


def _text(field: str) -> Document:
    """Return the expression for a number's text: a Decimal128 object takes the driver longer."""
    return {"$convert": {"input": field, "to": "string", "onError": None}}


_FIELDS: Document = dict.fromkeys(
    (
        "source",
        "row",
        "InvoiceNo",
        "StockCode",
        "Description",
        "Quantity",
        "InvoiceDate",
        "CustomerID",
        "Country",
        "kind",
    ),
    1,
) | {"UnitPrice": _text("$UnitPrice"), "TotalAmount": _text("$TotalAmount")}
_ENTRIES = {
    "entries": {
        "$map": {
            "input": "$entries",
            "as": "entry",
            "in": {"$mergeObjects": ["$$entry", {"amount": _text("$$entry.amount")}]},
        }
    }
}
_HIGHEST = chr(ord(":") + 1)


class MongoRecords:
    """See :class:`retail_pipeline.flows.ledger_ports.Records`."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        # Naive dates (they are UTC) are made much faster.
        self._database = client.get_database(database, codec_options=CodecOptions(tz_aware=False))
        self._aware = client[database]

    def manifests(self) -> list[Manifest]:
        """Return the manifests as the processor recorded them."""
        with translated(self._client):
            found = list(self._aware[MANIFESTS].find().sort("started_at"))
        return [msgspec.convert(each, Manifest) for each in found]

    def pending_days(self) -> set[int]:
        """Return the days that are marked."""
        with translated(self._client):
            return {
                _day(each["_id"]) for each in self._database[DIRTY_BUCKETS].find({}, {"_id": 1})
            }

    def lines(self, days: Iterable[int] | None = None) -> Iterator[tuple[list[Line], list[Stray]]]:
        """Yield the stored rows, in the order in which they lie on the disk."""
        condition: dict[str, Any] = {}
        if days is not None:
            condition = {"$or": [{"InvoiceDate": _within(day)} for day in sorted(days)]}
        lines: list[Line] = []
        strays: list[Stray] = []
        moment = _Moment()
        for document in self._find(TRANSACTIONS, condition, _FIELDS):
            try:
                line = _line(document, moment)
                hash(line)  # whatever can't be hashed, no field of a row can be
            except (KeyError, TypeError, ValueError, AttributeError):
                strays.append(Stray(str(document["_id"]), None))
                continue
            if document["_id"] != row_id(line.source, line.row):
                strays.append(Stray(str(document["_id"]), line))
                continue
            lines.append(line)
            if len(lines) == _PIECE:
                yield lines, strays
                lines, strays = [], []
        yield lines, strays

    def quarantined(self) -> Iterator[Held]:
        """Yield the rows in quarantine, each for the row that it stands for."""
        fields = dict.fromkeys(("raw", "stage", "truncated", "claims"), 1)
        for each in self._find(QUARANTINE, {}, fields):
            yield Held.standing_for(
                str(each["_id"]),
                str(each.get("claims") or ""),
                each.get("raw", ""),
                each.get("stage"),
                bool(each.get("truncated")),
            )

    def purged(self) -> Iterator[tuple[str, int]]:
        """Yield what was purged."""
        for each in self._find(PURGED, {}, {"claims": 1}):
            yield row_of(str(each.get("claims") or each["_id"]))

    def rollups(self, book: RollupBook) -> None:
        """Enter every entry of every day."""
        for rollup, names in KEYS.items():
            for document in self._find(rollup, {}, _ENTRIES):
                day = _day(document["_id"])
                for entry in document["entries"]:
                    key = tuple(entry.get(name) for name in names)
                    figures = entry["lines"], entry["units"], _micros(entry["amount"])
                    book.enter(rollup, day, key, figures)

    def states(self, ids: Sequence[str]) -> dict[str, set[str]]:
        """Look the ids up in the three collections."""
        found: dict[str, set[str]] = {each: set() for each in ids}
        for name in STATES:
            for document in self._find(name, {"_id": {"$in": list(ids)}}, {"_id": 1}):
                found[document["_id"]].add(name)
        # A record that claims to be a row stands for it where nothing else does.
        for name in (QUARANTINE, PURGED):
            for document in self._find(name, {"claims": {"$in": list(ids)}}, {"claims": 1}):
                found[document["claims"]] = found[document["claims"]] or {name}
        return found

    def counts(self) -> dict[str, dict[str, int]]:
        """Count each source's ids by the index on them, collection by collection."""
        with translated(self._client):
            return {name: _counted(self._database[name]) for name in STATES}

    def claimed(self) -> dict[str, int]:
        """Count the rows that nothing but a record in quarantine stands for."""
        only: dict[str, int] = {}
        with translated(self._client):
            ids = self._database[QUARANTINE].distinct("claims", {"claims": {"$type": "string"}})
            for start in range(0, len(ids), _PIECE):
                piece = ids[start : start + _PIECE]
                held = {
                    document["_id"]
                    for name in STATES
                    for document in self._database[name].find({"_id": {"$in": piece}}, {"_id": 1})
                }
                for each in set(piece) - held:
                    source = each.rpartition(":")[0]
                    only[source] = only.get(source, 0) + 1
        return only

    def rollup_rows(self) -> dict[str, int]:
        """Add up what each day's document says it was made of."""
        total = [{"$group": {"_id": None, "rows": {"$sum": "$lines"}}}]
        with translated(self._client):
            return {
                name: next(iter(self._database[name].aggregate(total)), {}).get("rows", 0)
                for name in KEYS
            }

    def _find(self, name: str, condition: dict[str, Any], fields: Document) -> Iterator[Document]:
        with translated(self._client):
            yield from self._database[name].find(condition, fields, batch_size=_PIECE)


class _Moment:
    """Milliseconds of a date; remembers the last one, as an invoice's lines follow each other."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._found = 0

    def __call__(self, moment: datetime) -> int:
        if moment != self._last:
            self._found = (moment - _EPOCH) // _MILLISECOND
            self._last = moment
        return self._found


def _line(document: Document, moment: _Moment) -> Line:
    return Line(
        document["source"],
        document["row"],
        document["InvoiceNo"],
        document["StockCode"],
        document["Description"],
        index(document["Quantity"]),
        moment(document["InvoiceDate"]),
        _micros(document["UnitPrice"]),
        document["CustomerID"],
        document["Country"],
        _micros(document["TotalAmount"]),
        str(document["kind"]),
    )


@lru_cache(maxsize=65_536)
def _micros(text: str) -> int | Decimal:
    return micros(Decimal(text))


def _counted(collection: Collection[Document]) -> dict[str, int]:
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


def _day(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND // DAY_MS


def _within(day: int) -> dict[str, datetime]:
    start = _EPOCH + timedelta(days=day)
    return {"$gte": start, "$lt": start + timedelta(days=1)}
