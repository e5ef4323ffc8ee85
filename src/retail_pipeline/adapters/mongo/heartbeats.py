"""The processors' heartbeats: one document for each processor, deleted a day after the last.

Kafka's offsets reach the dashboard this way: it reads MongoDB alone.
"""

from __future__ import annotations

import msgspec
from pymongo import DESCENDING
from pymongo.database import Database

from retail_pipeline.adapters.mongo.adapter import MongoAdapter, readable
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.domain.collections import PROCESSORS
from retail_pipeline.domain.heartbeat import ProcessorHeartbeat, StoredHeartbeat

_SECONDS = 5.0
# Ten minutes of a heartbeat every two seconds.
KEPT_POINTS = 300
_MOST_PROCESSORS = 50


class MongoHeartbeats(MongoAdapter):
    """Keeps and reads heartbeats."""

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
        with self._within(_SECONDS):
            processors = self._database[PROCESSORS]
            processors.update_one({"_id": heartbeat.name}, [{"$set": change}], upsert=True)

    def latest(self) -> list[StoredHeartbeat]:
        """Return each processor's last heartbeat, newest first, without those it can't read."""
        with self._within(_SECONDS):
            return _latest(self._database)


def summaries_error(database: Database[Document]) -> str | None:
    """Return why a live processor can't summarise any day, or None; raises PyMongoError."""
    heartbeats = _latest(database, {"$unset": "history"})
    errors = (each.summaries_error for each in heartbeats if each.alive)
    return next((error for error in errors if error), None)


def _latest(database: Database[Document], *more: Document) -> list[StoredHeartbeat]:
    age = {"$divide": [{"$subtract": ["$$NOW", "$at"]}, 1000]}
    pipeline: list[Document] = [
        {"$sort": {"at": DESCENDING}},
        {"$limit": _MOST_PROCESSORS},
        {"$set": {"age_s": age}},
        *more,
    ]
    found = (readable(each, StoredHeartbeat) for each in database[PROCESSORS].aggregate(pipeline))
    return [heartbeat for heartbeat in found if heartbeat]
