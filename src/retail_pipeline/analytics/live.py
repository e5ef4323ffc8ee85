"""How the pipeline fares now, from the processors' heartbeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from retail_pipeline.analytics.tables import Array
from retail_pipeline.domain.heartbeat import PartitionProgress, StoredHeartbeat
from retail_pipeline.domain.offsets import total_lag

STEP_SECONDS = 5
MINUTES = 10
# Not every processor has reported what it stored in the last seconds.
_REPORTED_AFTER_SECONDS = 4


@dataclass(frozen=True)
class Partition:
    """One partition of the transactions' topic; ``owner`` is a processor alive, if one has it.

    ``last`` is what was known of it ``age_s`` seconds ago, by its owner or one that is gone.
    """

    number: int
    owner: str | None = None
    last: PartitionProgress | None = None
    age_s: float | None = None

    @property
    def lag(self) -> int | None:
        """Records that wait; None where that is not known, as while nobody has the partition."""
        return self.last.lag if self.owner and self.last else None

    @property
    def last_known_lag(self) -> int | None:
        """Records that waited when it was known last; more may have come since."""
        return self.last.lag if self.last else None


def partitions(processors: Sequence[StoredHeartbeat]) -> list[Partition]:
    """Return every partition of the topic, those that nobody has included.

    While a partition moves, two processors may report it: the newer heartbeat counts.
    """
    last: dict[int, tuple[StoredHeartbeat, PartitionProgress]] = {}
    # The processors alive come first, and of them the one with the newest heartbeat.
    for record in sorted(processors, key=lambda each: (not each.alive, each.age_s)):
        for progress in record.progress:
            last.setdefault(progress.partition, (record, progress))
    count = max((each.partitions for each in processors), default=0)
    found = []
    for number in sorted({*range(count), *last}):
        if number not in last:
            found.append(Partition(number))
            continue
        record, progress = last[number]
        owner = record.name if record.alive else None
        found.append(Partition(number, owner, progress, record.age_s + record.quiet_s))
    return found


def lag(parts: Sequence[Partition]) -> tuple[int, int]:
    """Return how many records wait at least, and in how many partitions the number is unknown.

    A partition without an owner counts in both: with its last known lag, and as unknown.
    """
    known = total_lag(each.last for each in parts if each.last)
    return known, sum(each.lag is None for each in parts)


def throughput(processors: Sequence[StoredHeartbeat]) -> pd.DataFrame:
    """Return rows stored per second over the last minutes, by all processors together.

    Columns: start (UTC) of each STEP_SECONDS, the newest last, and rate. Between two
    heartbeats a processor counts as having stored at the same speed. The last four seconds are
    left out: not every processor has reported them.
    """
    until = _reported_until(processors)
    if until is None:
        return pd.DataFrame({"start": pd.to_datetime([], utc=True), "rate": np.zeros(0)})
    last = int(until) // STEP_SECONDS * STEP_SECONDS
    edges = np.arange(last - MINUTES * 60, last + STEP_SECONDS, STEP_SECONDS, dtype=np.int64)
    rates = np.diff(_stored(processors, edges)) / STEP_SECONDS
    return pd.DataFrame({"start": pd.to_datetime(edges[:-1], unit="s", utc=True), "rate": rates})


def rate_now(processors: Sequence[StoredHeartbeat]) -> float:
    """Return rows stored per second over the last ten seconds that were reported."""
    return _stored_in(processors, 10.0) / 10.0


def stored_lately(processors: Sequence[StoredHeartbeat]) -> int:
    """Return rows stored in the last minutes."""
    return round(_stored_in(processors, MINUTES * 60))


def _stored_in(processors: Sequence[StoredHeartbeat], seconds: float) -> float:
    until = _reported_until(processors)
    if until is None:
        return 0.0
    before, now = _stored(processors, np.array([until - seconds, until]))
    return float(now - before)


def _reported_until(processors: Sequence[StoredHeartbeat]) -> float | None:
    """Return up to when it is known what was stored, in seconds since 1970."""
    if not processors:
        return None
    newest = processors[0]
    now = newest.at + timedelta(seconds=newest.age_s)
    return now.timestamp() - _REPORTED_AFTER_SECONDS


def _stored(processors: Sequence[StoredHeartbeat], moments: Array) -> Array:
    """Return how many rows had been stored by each moment, all processors together.

    A processor counts from its oldest heartbeat that is kept: use differences. One that restarts
    under the same name counts from zero again.
    """
    total = np.zeros(len(moments))
    for each in processors:
        if not each.history:
            continue
        times = np.array([sample.at.timestamp() for sample in each.history])
        counts = np.array([sample.stored for sample in each.history], np.float64)
        more = np.diff(counts)
        more = np.where(more < 0, counts[1:], more)
        total += np.interp(moments, times, np.concatenate(([0.0], np.cumsum(more))))
    return total
