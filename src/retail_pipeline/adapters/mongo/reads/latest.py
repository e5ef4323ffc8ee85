"""What came in last, in the order in which it was stored, by small reads from that order's end."""

from __future__ import annotations

from pymongo import DESCENDING

from retail_pipeline.adapters.mongo.adapter import MongoAdapter
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.reads.filters import (
    LINE_FIELDS,
    StoredLine,
    matching,
    stored_line,
)
from retail_pipeline.domain.collections import TRANSACTIONS
from retail_pipeline.domain.figures import Selection

_SECONDS = 5.0
# MongoDB keeps documents in the order in which they came; no index is needed to walk it back.
_NEWEST_FIRST = {"$natural": DESCENDING}


class MongoLatest(MongoAdapter):
    """Reads of the newest rows."""

    def delays(self, rows: int) -> list[float]:
        """Return how many seconds each of the last ``rows`` rows took from file to database."""
        # One document with all of them is read faster than one document for each.
        delay = {"$subtract": ["$stored_at", "$ingested_at"]}
        pipeline: list[Document] = [
            {"$limit": rows},
            {"$group": {"_id": None, "delays_ms": {"$push": delay}}},
        ]
        with self._within(_SECONDS):
            found = list(self._database[TRANSACTIONS].aggregate(pipeline, hint=_NEWEST_FIRST))
        return [each / 1000 for document in found for each in document["delays_ms"]]

    def newest(self, selection: Selection, among: int, limit: int) -> list[StoredLine]:
        """Return the newest ``limit`` of those that count among the last ``among`` rows stored.

        Exact duplicates are among them in any case.
        """
        pipeline: list[Document] = [
            {"$limit": among},
            {"$match": matching(selection)},
            {"$limit": limit},
            {"$project": dict.fromkeys(LINE_FIELDS, 1)},
        ]
        with self._within(_SECONDS):
            found = self._database[TRANSACTIONS].aggregate(pipeline, hint=_NEWEST_FIRST)
            return list(map(stored_line, found))
