"""The reads that tell how good the data is: sources, the quarantine, lines that lack something.

Each is bounded: by an index that answers it alone, or by a limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pymongo import DESCENDING

from retail_pipeline.adapters.mongo.adapter import MongoAdapter, readable
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.reads.filters import matching
from retail_pipeline.domain.collections import MANIFESTS, QUARANTINE, TRANSACTIONS
from retail_pipeline.domain.fields import DESCRIPTION
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.quarantined import Quarantined

T = TypeVar("T")

_SECONDS = 30.0
MOST_SOURCES = 100
_MOST_GROUPS = 1_000


@dataclass(frozen=True)
class Freshness:
    """A source's manifest, and when the stored row with the highest number was stored."""

    manifest: Manifest
    last_row: int | None
    last_stored_at: datetime | None


@dataclass(frozen=True)
class QuarantineGroup:
    """How many rows of one file one stage put into quarantine for one reason, and when last."""

    reason: str
    stage: str
    name: str
    rows: int
    last_at: datetime


class MongoQuality(MongoAdapter):
    """Reads for the page about quality."""

    def sources(self, limit: int = MOST_SOURCES) -> list[Freshness]:
        """Return the sources that were begun last, the newest first; all of them for 0."""
        with self._within(_SECONDS):
            found = self._database[MANIFESTS].find(sort=[("started_at", DESCENDING)])
            manifests = _readable(found.limit(limit), Manifest)
            return [self._fresh(each) for each in manifests]

    def _fresh(self, manifest: Manifest) -> Freshness:
        # Row numbers are padded, so that the furthest row is the last one in the index.
        own = {"$gte": f"{manifest.source}:", "$lt": f"{manifest.source};"}
        last = self._database[TRANSACTIONS].find_one(
            {"_id": own}, {"row": 1, "stored_at": 1}, sort=[("_id", DESCENDING)]
        )
        row, stored_at = (last["row"], last["stored_at"]) if last else (None, None)
        return Freshness(manifest, row, stored_at)

    def quarantine(self) -> list[QuarantineGroup]:
        """Return what is in quarantine, by reason, stage and file: the most rows first."""
        key = {name: f"${name}" for name in ("reason", "stage", "name")}
        pipeline: list[Document] = [
            # Of an index's fields alone, hence answered by it.
            {"$sort": {"reason": 1, "quarantined_at": DESCENDING}},
            {"$group": {"_id": key, "rows": {"$sum": 1}, "last_at": {"$max": "$quarantined_at"}}},
            {"$sort": {"rows": DESCENDING, "_id": 1}},
            {"$limit": _MOST_GROUPS},
        ]
        with self._within(_SECONDS):
            groups = list(self._database[QUARANTINE].aggregate(pipeline))
        return _readable(({**each, **each["_id"]} for each in groups), QuarantineGroup)

    def quarantined(self, reason: str, limit: int) -> list[Quarantined]:
        """Return rows that are in quarantine for ``reason``, the newest first."""
        with self._within(_SECONDS):
            found = self._database[QUARANTINE].find(
                {"reason": {"$eq": reason}}, sort=[("quarantined_at", DESCENDING)], limit=limit
            )
            return _readable(found, Quarantined)

    def undescribed(self, selection: Selection) -> int:
        """Return how many of the lines that count have no description, exact duplicates too."""
        # As the index has it: MongoDB would not see that ``None`` means the same.
        lacking = {DESCRIPTION: {"$type": "null"}}
        with self._within(_SECONDS):
            return self._database[TRANSACTIONS].count_documents(
                {"$and": [lacking, matching(selection)]}
            )


def _readable(documents: Iterable[Document], form: type[T]) -> list[T]:
    """Return the documents in their form.

    One that another release wrote, and that this one can't read, is left out.
    """
    return [found for each in documents if (found := readable(each, form)) is not None]
