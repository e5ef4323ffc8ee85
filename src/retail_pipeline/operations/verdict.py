"""How the pipeline fares, from the last observations together.

One observation can't tell a backlog that shrinks from one that grows, or a rebalance from a
partition that nobody will ever read. Each verdict therefore needs evidence over time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from retail_pipeline.operations.observation import (
    GroupObservation,
    Observation,
    PartitionObservation,
)

# A batch may take seconds; a processor that commits nothing for longer does not work.
STALLED_AFTER = timedelta(seconds=8)
# A processor reads its partitions in turn: one that waits for its turn for longer is stalled, too.
STARVED_AFTER = timedelta(seconds=45)
# Whether a backlog grows or shrinks is taken from this time, or from the last two observations.
RECENT = timedelta(seconds=10)
# A processor that starts again has its partitions after this time. Until the brokers miss a member
# that was killed, which takes the session timeout, it owns them.
UNOWNED_AFTER = timedelta(seconds=5)
# A busy broker may answer late: until then the verdict is on what was read last.
UNKNOWN_AFTER = timedelta(seconds=3)
# Records that wait for less time than this are on their way.
CAUGHT_UP_WITHIN = timedelta(seconds=5)
_SEE_WHAT_RUNS = "`retail local status` or `docker compose ps` shows what runs"


class State(StrEnum):
    """How the pipeline fares; the worst comes first."""

    DATA_LOST = "data lost"
    REWOUND = "rewound"
    UNKNOWN = "unknown"
    UNOWNED = "unowned partition"
    STALLED = "stalled"
    FALLING_BEHIND = "falling behind"
    WAITING = "waiting"
    DRAINING = "draining"
    CAUGHT_UP = "caught up"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One line for an operator: the state, where, whose it is, and what to do.

    ``partitions`` are those that the state is about, as ``topic[number]``. ``owners`` are the
    members of the group that have them. ``seconds_left`` is how long a drain will take, in
    seconds, if the rates stay as they are.
    """

    state: State
    detail: str
    partitions: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    advice: str = ""
    seconds_left: float | None = None


class _Trend(msgspec.Struct, frozen=True):
    """One partition, over the time for which its offsets are known; oldest observation first."""

    times: tuple[datetime, ...]
    seen: tuple[PartitionObservation, ...]

    @property
    def now(self) -> PartitionObservation:
        return self.seen[-1]

    @property
    def age(self) -> timedelta | None:
        """How long the oldest waiting record waits; None if no record waits, or not known."""
        since = self.now.waiting_since
        return self.times[-1] - since if since and self.now.lag else None

    def lasts(self, holds: Callable[[PartitionObservation], bool]) -> timedelta | None:
        """Return for how long ``holds`` was true without a break; None if it is not now."""
        began = None
        for at, each in zip(reversed(self.times), reversed(self.seen), strict=True):
            if not holds(each):
                break
            began = at
        return self.times[-1] - began if began else None

    def recent(self) -> tuple[float, PartitionObservation]:
        """Return an observation at the start of the recent time, and how long ago it was (s)."""
        began, then = next(
            (each for each in zip(self.times, self.seen) if each[0] >= self.times[-1] - RECENT),
        )
        if began == self.times[-1] and len(self.times) > 1:
            began, then = self.times[-2], self.seen[-2]
        return (self.times[-1] - began).total_seconds(), then

    def rates(self) -> tuple[float, float]:
        """Return the records per second that arrived and that were stored recently."""
        seconds, then = self.recent()
        if not seconds:
            return 0.0, 0.0
        arrived = (self.now.end - then.end) / seconds
        return arrived, (self.now.committed - then.committed) / seconds


def evaluate(window: Sequence[Observation]) -> Verdict:
    """Return the verdict on the observations of about the last half minute, oldest first.

    Raises:
        ValueError: there is no observation.
    """
    if not window:
        raise ValueError("a verdict needs an observation")
    newest = window[-1]
    known = [each for each in window if each.group]
    if not known or newest.at - known[-1].at >= UNKNOWN_AFTER:
        detail = newest.problems.get("group", "the consumer group was not read")
        return Verdict(state=State.UNKNOWN, detail=detail, advice=_SEE_WHAT_RUNS)
    group = known[-1].group
    assert group is not None
    trends = _trends(known)
    for rule in (_data_lost, _rewound, _unowned, _stalled, _falling_behind, _draining):
        if verdict := rule(trends, group):
            return verdict
    return Verdict(state=State.CAUGHT_UP, detail=_on_their_way(group))


def _trends(window: Sequence[Observation]) -> list[_Trend]:
    """Return each partition of the newest observation since it was created, or created again."""
    history: dict[tuple[str, int], list[tuple[datetime, PartitionObservation]]] = {}
    for observation in window:
        for each in observation.group.partitions if observation.group else ():
            of_partition = history.setdefault(each.key, [])
            if of_partition and each.end < of_partition[-1][1].end:
                of_partition.clear()
            of_partition.append((observation.at, each))
    newest = window[-1].group
    assert newest is not None
    return [_Trend(*zip(*history[each.key], strict=True)) for each in newest.partitions]


def _data_lost(trends: list[_Trend], group: GroupObservation) -> Verdict | None:
    lost = [each.now for each in trends if each.now.lost]
    if not lost:
        return None
    records = sum(each.lost for each in lost)
    return _verdict(
        State.DATA_LOST,
        lost,
        f"{records:,} records were deleted before they were stored",
        "retail reconcile names the rows; retail produce FILE --again sends them again",
    )


def _rewound(trends: list[_Trend], group: GroupObservation) -> Verdict | None:
    back = [each for each in trends if each.now.committed < max(s.committed for s in each.seen)]
    if not back:
        return None
    records = sum(max(s.committed for s in each.seen) - each.now.committed for each in back)
    return _verdict(
        State.REWOUND,
        [each.now for each in back],
        f"the committed offset went back by {records:,} records; they are stored again",
        "nothing is counted twice: wait until the lag is 0; somebody has reset the group's offsets",
    )


def _unowned(trends: list[_Trend], group: GroupObservation) -> Verdict | None:
    if group.rebalancing:
        return None
    alone = [
        each.now
        for each in trends
        if (lasted := each.lasts(lambda seen: seen.owner is None)) and lasted >= UNOWNED_AFTER
    ]
    if not alone:
        return None
    if not group.members:
        return _verdict(State.UNOWNED, alone, "no processor runs", "start one: retail process")
    return _verdict(
        State.UNOWNED,
        alone,
        f"no processor of {group.members:,} reads it",
        "restart the processors, one after the other",
    )


def _stalled(trends: list[_Trend], group: GroupObservation) -> Verdict | None:
    still = [(each, lasted) for each in trends if (lasted := _still_for(each)) is not None]
    hung = _hung_owners(trends)
    stalled = [
        each.now
        for each, lasted in still
        if lasted >= STARVED_AFTER or lasted >= STALLED_AFTER and each.now.owner in hung
    ]
    if not stalled:
        return None
    waiting = sum(each.lag for each in stalled)
    return _verdict(
        State.STALLED,
        stalled,
        f"{waiting:,} records wait and none is stored",
        "read the owner's log; it may wait for MongoDB",
    )


def _still_for(trend: _Trend) -> timedelta | None:
    """Return how long records have waited while the owner committed none of them."""
    committed = trend.now.committed
    return trend.lasts(
        lambda seen: seen.committed == committed and seen.lag > 0 and seen.owner is not None
    )


def _hung_owners(trends: list[_Trend]) -> set[str | None]:
    """Return the owners that have committed nothing in any of their partitions for too long."""
    working = set()
    for each in trends:
        committed = each.now.committed
        unchanged = each.lasts(lambda seen: seen.committed == committed)
        if unchanged is None or unchanged < STALLED_AFTER:
            working.add(each.now.owner)
    return {each.now.owner for each in trends} - working


def _falling_behind(trends: list[_Trend], group: GroupObservation) -> Verdict | None:
    behind = [each.now for each in _late(trends) if each.recent()[1].lag < each.now.lag]
    if not behind or group.lag <= sum(each.recent()[1].lag for each in trends):
        return None
    arrived, stored = _rates(trends)
    return _verdict(
        State.FALLING_BEHIND,
        behind,
        f"{arrived:,.0f} records/s arrive and {stored:,.0f} are stored",
        "start another processor, up to one for each partition",
    )


def _draining(trends: list[_Trend], group: GroupObservation) -> Verdict | None:
    late = [each.now for each in _late(trends)]
    if not late:
        return None
    arrived, stored = _rates(trends)
    waiting = f"{group.lag:,} records wait"
    if not stored:
        detail = f"{waiting}; not observed long enough to know whether they move"
        return _verdict(State.WAITING, late, detail, "")
    verdict = _verdict(State.DRAINING, late, f"{waiting}, {stored:,.0f} are stored each second", "")
    left = group.lag / (stored - arrived) if stored > arrived else None
    return msgspec.structs.replace(verdict, seconds_left=left)


def _rates(trends: list[_Trend]) -> tuple[float, float]:
    """Return the records per second that arrived and that were stored, in all partitions.

    A processor reads its partitions in turn: the rates of one say little.
    """
    arrived, stored = zip(*(each.rates() for each in trends), strict=True)
    return sum(arrived), sum(stored)


def _late(trends: list[_Trend]) -> list[_Trend]:
    """Return the partitions whose oldest record waits for longer than records on their way do."""
    return [each for each in trends if each.age and each.age > CAUGHT_UP_WITHIN]


def _on_their_way(group: GroupObservation) -> str:
    return f"{group.lag:,} records are on their way" if group.lag else "every record is stored"


def _verdict(
    state: State, partitions: Sequence[PartitionObservation], detail: str, advice: str
) -> Verdict:
    owners = sorted({each.owner for each in partitions if each.owner})
    names = tuple(map(str, partitions))
    return Verdict(
        state=state, detail=detail, partitions=names, owners=tuple(owners), advice=advice
    )
