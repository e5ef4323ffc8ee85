"""Where a consumer group is in a partition: offsets, and the lag, in records, that follows.

Lag has two inputs, and one formula, :func:`lag_of`. The broker answers for all topics
(:class:`PartitionOffsets`): reconciliation and the local stack use that. A processor knows its own
partitions of the transactions' topic from its last fetch, without a request
(:class:`~retail_pipeline.domain.heartbeat.PartitionProgress`): it decides by that whether rebuilds
rest, and sends it in its heartbeat, which the dashboard's live page shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec


class HasLag(Protocol):
    """A partition whose lag may be unknown: None."""

    @property
    def lag(self) -> int | None: ...


def lag_of(end: int, committed: int) -> int:
    """Return the lag between the offset after the last record and that of the next to store."""
    return max(0, end - committed)


def total_lag(partitions: Iterable[HasLag]) -> int:
    """Return the lag of several partitions together; an unknown one counts as 0."""
    return sum(each.lag or 0 for each in partitions)


class PartitionOffsets(msgspec.Struct, frozen=True, kw_only=True):
    """One partition: offsets of its first record, after its last one, and of the next to store."""

    topic: str
    partition: int
    first: int
    end: int
    committed: int

    @property
    def key(self) -> tuple[str, int]:
        """The topic and the number of the partition."""
        return self.topic, self.partition

    @property
    def oldest(self) -> int:
        """Offset of the oldest record that no processor has stored yet, if there is one."""
        return max(self.first, self.committed)

    @property
    def lag(self) -> int:
        """Records that no processor has stored yet."""
        return lag_of(self.end, self.oldest)

    @property
    def lost(self) -> int:
        """Records that were deleted before any processor stored them."""
        return max(0, min(self.first, self.end) - self.committed)
