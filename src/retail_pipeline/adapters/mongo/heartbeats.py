"""The processors' heartbeats: one document for each processor, deleted a day after the last.

Kafka's offsets reach the dashboard this way: it reads MongoDB alone.
"""

from __future__ import annotations

import msgspec
import pymongo
from pymongo import DESCENDING, MongoClient
from pymongo.collection import Collection
from pymongo.database import Database

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.domain.collections import PROCESSORS
from retail_pipeline.domain.heartbeat import ProcessorHeartbeat, StoredHeartbeat

_SECONDS = 5.0
# Ten minutes of a heartbeat every two seconds.
KEPT_POINTS = 300
_MOST_PROCESSORS = 50


class MongoHeartbeats:
    """Keeps and reads heartbeats; raises TransientError or PermanentError as every adapter does."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        self._processors = client[database][PROCESSORS]

    def keep(self, heartbeat: ProcessorHeartbeat, quiet_s: float, *, stopped: bool = False) -> None:
        """Replace the processor's last heartbeat; its history gets the number of stored rows."""
        fields = msgspec.to_builtins(heartbeat, builtin_types=(type(heartbeat.started_at),))
        point = {"at": "$$NOW", "stored": heartbeat.stored}
        history = {"$concatArrays": [{"$ifNull": ["$history", []]}, [point]]}
        change: Document = {
            **{name: {"$literal": value} for name, value in fields.items()},
            "quiet_s": quiet_s,
            "stopped": stopped,
            "at": "$$NOW",
            "history": {"$slice": [history, -KEPT_POINTS]},
        }
        with translated(self._client), pymongo.timeout(_SECONDS):
            self._processors.update_one({"_id": heartbeat.name}, [{"$set": change}], upsert=True)

    def latest(self) -> list[StoredHeartbeat]:
        """Return each processor's last heartbeat, newest first, without those it can't read."""
        with translated(self._client), pymongo.timeout(_SECONDS):
            return _latest(self._processors)


def summaries_error(database: Database[Document]) -> str | None:
    """Return why a live processor can't summarise any day, or None; raises PyMongoError."""
    records = _latest(database[PROCESSORS], {"$unset": "history"})
    errors = (each.summaries_error for each in records if each.alive)
    return next((error for error in errors if error), None)


def _latest(processors: Collection[Document], *more: Document) -> list[StoredHeartbeat]:
    age = {"$divide": [{"$subtract": ["$$NOW", "$at"]}, 1000]}
    pipeline: list[Document] = [
        {"$sort": {"at": DESCENDING}},
        {"$limit": _MOST_PROCESSORS},
        {"$set": {"age_s": age}},
        *more,
    ]
    found = map(_record, processors.aggregate(pipeline))
    return [record for record in found if record]


def _record(document: Document) -> StoredHeartbeat | None:
    try:
        return msgspec.convert(document, StoredHeartbeat)
    except msgspec.ValidationError:
        return None
