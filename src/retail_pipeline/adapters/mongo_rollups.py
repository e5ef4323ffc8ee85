"""Rollups: one document a UTC day, aggregated by MongoDB from that day's stored transactions.

A day that rows came in for carries a mark in ``dirty_buckets`` (see ``MongoStore.mark``): a token,
new with each mark. A rebuild claims the day, aggregates it, and removes the mark only if the token
is still the same, so that no row that came in meanwhile is forgotten. Transactions are only ever
added, hence the rollup with more lines is the newer one, whoever writes last.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, MongoClient, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from retail_pipeline.adapters.mongo_client import Document
from retail_pipeline.adapters.mongo_errors import translated
from retail_pipeline.adapters.mongo_schema import (
    DIRTY_BUCKETS,
    ORDERS_ROLLUP,
    PRODUCTS_ROLLUP,
    TRANSACTIONS,
)

_QUIET_MS = 1_000
_LONGEST_WAIT_MS = 3_000
# A claim that runs out only means that two rebuild the same day, which does no harm.
_CLAIM_MS = 10_000

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
        "kind": "$kind",
    },
    PRODUCTS_ROLLUP: {"StockCode": "$StockCode", "Country": "$Country", "kind": "$kind"},
}
# Of several descriptions in a day, always the same one is taken.
_MORE: dict[str, dict[str, Any]] = {
    ORDERS_ROLLUP: {},
    PRODUCTS_ROLLUP: {"Description": {"$max": "$Description"}},
}


class MongoSummaries:
    """Rebuilds of days; see :class:`retail_pipeline.flows.ports.Summaries`."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        self._database = client[database]
        # A rollup passes through here as MongoDB wrote it, never unpacked.
        self._packed: Database[Any] = client.get_database(
            database, codec_options=CodecOptions(document_class=RawBSONDocument)
        )

    def rebuild_next(self) -> bool:
        """Claim one marked day, rebuild its rollups and clear its mark."""
        with translated(self._client):
            mark = self._claim()
            if mark is None:
                return False
            for rollup in KEYS:
                self._rebuild(mark["_id"], rollup)
            self._release(mark)
            return True

    def _rebuild(self, day: datetime, rollup: str) -> None:
        """Aggregate ``day`` and replace its document, unless that was made of more rows."""
        for made in self._packed[TRANSACTIONS].aggregate(rebuild_pipeline(day, rollup)):
            older = {"_id": day, "lines": {"$lte": made["lines"]}}
            try:
                self._packed[rollup].replace_one(older, made, upsert=True)
            except DuplicateKeyError:  # there is one, and it is not older
                pass

    def pending(self) -> int:
        """Return how many days are out of date, those that someone is rebuilding included."""
        with translated(self._client):
            return self._database[DIRTY_BUCKETS].count_documents({})

    def _claim(self) -> Document | None:
        unclaimed = {"$lt": [{"$ifNull": ["$claimed_until", datetime.min]}, "$$NOW"]}
        due = {
            "$or": [
                {"$lt": ["$marked_at", {"$subtract": ["$$NOW", _QUIET_MS]}]},
                {"$lt": ["$since", {"$subtract": ["$$NOW", _LONGEST_WAIT_MS]}]},
            ]
        }
        claim = {"claimed_until": {"$add": ["$$NOW", _CLAIM_MS]}, "since": "$$NOW"}
        return self._database[DIRTY_BUCKETS].find_one_and_update(
            {"$expr": {"$and": [unclaimed, due]}},
            [{"$set": claim}],
            sort=[("marked_at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )

    def _release(self, mark: Document) -> None:
        marks = self._database[DIRTY_BUCKETS]
        if not marks.delete_one({"_id": mark["_id"], "token": mark["token"]}).deleted_count:
            marks.update_one({"_id": mark["_id"]}, {"$unset": {"claimed_until": ""}})


def rebuild_pipeline(day: datetime, rollup: str) -> list[dict[str, Any]]:
    """Return the aggregation that makes the document of ``rollup`` for the UTC ``day``.

    It writes nothing itself: followed by $merge, MongoDB runs it on its slower engine.
    """
    key, figures = KEYS[rollup], _FIGURES | _MORE[rollup]
    entry = {name: f"$_id.{name}" for name in key} | {name: f"${name}" for name in figures}
    return [
        {"$match": {"InvoiceDate": {"$gte": day, "$lt": day + timedelta(days=1)}}},
        {"$group": {"_id": key, **figures}},
        {"$group": {"_id": day, "lines": {"$sum": "$lines"}, "entries": {"$push": entry}}},
        {"$set": {"rebuilt_at": "$$NOW"}},
    ]
