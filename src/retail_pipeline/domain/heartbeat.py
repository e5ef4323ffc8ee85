"""Heartbeats: how others know that a process works.

There are two. A *heartbeat file* is touched after every cycle; a container's health check reads its
age (``retail health``, 30 s). A :class:`ProcessorHeartbeat` is written to the database every two
seconds, and read back as a :class:`StoredHeartbeat` (alive for 10 s): by the dashboard, and by the
status of a stack, which shows why no day can be summarised.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from retail_pipeline.domain.offsets import lag_of

# Five heartbeats missed: there is one every two seconds.
ALIVE_SECONDS = 10.0
# A cycle takes seconds at most, unless it waits for a server.
STALLED_SECONDS = 15.0


def is_recent(age_s: float, limit_s: float = ALIVE_SECONDS) -> bool:
    """Return whether a heartbeat of this age, in seconds, shows a process that is alive."""
    return age_s < limit_s


class PartitionProgress(msgspec.Struct, frozen=True):
    """How far a processor is in a partition of the transactions topic that is assigned to it.

    ``committed`` is the offset of the next record to store, ``end`` the offset after the last
    record as of the last fetch; None while not known.
    """

    partition: int
    committed: int | None = None
    end: int | None = None

    @property
    def lag(self) -> int | None:
        """Records not stored yet; None while not known."""
        if self.committed is None or self.end is None:
            return None
        return lag_of(self.end, self.committed)


class ProcessorHeartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """What a processor reports about itself.

    ``stored`` and ``quarantined`` are rows since ``started_at``, including those that were there
    already; ``partitions`` is how many the topic has, assigned to any processor.
    ``summaries_error`` is why it can't summarise any day, if so.
    """

    name: str
    started_at: datetime
    stored: int = 0
    quarantined: int = 0
    partitions: int = 0
    progress: tuple[PartitionProgress, ...] = ()
    summaries_error: str | None = None


class HistoryPoint(msgspec.Struct, frozen=True):
    """How many rows a processor had stored at a moment."""

    at: datetime
    stored: int


class StoredHeartbeat(ProcessorHeartbeat, frozen=True, kw_only=True):
    """The last heartbeat of a processor, as the database has it.

    ``at``, ``age_s`` (its age) and ``history`` (oldest first) are by the database's clock.
    ``quiet_s`` is how many seconds before this write the processor had last noted its progress,
    which it does after a cycle, at most once a second. ``stopped`` is whether the processor stopped
    in good order.
    """

    at: datetime
    age_s: float
    quiet_s: float = 0.0
    stopped: bool = False
    history: tuple[HistoryPoint, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether the processor works: its heartbeat is recent, and it has not stopped."""
        return not self.stopped and is_recent(self.age_s)

    @property
    def stalled(self) -> bool:
        """Whether it is alive and waits for a server that is away."""
        return self.alive and self.quiet_s > STALLED_SECONDS
