"""Days that can't be summarised, as ``dirty_buckets`` keeps them.

Such a day stays dirty. Its document also has ``failure``: the reasons by part, since when, how many
attempts, when the next one is due, and the token that the day had at the last attempt. While that
token is the day's own, no rows have arrived since.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.heartbeats import summaries_error
from retail_pipeline.domain.collections import DIRTY_BUCKETS
from retail_pipeline.domain.failed_days import NO_DAY, WHAT_TO_DO, FailedDay, in_words

_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS = 10_000, 3_600_000
_CHANGED: Document = {"$ne": ["$failure.token", "$token"]}
# A document about anything but a day is ignored.
DAYS: Document = {"_id": {"$type": "date"}}
# The dirty days that will be summarised within seconds or minutes.
PENDING: Document = {**DAYS, "$or": [{"failure": None}, {"$expr": _CHANGED}]}
# The dirty days that may be tried now, as a condition of an aggregation.
MAY_BE_TRIED: Document = {
    "$or": [{"$lte": ["$failure", None]}, _CHANGED, {"$lt": ["$failure.retry_at", "$$NOW"]}]
}


def failed_days(database: Database[Document]) -> list[FailedDay]:
    """Return the days that can't be summarised, oldest first; raises PyMongoError."""
    pipeline: list[Document] = [
        {"$match": {**DAYS, "failure": {"$type": "object"}}},
        {"$sort": {"_id": ASCENDING}},
        {"$project": {"failure": 1, "changed": _CHANGED}},
    ]
    return [_failed(each) for each in database[DIRTY_BUCKETS].aggregate(pipeline)]


def _failed(document: Document) -> FailedDay:
    failure: dict[str, Any] = document["failure"]
    day: datetime = document["_id"]
    return FailedDay(
        day=day.date(),
        reasons={str(part): str(why) for part, why in failure["reasons"].items()},
        since=failure["since"],
        attempts=failure["attempts"],
        next_at=failure["retry_at"],
        changed=document["changed"],
    )


def summaries_left(database: Database[Document]) -> tuple[int, str | None]:
    """Return how many dirty days will be summarised, and which days can't be, with what to do.

    If no day at all can be summarised, the number is 0. Raises PyMongoError.
    """
    dirty = database[DIRTY_BUCKETS].count_documents(PENDING)
    if error := summaries_error(database):
        return 0, NO_DAY.format(error=error)
    failed = failed_days(database)
    return dirty, f"{in_words(failed)}; {WHAT_TO_DO}" if failed else None


def pause_ms(attempts: int) -> int:
    """Return how long to wait after so many failures of a day in a row, in milliseconds."""
    return int(min(_FIRST_PAUSE_MS * 2 ** min(attempts - 1, 20), _LONGEST_PAUSE_MS))


def failure_of(dirty: Document, reasons: dict[str, str]) -> tuple[Document, int]:
    """Return the update that records another failure of a claimed day, and the pause after it.

    The pause is in milliseconds; the update releases the claim.
    """
    attempts = int((dirty.get("failure") or {}).get("attempts", 0)) + 1
    pause = pause_ms(attempts)
    failure = {
        "token": {"$literal": dirty["token"]},
        "reasons": {"$literal": reasons},
        "since": {"$ifNull": ["$failure.since", "$$NOW"]},
        "attempts": attempts,
        "retry_at": {"$add": ["$$NOW", pause]},
    }
    return {"$set": {"failure": failure, "claimed_until": "$$REMOVE"}}, pause
