"""Reads which probes the processors stored."""

from __future__ import annotations

from collections.abc import Collection

from retail_pipeline.adapters.mongo.adapter import MongoAdapter
from retail_pipeline.domain.collections import PROBES

_SECONDS = 5.0


class MongoProbes(MongoAdapter):
    """Reads probes; the processor's store writes them."""

    def stored(self, ids: Collection[str]) -> set[str]:
        """Return those of the probes that are stored."""
        with self._within(_SECONDS):
            found = self._database[PROBES].find({"_id": {"$in": list(ids)}}, {"_id": True})
            return {each["_id"] for each in found}
