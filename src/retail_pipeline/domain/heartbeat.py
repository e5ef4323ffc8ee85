"""A processor's sign of life: how much it stored, and how far it is in its partitions."""

from __future__ import annotations

from datetime import datetime

import msgspec

# Five pulses missed: a processor that said nothing for so long is gone.
ALIVE_SECONDS = 10.0


class Progress(msgspec.Struct, frozen=True):
    """How far a processor is in a partition of the transactions' topic that it has.

    ``committed`` is the offset of the next record to store, ``end`` the one after the last record
    as the last fetch said; None while that is not known yet.
    """

    partition: int
    committed: int | None = None
    end: int | None = None

    @property
    def lag(self) -> int | None:
        """Records that wait; None while that is not known."""
        if self.committed is None or self.end is None:
            return None
        return max(0, self.end - self.committed)


class ProcessorHeartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """What one processor says of itself every few seconds.

    ``stored`` and ``quarantined`` are rows since ``started_at``, those included that were there
    already; ``partitions`` is how many the topic has, whoever reads them. ``summaries_error`` is
    why it can summarise no day at all, if so.
    """

    name: str
    started_at: datetime
    stored: int = 0
    quarantined: int = 0
    partitions: int = 0
    progress: tuple[Progress, ...] = ()
    summaries_error: str | None = None


class Sample(msgspec.Struct, frozen=True):
    """How many rows a processor had stored at a moment."""

    at: datetime
    stored: int


class HeartbeatRecord(ProcessorHeartbeat, frozen=True, kw_only=True):
    """A processor's last heartbeat as it is stored; times and ages are by the database's clock.

    ``age_s`` is how long ago it came, ``quiet_s`` how long the processor's cycle had not ended by
    then: it waits for a server. ``stopped`` ones left in good order. ``history`` is oldest first.
    """

    at: datetime
    age_s: float
    quiet_s: float = 0.0
    stopped: bool = False
    history: tuple[Sample, ...] = ()
