"""The sample in MongoDB: whether it is there, whether it was replaced, and its removal.

A document of the collection ``sample`` records that other data has replaced it. It is written
before anything is removed, and stays. A summary made before it is older than one made after it (see
``rollups``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pymongo.database import Database

from retail_pipeline.adapters.mongo.adapter import MongoAdapter
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.adapters.mongo.store import mark_dirty
from retail_pipeline.domain.collections import (
    MANIFESTS,
    ORDERS_ROLLUP,
    PURGED,
    QUARANTINE,
    RETURNS,
    SAMPLE,
    TRANSACTIONS,
)
from retail_pipeline.domain.fields import DATE
from retail_pipeline.domain.rejection import Stage
from retail_pipeline.domain.sample_source import SAMPLE_SOURCE

# Each identity of a row, a cancellation and a manifest begins with its source.
_AFTER = SAMPLE_SOURCE + "~"
OF_SAMPLE: Document = {"_id": {"$gte": SAMPLE_SOURCE, "$lt": _AFTER}}
_OF_OTHERS: Document = {"$or": [{"_id": {"$lt": SAMPLE_SOURCE}}, {"_id": {"$gte": _AFTER}}]}
# By the source and not by the identity, so that MongoDB chooses no other index for it.
WITHOUT_SAMPLE: Document = {"source": {"$not": {"$regex": f"^{SAMPLE_SOURCE}"}}}
_REPLACED: Document = {"_id": "replaced"}
# Transactions come last: as long as one is there, the removal is not complete.
_HOLDERS = (RETURNS, PURGED, QUARANTINE, MANIFESTS, TRANSACTIONS)


def is_replaced(database: Database[Document]) -> bool:
    """Return whether other data has replaced the sample; raises PyMongoError."""
    return database[SAMPLE].find_one(_REPLACED) is not None


def has_sample_rows(database: Database[Document]) -> bool:
    """Return whether rows of the sample are stored; raises PyMongoError."""
    return database[TRANSACTIONS].find_one(OF_SAMPLE, {"_id": 1}) is not None


class MongoSample(MongoAdapter):
    """See :class:`retail_pipeline.flows.ports.SampleStore`."""

    def replaced(self) -> bool:
        """Return whether other data has replaced the sample."""
        with translated(self._client):
            return is_replaced(self._database)

    def stored(self) -> bool:
        """Return whether any collection holds a document of the sample."""
        with translated(self._client):
            return any(self._one(name, OF_SAMPLE) for name in _HOLDERS)

    def other_data(self) -> bool:
        """Return whether other data was stored; what processors reject may be no row."""
        with translated(self._client):
            return (
                is_replaced(self._database)
                or self._one(TRANSACTIONS, _OF_OTHERS)
                or self._one(MANIFESTS, _OF_OTHERS | {"rows_read": {"$gt": 0}})
                or self._one(QUARANTINE, _OF_OTHERS | {"stage": Stage.PRODUCER.value})
            )

    def replace(self) -> int:
        """Record the replacement, mark the days dirty, remove; after a crash it can be repeated."""
        with translated(self._client):
            note = {"$setOnInsert": {"at": datetime.now(UTC)}}
            self._database[SAMPLE].update_one(_REPLACED, note, upsert=True)
        if not self.stored():
            return 0
        with translated(self._client):
            mark_dirty(self._database, sorted(self._days()))
            removed = {name: self._remove(name, OF_SAMPLE) for name in _HOLDERS}
        return removed[TRANSACTIONS] + removed[QUARANTINE] + removed[PURGED]

    def remove(self, identities: Sequence[str]) -> None:
        """Remove documents by their identities from each collection."""
        chosen = {"$and": [OF_SAMPLE, {"_id": {"$in": list(identities)}}]}
        with translated(self._client):
            for name in _HOLDERS:
                self._remove(name, chosen)

    def _remove(self, name: str, condition: Document) -> int:
        return self._database[name].delete_many(condition).deleted_count

    def _one(self, name: str, condition: Document) -> bool:
        return self._database[name].find_one(condition, {"_id": 1}) is not None

    def _days(self) -> set[datetime]:
        """Return the days of the sample's rows, and those summarised before the replacement.

        Cancellations of other data may have been matched with sales of the sample.
        """
        day = {"$dateTrunc": {"date": f"${DATE}", "unit": "day"}}
        rows = self._database[TRANSACTIONS].aggregate(
            [{"$match": OF_SAMPLE}, {"$group": {"_id": day}}]
        )
        old = self._database[ORDERS_ROLLUP].find({"without_sample": {"$ne": True}}, {"_id": 1})
        return {each["_id"] for each in (*rows, *old)}
