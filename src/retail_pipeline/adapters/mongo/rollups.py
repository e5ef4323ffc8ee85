"""Rollups: one document a UTC day, aggregated by MongoDB from that day's stored transactions.

A day that rows came in for carries a mark in ``dirty_buckets`` (see ``MongoStore.mark``): a token,
new with each mark. A rebuild claims the day, aggregates it, and removes the mark only if the token
is still the same, so that no row that came in meanwhile is forgotten. Transactions are only ever
added, hence the rollup with more lines is the newer one, whoever writes last.

A part of a day that can't be made stops neither the day's other parts nor other days: the day stays
marked, with the reason, and is tried again later (see ``failed_days``).

The sample is the exception: other data replaces it. A rebuild that begins after that leaves its
rows out, whether they are removed already or not, and says so in the document (``without_sample``).
Such a document is newer than any without that field. A day that has no other rows gets an empty
one, so that a rebuild which began before can't write the sample's figures again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, MongoClient, ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

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
from retail_pipeline.adapters.mongo.rollup_pipelines import ROLLUPS
from retail_pipeline.adapters.mongo.sample import OF_SAMPLE, WITHOUT_SAMPLE, is_replaced
from retail_pipeline.adapters.mongo.schema import LAYOUT
from retail_pipeline.adapters.mongo.store import dirty_mark
from retail_pipeline.domain.collections import DIRTY_BUCKETS, ORDERS_ROLLUP, RETURNS, TRANSACTIONS
from retail_pipeline.domain.failed_days import PARTS, FailedDay
from retail_pipeline.errors import RetailError, TransientError

log = logging.getLogger(__name__)

_QUIET_MS = 1_000
_LONGEST_WAIT_MS = 3_000
# A claim that runs out only means that two rebuild the same day, which does no harm.
_CLAIM_MS = 10_000
_LONGEST_REASON = 500


class MongoSummaries:
    """Rebuilds of days; see :class:`retail_pipeline.flows.ports.Summaries`."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        self._database = client[database]
        self._returns = MongoReturns(self._database)
        # The days that threads of this process rebuild: a claim may run out meanwhile, and no
        # second thread is to be held up by a day that takes long.
        self._at_work: set[datetime] = set()
        # A rollup passes through here as MongoDB wrote it, never unpacked.
        self._packed: Database[Any] = client.get_database(
            database, codec_options=CodecOptions(document_class=RawBSONDocument)
        )

    def mark_outdated(self) -> int:
        """Mark the days that another release summarised in a form of its own; return how many.

        This release may also be able to summarise what could not be: failed days are due again.
        """
        with translated(self._client):
            self._database[DIRTY_BUCKETS].update_many(
                {"failure": {"$type": "object"}}, {"$unset": {"failure.token": ""}}
            )
            other = {**DAYS, "layout": {"$ne": LAYOUT}}
            marks = [
                dirty_mark(day["_id"])
                for day in self._database[ORDERS_ROLLUP].find(other, {"_id": 1})
            ]
            if marks:
                self._database[DIRTY_BUCKETS].bulk_write(marks, ordered=False)
            return len(marks)

    def rebuild_next(self) -> bool:
        """Claim one marked day, rebuild its rollups and returns, and clear its mark.

        The mark of a day that failed in part stays, with the reasons.
        """
        with translated(self._client):
            mark = self._claim()
        if mark is None:
            return False
        self._at_work.add(mark["_id"])
        try:
            reasons = self._rebuild_parts(mark["_id"])
            with translated(self._client):
                if reasons:
                    self._keep_failure(mark, reasons)
                else:
                    self._release(mark)
        finally:
            self._at_work.discard(mark["_id"])
        return True

    def _rebuild_parts(self, day: datetime) -> dict[str, str]:
        """Rebuild each part of a day's summaries; return why, by part, those that can't be made."""
        reasons: dict[str, str] = {}
        with translated(self._client):
            without_sample = is_replaced(self._database)

        def attempt(part: str, rebuild: Callable[[], None]) -> None:
            try:
                with translated(self._client):
                    rebuild()
            except TransientError:
                raise
            except Exception as error:  # whatever it is: it is about this part of this day alone
                log.debug("the summaries of %s: %s", day, part, exc_info=error)
                reasons[part] = _reason(error)

        for rollup in ROLLUPS:
            attempt(rollup, partial(self._rebuild, day, rollup, without_sample))
        summarised = ORDERS_ROLLUP not in reasons
        returns = partial(self._returns.rebuild, day, without_sample, summarised=summarised)
        attempt(RETURNS, returns)
        if not without_sample:
            with translated(self._client):
                if is_replaced(self._database):  # meanwhile: these returns may be of the sample
                    self._database[RETURNS].delete_many(OF_SAMPLE)
        return reasons

    def _keep_failure(self, mark: Document, reasons: dict[str, str]) -> None:
        change, pause = failure_of(mark, reasons)
        self._database[DIRTY_BUCKETS].update_one({"_id": mark["_id"]}, [change])
        log.error(
            "%s can't be summarised (%s): %s; its rows are stored, other days go on;"
            " next attempt in %d s",
            mark["_id"].date(),
            ", ".join(PARTS[part] for part in reasons),
            "; ".join(dict.fromkeys(reasons.values())),
            pause / 1000,
        )

    def _rebuild(self, day: datetime, rollup: str, without_sample: bool) -> None:
        """Aggregate ``day`` and replace its document, unless that is newer."""
        pipeline = ROLLUPS[rollup](day)
        if without_sample:
            pipeline = [{"$match": WITHOUT_SAMPLE}, *pipeline, {"$set": {"without_sample": True}}]
        lines = 0
        for made in self._packed[TRANSACTIONS].aggregate(pipeline):
            lines = made["lines"]
            older = _older(day, lines, without_sample)
            try:
                self._packed[rollup].replace_one(older, made, upsert=True)
            except DuplicateKeyError:  # there is one, and it is not older
                pass
        if without_sample and not lines:
            self._empty(day, rollup)

    def _empty(self, day: datetime, rollup: str) -> None:
        """Write the document of a day that only the sample had rows in."""
        fields = {"_id": day, "lines": 0, "entries": [], "layout": LAYOUT, "without_sample": True}
        new = {"$replaceWith": {"$mergeObjects": [{"$literal": fields}, {"rebuilt_at": "$$NOW"}]}}
        try:
            self._database[rollup].update_one(_older(day, 0, True), [new], upsert=True)
        except DuplicateKeyError:  # there is one, and it is not older
            pass

    def pending(self) -> int:
        """Return how many days will be summarised, those that someone is rebuilding included."""
        with translated(self._client):
            return self._database[DIRTY_BUCKETS].count_documents(PENDING)

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

    def _release(self, mark: Document) -> None:
        marks = self._database[DIRTY_BUCKETS]
        if not marks.delete_one({"_id": mark["_id"], "token": mark["token"]}).deleted_count:
            ended = {"claimed_until": "", "failure": ""}
            marks.update_one({"_id": mark["_id"]}, {"$unset": ended})


def _reason(error: Exception) -> str:
    """Return why a part can't be made, on one line."""
    limit = limit_met(error.__cause__ or error)
    if limit:
        return limit
    text = str(error) if isinstance(error, RetailError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:_LONGEST_REASON]


def _older(day: datetime, lines: int, without_sample: bool) -> Document:
    """Return the filter of the day's document, if it is older than one made of ``lines``."""
    not_newer: Document = {"lines": {"$lte": lines}}
    before_replacement: Document = {"without_sample": {"$ne": True}}
    if without_sample:
        return {"_id": day, "$or": [before_replacement, not_newer]}
    return {"_id": day, **before_replacement, **not_newer}
