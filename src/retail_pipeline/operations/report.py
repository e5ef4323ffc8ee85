"""What a monitor shows of one moment: the verdict, and the figures that follow from the window."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from retail_pipeline.operations.observation import (
    DatabaseObservation,
    GroupObservation,
    HostObservation,
    Observation,
    PartitionObservation,
)
from retail_pipeline.operations.verdict import Verdict, evaluate

# How long ago the oldest observation of a verdict may be.
WINDOW = timedelta(seconds=60)
# Rates are over this time, or over the last interval if that is longer.
RATE_WINDOW = timedelta(seconds=10)
# A partition is hot if records arrive this many times as fast as in its topic's others on average.
HOT_FACTOR = 2.0


Place = tuple[str, int]
T = TypeVar("T")


class PartitionReport(msgspec.Struct, frozen=True, kw_only=True):
    """One partition: ``lag`` in records, ``age_s`` of the oldest waiting record in seconds.

    ``hot`` is whether far more records arrive in it than in the topic's other partitions.
    """

    topic: str
    partition: int
    committed: int
    end: int
    lag: int
    age_s: float | None
    owner: str | None
    hot: bool = False


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """How far a producer has read a source, in rows."""

    name: str
    rows_read: int
    rows_rejected: int
    complete: bool
    updated_at: datetime


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One moment as a monitor shows and saves it; None is unknown, and ``problems`` says why.

    Lag is in records, ages are in seconds, rates in records or rows per second over the last ten
    seconds.
    """

    at: datetime
    verdict: Verdict
    lag: int | None
    oldest_s: float | None
    arriving: float | None
    storing: float | None
    members: int | None
    processors: int | None
    dirty_days: int | None
    reconciliation: str | None
    partitions: tuple[PartitionReport, ...]
    problems: dict[str, str]
    rows_stored: float | None = None
    rows_quarantined: float | None = None
    reconciled_at: datetime | None = None
    database: DatabaseObservation | None = None
    sources: tuple[SourceReport, ...] | None = None
    host: HostObservation | None = None


class Reporter:
    """Keeps the observations of the last minute, and reports on them."""

    def __init__(self) -> None:
        self._window: deque[Observation] = deque()

    def report(self, observation: Observation) -> Report:
        """Add an observation and report on it."""
        self._window.append(observation)
        while self._window[0].at < observation.at - WINDOW:
            self._window.popleft()
        at, group = observation.at, observation.group
        now = group.partitions if group else ()
        arriving = self._arriving()
        partitions = _partitions(at, now, arriving)
        ages = [each.age_s for each in partitions if each.age_s is not None]
        state, alive = observation.reconciliation, observation.processors
        return Report(
            at=at,
            verdict=evaluate(list(self._window)),
            lag=group.lag if group else None,
            oldest_s=max(ages, default=0.0 if group and not group.lag else None),
            arriving=sum(arriving.values()) if arriving else None,
            storing=self._storing(),
            members=group.members if group else None,
            processors=sum(each.alive for each in alive) if alive is not None else None,
            dirty_days=observation.dirty_days,
            reconciliation=state.verdict.value if state and state.verdict else None,
            reconciled_at=state.at if state else None,
            partitions=partitions,
            problems=observation.problems,
            rows_stored=self._rate(lambda found: found.stored),
            rows_quarantined=self._rate(lambda found: found.quarantined),
            database=observation.database,
            sources=_sources(observation),
            host=observation.host,
        )

    def _offsets(self) -> tuple[float, dict[Place, PartitionObservation], GroupObservation] | None:
        """Return the seconds between two readings of the offsets, the first and the last one."""
        if (span := self._span(lambda seen: seen.group)) is None:
            return None
        seconds, first, last = span
        return seconds, {each.key: each for each in first.partitions}, last

    def _span(self, part: Callable[[Observation], T | None]) -> tuple[float, T, T] | None:
        """Return the seconds between two readings of a part, and both.

        None before the second one, and while the part can't be read.
        """
        known = [(each.at, found) for each in self._window if (found := part(each)) is not None]
        if len(known) < 2 or part(self._window[-1]) is None:
            return None
        ended, last = known[-1]
        since = ended - RATE_WINDOW
        began, first = next((each for each in known[:-1] if each[0] >= since), known[-2])
        return (ended - began).total_seconds(), first, last

    def _arriving(self) -> dict[Place, float]:
        """Return the records per second that arrived, by partition; empty if not known yet."""
        if (found := self._offsets()) is None:
            return {}
        seconds, before, now = found
        return {
            each.key: max(0, each.end - before[each.key].end) / seconds
            for each in now.partitions
            if each.key in before
        }

    def _storing(self) -> float | None:
        """Return the records per second whose offsets were committed; None if not known yet."""
        if (found := self._offsets()) is None:
            return None
        seconds, before, now = found
        pairs = [(before[each.key], each) for each in now.partitions if each.key in before]
        return max(0, sum(now.committed - then.committed for then, now in pairs)) / seconds

    def _rate(self, count: Callable[[DatabaseObservation], int]) -> float | None:
        """Return how much a count of the database grew each second; None if not known yet."""
        if (span := self._span(lambda seen: seen.database)) is None:
            return None
        seconds, first, last = span
        return max(0, count(last) - count(first)) / seconds


def _partitions(
    at: datetime,
    now: Sequence[PartitionObservation],
    arriving: dict[Place, float],
) -> tuple[PartitionReport, ...]:
    return tuple(
        PartitionReport(
            topic=each.topic,
            partition=each.partition,
            committed=each.committed,
            end=each.end,
            lag=each.lag,
            age_s=_age(at, each.waiting_since),
            owner=each.owner,
            hot=_is_hot(each, arriving),
        )
        for each in now
    )


def _is_hot(partition: PartitionObservation, arriving: dict[Place, float]) -> bool:
    others = [
        rate
        for (topic, number), rate in arriving.items()
        if topic == partition.topic and number != partition.partition
    ]
    own = arriving.get(partition.key, 0.0)
    return bool(others) and own >= 1 and own > HOT_FACTOR * sum(others) / len(others)


def _sources(observation: Observation) -> tuple[SourceReport, ...] | None:
    if observation.sources is None:
        return None
    return tuple(
        SourceReport(
            name=each.name,
            rows_read=each.rows_read,
            rows_rejected=each.rows_rejected,
            complete=each.complete,
            updated_at=each.updated_at,
        )
        for each in observation.sources
    )


def _age(at: datetime, since: datetime | None) -> float | None:
    return max(0.0, (at - since).total_seconds()) if since else None
