"""What the summaries add up to, exact and by kind; only days that changed are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from retail_pipeline.domain.collections import ORDERS_ROLLUP
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.transaction import Kind


class Sums(msgspec.Struct, frozen=True):
    """The lines of one kind, their units, and their amount in pounds sterling, exact."""

    lines: int = 0
    units: int = 0
    amount: Decimal = Decimal(0)

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.lines + other.lines, self.units + other.units, self.amount + other.amount)


class SalesObservation(msgspec.Struct, frozen=True, kw_only=True):
    """The sums over all summarised days, by kind; ``latest_day`` (UTC) is None without a day."""

    by_kind: Mapping[Kind, Sums]
    latest_day: datetime | None = None


class RollupReads(Protocol):
    """Reads of a rollup, which has a document for each day."""

    def versions(self, rollup: str) -> Mapping[Any, datetime]:
        """Return when the document of each day was made last."""

    def days(self, rollup: str, days: Iterable[datetime]) -> Iterator[Mapping[str, Any]]:
        """Yield the documents of these days: the day, and a list for each field."""


class SalesReader:
    """Keeps each day's sums, and reads the days that were summarised since the last call."""

    def __init__(self, reads: RollupReads) -> None:
        self._reads = reads
        self._versions: dict[datetime, datetime] = {}
        self._days: dict[datetime, dict[Kind, Sums]] = {}

    def read(self) -> SalesObservation:
        """Return the sums of all days."""
        found = dict(self._reads.versions(ORDERS_ROLLUP))
        changed = sorted(day for day, at in found.items() if self._versions.get(day) != at)
        for day in (*changed, *(self._versions.keys() - found.keys())):
            self._days.pop(day, None)
        for document in self._reads.days(ORDERS_ROLLUP, changed):
            self._days[document["day"]] = _by_kind(document)
        # Only now: after an error these days are read again.
        self._versions = found
        total = dict.fromkeys(Kind, Sums())
        for day in self._days.values():
            for kind, sums in day.items():
                total[kind] += sums
        latest = max(self._days, default=None)
        return SalesObservation(by_kind=total, latest_day=latest and latest.replace(tzinfo=UTC))


def _by_kind(document: Mapping[str, Any]) -> dict[Kind, Sums]:
    found: dict[Kind, Sums] = {}
    columns = (document[name] for name in ("kind", "lines", "units", "micros"))
    for kind, lines, units, micros in zip(*columns, strict=True):
        sums = Sums(lines, units, from_micros(micros))
        found[Kind(kind)] = found.get(Kind(kind), Sums()) + sums
    return found
