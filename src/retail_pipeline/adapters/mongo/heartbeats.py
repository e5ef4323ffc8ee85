"""The processors' signs of life: one document a processor, kept for a day after its last one.

Kafka's offsets come to the dashboard this way: it knows MongoDB alone.
"""

from __future__ import annotations

import msgspec
import pymongo
from pymongo import DESCENDING, MongoClient
from pymongo.database import Database

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.domain.collections import PROCESSORS
from retail_pipeline.domain.heartbeat import ALIVE_SECONDS, HeartbeatRecord, ProcessorHeartbeat

_SECONDS = 5.0
# Ten minutes of a pulse every two seconds.
KEPT_SAMPLES = 300
_MOST_PROCESSORS = 50


class MongoHeartbeats:
    """Keeps and finds pulses; raises TransientError or PermanentError as every adapter does."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        self._processors = client[database][PROCESSORS]

    def keep(self, heartbeat: ProcessorHeartbeat, quiet_s: float, *, stopped: bool = False) -> None:
        """Replace the processor's last pulse, and add what it had stored to its history."""
        fields = msgspec.to_builtins(heartbeat, builtin_types=(type(heartbeat.started_at),))
        sample = {"at": "$$NOW", "stored": heartbeat.stored}
        history = {"$concatArrays": [{"$ifNull": ["$history", []]}, [sample]]}
        change: Document = {
            **{name: {"$literal": value} for name, value in fields.items()},
            "quiet_s": quiet_s,
            "stopped": stopped,
            "at": "$$NOW",
            "history": {"$slice": [history, -KEPT_SAMPLES]},
        }
        with translated(self._client), pymongo.timeout(_SECONDS):
            self._processors.update_one({"_id": heartbeat.name}, [{"$set": change}], upsert=True)

    def latest(self) -> list[HeartbeatRecord]:
        """Return the last pulse of each processor, the newest first.

        One that another release wrote, and that this one can't read, is left out.
        """
        age = {"$divide": [{"$subtract": ["$$NOW", "$at"]}, 1000]}
        pipeline: list[Document] = [
            {"$sort": {"at": DESCENDING}},
            {"$limit": _MOST_PROCESSORS},
            {"$set": {"age_s": age}},
        ]
        with translated(self._client), pymongo.timeout(_SECONDS):
            found = list(self._processors.aggregate(pipeline))
        return [heard for each in found if (heard := _record(each)) is not None]


def summaries_error(database: Database[Document]) -> str | None:
    """Return why a processor that is alive can't summarise any day; None if all can.

    Its errors are the driver's own.
    """
    lately = {"$gt": ["$at", {"$subtract": ["$$NOW", int(ALIVE_SECONDS * 1000)]}]}
    failing = {"summaries_error": {"$type": "string"}, "stopped": False, "$expr": lately}
    found = database[PROCESSORS].find(failing, {"summaries_error": 1}, limit=1)
    return next((str(each["summaries_error"]) for each in found), None)


def _record(document: Document) -> HeartbeatRecord | None:
    try:
        return msgspec.convert(document, HeartbeatRecord)
    except msgspec.ValidationError:
        return None
