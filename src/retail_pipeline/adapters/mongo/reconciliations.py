"""The latest reconciliations, kept as data: one document a mode.

The count check's document also holds when the next one is due: of many processors one runs it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pymongo import MongoClient

from retail_pipeline.adapters.mongo.adapter import MongoAdapter, readable
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.domain.collections import RECONCILIATIONS
from retail_pipeline.domain.reconciliation import Mode, Reconciliation

# Longer than any count check, and the longest delay after the processor that runs it is killed.
_CLAIM_MS = 120_000
_MOST_DIFFERENCES = 100


class MongoReconciliations(MongoAdapter):
    """Keeps and finds results."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        super().__init__(client, database)
        self._results = self._database[RECONCILIATIONS]
        self._made = False

    def keep(self, result: Reconciliation, next_in_s: float | None = None) -> None:
        """Replace the last result of its mode; the next count check is due in ``next_in_s``.

        Of very many differences, only the first ones are kept.
        """
        few = msgspec.structs.replace(result, differences=result.differences[:_MOST_DIFFERENCES])
        fields = msgspec.to_builtins(few, builtin_types=(type(result.at),))
        change: dict[str, Any] = {"result": {"$literal": fields}, "at": "$$NOW"}
        if next_in_s is not None:
            change["next_at"] = {"$add": ["$$NOW", int(next_in_s * 1000)]}
        with translated(self._client):
            self._results.update_one({"_id": result.mode.value}, [{"$set": change}], upsert=True)

    def last(self, mode: Mode) -> Reconciliation | None:
        """Return the last result of ``mode``; None before the first, or of another release."""
        with translated(self._client):
            found = self._results.find_one({"_id": mode.value}, {"result": 1})
        return readable(found["result"], Reconciliation) if found and "result" in found else None

    def claim(self) -> bool:
        """Return whether a count check is due; if so, claim it for two minutes."""
        self._make_once()
        due = {"$lt": [{"$ifNull": ["$next_at", datetime.min]}, "$$NOW"]}
        claim = {"next_at": {"$add": ["$$NOW", _CLAIM_MS]}}
        with translated(self._client):
            found = self._results.find_one_and_update(
                {"_id": Mode.QUICK.value, "$expr": due}, [{"$set": claim}], {"_id": 1}
            )
        return found is not None

    def _make_once(self) -> None:
        """Make the document that the claim is about: MongoDB can't do so with a condition."""
        if not self._made:
            with translated(self._client):
                self._results.update_one(
                    {"_id": Mode.QUICK.value}, {"$setOnInsert": {"at": None}}, upsert=True
                )
            self._made = True
