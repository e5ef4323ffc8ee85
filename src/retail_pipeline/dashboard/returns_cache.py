"""The returns as they are held: read again are those alone that were matched anew."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd

from retail_pipeline.adapters.mongo.reads.rollups import MongoEntries
from retail_pipeline.analytics.return_tables import returns_table
from retail_pipeline.analytics.tables import Dictionaries, safe
from retail_pipeline.domain.collections import RETURNS

_AT_ONCE = 5_000
# A write may show itself this long after the moment that it bears, when MongoDB is busy.
_LATE = timedelta(seconds=10)
# As often all are compared, so that nothing that came later still, or is gone, goes unnoticed.
_SECONDS_BETWEEN_FULL_READS = 60.0


class ReturnsCache:
    """The returns' table; its caller sees to it that one thread at a time refreshes it."""

    def __init__(self, entries: MongoEntries, dictionaries: Dictionaries) -> None:
        self._entries = entries
        self._dictionaries = dictionaries
        self._versions: dict[str, datetime] = {}
        self._whole_look_at = float("-inf")
        self.table: pd.DataFrame = returns_table([], dictionaries)

    def refresh(self) -> bool:
        """Read what was matched anew; return whether there was any.

        Raises:
            RetailError: MongoDB is away, or the user lacks the rights.
        """
        whole = time.monotonic() - self._whole_look_at > _SECONDS_BETWEEN_FULL_READS
        found = self._look(whole)
        changed = [line for line, at in found.items() if self._versions.get(line) != at]
        gone = [line for line in self._versions if line not in found] if whole else []
        if changed or gone:
            self._replace(changed, gone)
        for line in gone:
            del self._versions[line]
        self._versions.update(found)
        if whole:
            self._whole_look_at = time.monotonic()
        return bool(changed or gone)

    def _look(self, whole: bool) -> dict[str, datetime]:
        """Return when each was matched last: all of them, or those of the last seconds."""
        if whole or not self._versions:
            return self._entries.versions(RETURNS)
        return self._entries.versions(RETURNS, max(self._versions.values()) - _LATE)

    def _replace(self, changed: Sequence[str], gone: Sequence[str]) -> None:
        old = self._dictionaries.lines.of([*changed, *gone])
        tables = [self.table[~self.table["line"].isin(old)]]
        for start in range(0, len(changed), _AT_ONCE):
            read = self._entries.return_parts(changed[start : start + _AT_ONCE])
            tables.append(returns_table([read], self._dictionaries))
        table = pd.concat(tables, ignore_index=True)
        self.table = safe(safe(table), "sold_micros")
