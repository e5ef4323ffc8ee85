"""Rollups: one document a UTC day, aggregated by MongoDB from that day's stored transactions.

A day with new rows is dirty: it has a document in ``dirty_buckets`` with a token, which is new each
time the day is marked (see ``store.mark_dirty``). A rebuild claims the day, aggregates it, and
deletes that document only if the token is unchanged, so rows that arrive meanwhile are not missed.
Transactions are only ever added, so the rollup with more lines is newer, whoever writes last.

A part of a day that can't be made stops neither the day's other parts nor other days: the day stays
dirty, with the reason, and is tried again later (see ``failed_days``).

The sample is the exception: other data replaces it. A rebuild that begins after that leaves the
sample's rows out, removed or not, and records that in the document (``without_sample``). Such a
document is newer than any without that field. A day without other rows gets an empty document, so
that a rebuild which began before can't write the sample's figures again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, MongoClient, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from retail_pipeline.adapters.mongo.adapter import MongoAdapter
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import limit_met, translated
from retail_pipeline.adapters.mongo.failed_days import (
    DAYS,
    MAY_BE_TRIED,
    PENDING,
    failed_days,
    failure_of,
)
from retail_pipeline.adapters.mongo.returns import MongoReturns
from retail_pipeline.adapters.mongo.rollup_pipelines import PIPELINES
from retail_pipeline.adapters.mongo.sample import OF_SAMPLE, WITHOUT_SAMPLE, is_replaced
from retail_pipeline.adapters.mongo.schema import ROLLUP_VERSION
from retail_pipeline.adapters.mongo.store import mark_dirty
from retail_pipeline.domain.collections import DIRTY_BUCKETS, ORDERS_ROLLUP, RETURNS, TRANSACTIONS
from retail_pipeline.domain.failed_days import PARTS, FailedDay
from retail_pipeline.errors import RetailError, TransientError

log = logging.getLogger(__name__)

_QUIET_MS = 1_000
_LONGEST_WAIT_MS = 3_000
# After a claim expires two may rebuild the same day, which does no harm.
_CLAIM_MS = 10_000
_LONGEST_REASON = 500


class MongoRollups(MongoAdapter):
    """Rebuilds of days; see :class:`retail_pipeline.flows.ports.Rollups`."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        super().__init__(client, database)
        self._returns = MongoReturns(self._database)
        # The days that threads of this process rebuild: a claim may expire meanwhile, and a day
        # that takes long must not occupy a second thread.
        self._at_work: set[datetime] = set()
        # A rollup is passed on as MongoDB wrote it, never unpacked.
        self._packed: Database[Any] = client.get_database(
            database, codec_options=CodecOptions(document_class=RawBSONDocument)
        )

    def mark_outdated(self) -> int:
        """Mark the days with another ROLLUP_VERSION dirty; return how many.

        Failed days are due again: this release may be able to summarise them.
        """
        with translated(self._client):
            self._database[DIRTY_BUCKETS].update_many(
                {"failure": {"$type": "object"}}, {"$unset": {"failure.token": ""}}
            )
            other = {**DAYS, "layout": {"$ne": ROLLUP_VERSION}}
            days = self._database[ORDERS_ROLLUP].find(other, {"_id": 1})
            return mark_dirty(self._database, (day["_id"] for day in days))

    def rebuild_next(self) -> bool:
        """Claim one dirty day and rebuild its rollups and returns; return whether there was one.

        The day is clean then, unless rows came in meanwhile. A day that failed in part stays dirty,
        with the reasons.
        """
        with translated(self._client):
            dirty = self._claim()
        if dirty is None:
            return False
        self._at_work.add(dirty["_id"])
        try:
            reasons = self._rebuild_parts(dirty["_id"])
            with translated(self._client):
                if reasons:
                    self._keep_failure(dirty, reasons)
                else:
                    self._release(dirty)
        finally:
            self._at_work.discard(dirty["_id"])
        return True

    def _rebuild_parts(self, day: datetime) -> dict[str, str]:
        """Rebuild each part of a day's summaries; return the reasons of the failures, by part."""
        reasons: dict[str, str] = {}
        with translated(self._client):
            without_sample = is_replaced(self._database)

        def attempt(part: str, rebuild: Callable[[], None]) -> None:
            try:
                with translated(self._client):
                    rebuild()
            except TransientError:
                raise
            except Exception as error:  # of any kind: it concerns this part of this day alone
                log.debug(
                    "the summaries of %s: %s",
                    day,
                    part,
                    exc_info=error,
                    extra={"day": str(day.date())},
                )
                reasons[part] = _reason(error)

        for rollup in PIPELINES:
            attempt(rollup, partial(self._rebuild, day, rollup, without_sample))
        summarised = ORDERS_ROLLUP not in reasons
        returns = partial(self._returns.rebuild, day, without_sample, summarised=summarised)
        attempt(RETURNS, returns)
        if not without_sample:
            with translated(self._client):
                if is_replaced(self._database):  # meanwhile: these returns may be of the sample
                    self._database[RETURNS].delete_many(OF_SAMPLE)
        return reasons

    def _keep_failure(self, dirty: Document, reasons: dict[str, str]) -> None:
        change, pause = failure_of(dirty, reasons)
        self._database[DIRTY_BUCKETS].update_one({"_id": dirty["_id"]}, [change])
        log.error(
            "%s can't be summarised (%s): %s; its rows are stored, other days go on;"
            " next attempt in %d s",
            dirty["_id"].date(),
            ", ".join(PARTS[part] for part in reasons),
            "; ".join(dict.fromkeys(reasons.values())),
            pause / 1000,
            extra={"day": str(dirty["_id"].date()), "next_in_s": pause // 1000},
        )

    def _rebuild(self, day: datetime, rollup: str, without_sample: bool) -> None:
        """Aggregate ``day`` and replace its document, unless the stored one is newer."""
        pipeline = PIPELINES[rollup](day)
        if without_sample:
            pipeline = [{"$match": WITHOUT_SAMPLE}, *pipeline, {"$set": {"without_sample": True}}]
        lines = 0
        for made in self._packed[TRANSACTIONS].aggregate(pipeline):
            lines = made["lines"]
            older = _older(day, lines, without_sample)
            with suppress(DuplicateKeyError):  # there is one, and it is not older
                self._packed[rollup].replace_one(older, made, upsert=True)
        if without_sample and not lines:
            self._empty(day, rollup)

    def _empty(self, day: datetime, rollup: str) -> None:
        """Write the document of a day that only the sample had rows in."""
        made = {"_id": day, "lines": 0, "entries": [], "layout": ROLLUP_VERSION}
        fields = {**made, "without_sample": True}
        new = {"$replaceWith": {"$mergeObjects": [{"$literal": fields}, {"rebuilt_at": "$$NOW"}]}}
        with suppress(DuplicateKeyError):  # there is one, and it is not older
            self._database[rollup].update_one(_older(day, 0, True), [new], upsert=True)

    def pending(self) -> int:
        """Return how many days will be summarised, including those being rebuilt."""
        with translated(self._client):
            return self._database[DIRTY_BUCKETS].count_documents(PENDING)

    def pending_s(self) -> float:
        """Return how many seconds the oldest of these days waits for a rebuild; 0 without any."""
        age = {"$divide": [{"$subtract": ["$$NOW", "$since"]}, 1000]}
        pipeline: list[Document] = [
            {"$match": PENDING},
            {"$group": {"_id": None, "oldest_s": {"$max": age}}},
        ]
        with translated(self._client):
            found = list(self._database[DIRTY_BUCKETS].aggregate(pipeline))
        return float(found[0]["oldest_s"] or 0.0) if found else 0.0

    def failed(self) -> list[FailedDay]:
        """Return the days that can't be summarised."""
        with translated(self._client):
            return failed_days(self._database)

    def _claim(self) -> Document | None:
        unclaimed = {"$lt": [{"$ifNull": ["$claimed_until", datetime.min]}, "$$NOW"]}
        due = {
            "$or": [
                {"$lt": ["$marked_at", {"$subtract": ["$$NOW", _QUIET_MS]}]},
                {"$lt": ["$since", {"$subtract": ["$$NOW", _LONGEST_WAIT_MS]}]},
            ]
        }
        claim = {
            "claimed_until": {"$add": ["$$NOW", _CLAIM_MS]},
            "since": "$$NOW",
            "token": {"$ifNull": ["$token", ObjectId()]},
        }
        return self._database[DIRTY_BUCKETS].find_one_and_update(
            {
                "_id": {**DAYS["_id"], "$nin": list(self._at_work)},
                "$expr": {"$and": [unclaimed, due, MAY_BE_TRIED]},
            },
            [{"$set": claim}],
            sort=[("marked_at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )

    def _release(self, dirty: Document) -> None:
        buckets = self._database[DIRTY_BUCKETS]
        if not buckets.delete_one({"_id": dirty["_id"], "token": dirty["token"]}).deleted_count:
            ended = {"claimed_until": "", "failure": ""}
            buckets.update_one({"_id": dirty["_id"]}, {"$unset": ended})


def _reason(error: Exception) -> str:
    """Return why a part can't be made, on one line."""
    limit = limit_met(error.__cause__ or error)
    if limit:
        return limit
    text = str(error) if isinstance(error, RetailError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:_LONGEST_REASON]


def _older(day: datetime, lines: int, without_sample: bool) -> Document:
    """Return the filter of the day's document if it is older than one made of ``lines`` rows."""
    not_newer: Document = {"lines": {"$lte": lines}}
    before_replacement: Document = {"without_sample": {"$ne": True}}
    if without_sample:
        return {"_id": day, "$or": [before_replacement, not_newer]}
    return {"_id": day, **before_replacement, **not_newer}
