"""A processor's heartbeat: how much it stored, and how far it is in its partitions."""

from __future__ import annotations

from datetime import datetime

import msgspec

# After five missed heartbeats a processor counts as gone.
ALIVE_SECONDS = 10.0


class Progress(msgspec.Struct, frozen=True):
    """How far a processor is in one of its partitions of the transactions' topic.

    ``committed`` is the offset of the next record to store, ``end`` the one after the last record
    as of the last fetch; None while it is not known.
    """

    partition: int
    committed: int | None = None
    end: int | None = None

    @property
    def lag(self) -> int | None:
        """The number of records to store; None while it is not known."""
        if self.committed is None or self.end is None:
            return None
        return max(0, self.end - self.committed)


class ProcessorHeartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one processor, written every few seconds.

    ``stored`` and ``quarantined`` are rows since ``started_at``, including rows that existed
    already. ``partitions`` is the number of the topic's partitions. ``summaries_error`` is set if
    the processor can't summarise any day.
    """

    name: str
    started_at: datetime
    stored: int = 0
    quarantined: int = 0
    partitions: int = 0
    progress: tuple[Progress, ...] = ()
    summaries_error: str | None = None


class Sample(msgspec.Struct, frozen=True):
    """The number of rows a processor had stored at a moment."""

    at: datetime
    stored: int


class HeartbeatRecord(ProcessorHeartbeat, frozen=True, kw_only=True):
    """A processor's last heartbeat as it is stored; times and ages are by the database's clock.

    ``age_s`` is the age of the heartbeat. ``quiet_s`` is the time since the processor's last cycle
    ended: a long one means that it waits for a server. A ``stopped`` processor ended in good
    order. ``history`` is in order of time.
    """

    at: datetime
    age_s: float
    quiet_s: float = 0.0
    stopped: bool = False
    history: tuple[Sample, ...] = ()
