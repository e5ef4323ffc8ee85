"""What a monitor shows of one moment: the verdict, and the figures that follow from the window."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

import msgspec

from retail_pipeline.operations.observation import Observation
from retail_pipeline.operations.verdict import Verdict, evaluate

# How long ago the oldest observation of a verdict may be.
WINDOW = timedelta(seconds=60)


class PartitionReport(msgspec.Struct, frozen=True, kw_only=True):
    """One partition: ``lag`` in records, ``age_s`` of the oldest waiting record in seconds."""

    topic: str
    partition: int
    committed: int
    end: int
    lag: int
    age_s: float | None
    owner: str | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One moment as a monitor shows and saves it; None is unknown, and ``problems`` says why.

    Lag is in records, ages are in seconds, rates in records per second over the last minute.
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
        partitions = tuple(
            PartitionReport(
                topic=each.topic,
                partition=each.partition,
                committed=each.committed,
                end=each.end,
                lag=each.lag,
                age_s=_age(at, each.waiting_since),
                owner=each.owner,
            )
            for each in (group.partitions if group else ())
        )
        ages = [each.age_s for each in partitions if each.age_s is not None]
        arriving, storing = self._rates()
        state = observation.reconciliation
        alive = observation.processors
        return Report(
            at=at,
            verdict=evaluate(list(self._window)),
            lag=group.lag if group else None,
            oldest_s=max(ages, default=0.0 if group and not group.lag else None),
            arriving=arriving,
            storing=storing,
            members=group.members if group else None,
            processors=sum(each.alive for each in alive) if alive is not None else None,
            dirty_days=observation.dirty_days,
            reconciliation=state.verdict.value if state and state.verdict else None,
            partitions=partitions,
            problems=observation.problems,
        )

    def _rates(self) -> tuple[float | None, float | None]:
        """Return the records per second that arrived and were stored; None if not known yet."""
        known = [(each.at, each.group) for each in self._window if each.group]
        if len(known) < 2:
            return None, None
        (began, first), (ended, last) = known[0], known[-1]
        seconds = (ended - began).total_seconds()
        before = {each.key: each for each in first.partitions}
        pairs = [(before[each.key], each) for each in last.partitions if each.key in before]
        arrived = sum(now.end - then.end for then, now in pairs)
        stored = sum(now.committed - then.committed for then, now in pairs)
        return max(0, arrived) / seconds, max(0, stored) / seconds


def _age(at: datetime, since: datetime | None) -> float | None:
    return max(0.0, (at - since).total_seconds()) if since else None
