"""The quarantine, as `retail dlq` lists, replays and purges its rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from pymongo import ASCENDING, MongoClient

from retail_pipeline.adapters.mongo.adapter import MongoAdapter
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.adapters.mongo.store import insert_new, rows_filter
from retail_pipeline.domain.collections import MANIFESTS, PURGED, QUARANTINE, TRANSACTIONS
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.quarantined import Quarantined, QuarantineSelection
from retail_pipeline.errors import PermanentError

_PAGE_ROWS = 500
_KEPT_OF_A_PURGED_ROW = ("source", "row", "name", "reason", "claims")


class MongoQuarantine(MongoAdapter):
    """See :class:`retail_pipeline.flows.ports.Quarantine`."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        super().__init__(client, database)
        self._rows = self._database[QUARANTINE]

    def find(
        self, selection: QuarantineSelection, limit: int | None = None
    ) -> Iterator[Quarantined]:
        """Yield rows, read page by page: it may take long, and rows may be deleted meanwhile."""
        wanted, last, left = as_filter(selection), "", limit
        while left is None or left > 0:
            size = _PAGE_ROWS if left is None else min(left, _PAGE_ROWS)
            after = {"$and": [wanted, {"_id": {"$gt": last}}]}
            with translated(self._client):
                page = list(self._rows.find(after).sort("_id", ASCENDING).limit(size))
            yield from (msgspec.convert(document, Quarantined) for document in page)
            if len(page) < size:
                return
            last = page[-1]["_id"]
            left = None if left is None else left - len(page)

    def totals(self, selection: QuarantineSelection) -> dict[str, int]:
        """Return how many rows are selected, by reason, the most frequent first."""
        steps: list[Document] = [
            {"$match": as_filter(selection)},
            {"$group": {"_id": "$reason", "rows": {"$sum": 1}}},
            {"$sort": {"rows": -1, "_id": 1}},
        ]
        with translated(self._client):
            return {group["_id"]: group["rows"] for group in self._rows.aggregate(steps)}

    def manifest(self, source: str) -> Manifest | None:
        """Return the most complete manifest of ``source``."""
        with translated(self._client):
            found = self._database[MANIFESTS].find_one({"_id": source})
        try:
            return msgspec.convert(found, Manifest) if found else None
        except msgspec.ValidationError as error:
            raise PermanentError(f"the manifest of {source} can't be used: {error}") from error

    def count_replays(self, ids: Sequence[str], run: str | None = None) -> None:
        """Add one replay to each document that is still there."""
        changes: dict[str, Any] = {"last_replayed_at": datetime.now(UTC)}
        if run:
            changes["replaying"] = run
        with translated(self._client):
            self._rows.update_many(
                {"_id": {"$in": list(ids)}}, {"$inc": {"replays": 1}, "$set": changes}
            )

    def waiting(self, run: str) -> int:
        """Count the rows that ``run`` sent and no processor has released."""
        with translated(self._client):
            return self._rows.count_documents({"replaying": run})

    def forget(self, ids: Sequence[str]) -> None:
        """Delete documents."""
        with translated(self._client):
            self._rows.delete_many({"_id": {"$in": list(ids)}})

    def purge(self, rows: Sequence[Quarantined]) -> int:
        """Write the tombstones, then delete; in between a row is there twice. Return how many."""
        if not rows:
            return 0
        now = datetime.now(UTC)
        tombstones = [_tombstone(row, now) for row in rows]
        if refused := insert_new(self._client, self._database[PURGED], tombstones):
            raise PermanentError(f"a note of a purged row was refused: {refused[0][1]}")
        with translated(self._client):
            # A replay on its way may have stored a row meanwhile: then it is not purged.
            ids = [row.row_id for row in rows]
            stored = self._database[TRANSACTIONS].distinct("_id", {"_id": {"$in": ids}})
            self._database[PURGED].delete_many(rows_filter(stored))
        self.forget([row.id for row in rows])
        return sum(row.row_id not in set(stored) for row in rows)


def as_filter(selection: QuarantineSelection) -> Document:
    """Return the MongoDB filter of the selected rows."""
    parts: list[Document] = []
    if selection.ids:
        parts.append(rows_filter(selection.ids))
    if selection.reasons:
        parts.append({"reason": {"$in": [reason.value for reason in selection.reasons]}})
    if selection.source:
        own = {"$regex": f"^{re.escape(selection.source)}:"}
        names = [{"source": selection.source}, {"name": selection.source}, {"claims": own}]
        parts.append({"$or": names})
    if selection.since:
        parts.append({"quarantined_at": {"$gte": selection.since}})
    if selection.until:
        parts.append({"quarantined_at": {"$lt": selection.until}})
    if selection.stage:
        parts.append({"stage": selection.stage})
    return {"$and": parts} if parts else {}


def _tombstone(row: Quarantined, now: datetime) -> Document:
    """Return the document that is kept of a purged row, without its text."""
    fields = msgspec.structs.asdict(row)
    kept = {name: fields[name] for name in _KEPT_OF_A_PURGED_ROW if fields[name] is not None}
    return {"_id": row.id, **kept, "purged_at": now}
