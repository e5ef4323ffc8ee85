"""What was read of the pipeline at one moment.

What could not be read is None, never zero, and ``problems`` says why.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from retail_pipeline.domain.heartbeat import StoredHeartbeat
from retail_pipeline.domain.offsets import PartitionOffsets, total_lag
from retail_pipeline.domain.reconciliation import Verdict


class PartitionObservation(PartitionOffsets, frozen=True, kw_only=True):
    """A partition, who reads it, and since when its oldest waiting record waits.

    ``owner`` is the client id of a member of the consumer group; None if nobody has the partition.
    ``waiting_since`` is the timestamp (UTC) of the record at the committed offset; None if no
    record waits, or while it is not known.
    """

    owner: str | None = None
    waiting_since: datetime | None = None

    @property
    def key(self) -> tuple[str, int]:
        """The topic and the number of the partition."""
        return self.topic, self.partition

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


class GroupObservation(msgspec.Struct, frozen=True, kw_only=True):
    """The consumer group and its partitions, as the brokers reported them.

    ``rebalancing`` is whether the group is assigning its partitions now.
    """

    partitions: tuple[PartitionObservation, ...]
    members: int
    rebalancing: bool = False

    @property
    def lag(self) -> int:
        """Records that are not stored yet, in all partitions."""
        return total_lag(self.partitions)


class ReconciliationState(msgspec.Struct, frozen=True):
    """When the last count check ended, and its verdict; ``None`` for both before the first."""

    verdict: Verdict | None = None
    at: datetime | None = None


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was read at ``at`` (UTC).

    ``problems`` has the reason for each part that is None, by the part's name. ``dirty_days`` are
    the days whose summaries are to be rebuilt; ``reconciliation`` is the last count check.
    """

    at: datetime
    group: GroupObservation | None = None
    processors: tuple[StoredHeartbeat, ...] | None = None
    dirty_days: int | None = None
    reconciliation: ReconciliationState | None = None
    problems: dict[str, str] = {}
