"""How the pipeline fares, from the last observations together.

One observation can't tell a backlog that shrinks from one that grows, or a rebalance from a
partition that nobody will ever read. Each verdict therefore needs evidence over time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
# One that had kept up commits within a second: it is named sooner, within two intervals of 5 s.
KEPT_UP_STALLED_AFTER = timedelta(seconds=4)
# Owners that come and go may each be about to begin; if none of them stores anything, they stall.
CHANGING_STALLED_AFTER = timedelta(seconds=15)
# A processor reads its partitions in turn: one that waits for its turn for longer is stalled, too.
STARVED_AFTER = timedelta(seconds=45)
# Whether a backlog grows or shrinks is taken from this time, or from the last two observations.
RECENT = timedelta(seconds=10)
# A processor that starts again has its partitions after this time. Until the brokers miss a member
# that was killed, which takes the session timeout, it owns them. Less than an interval of 5 s, of
# which one observation may end later than the next one.
UNOWNED_AFTER = timedelta(seconds=4.5)
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
    """One partition, over the time for which its offsets are known; oldest observation first.

    ``answered_since`` is from when on the brokers have answered without a break.
    """

    answered_since: datetime
    times: tuple[datetime, ...]
    seen: tuple[PartitionObservation, ...]
    rebalancing: tuple[bool, ...]

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
        for at, each, _ in self.backwards():
            if not holds(each):
                break
            began = at
        return self.times[-1] - began if began else None

    def backwards(self) -> Iterator[tuple[datetime, PartitionObservation, bool]]:
        """Yield each observation while the brokers answered, and whether the group rebalanced.

        The newest comes first.
        """
        parts = (self.times, self.seen, self.rebalancing)
        for at, each, rebalancing in zip(*map(reversed, parts), strict=True):
            if at >= self.answered_since:
                yield at, each, rebalancing

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
    trends = _trends(known, _answered_since(window))
    for rule in (_data_lost, _rewound, _unowned, _stalled, _falling_behind, _draining):
        if verdict := rule(trends, group):
            return verdict
    return Verdict(state=State.CAUGHT_UP, detail=_on_their_way(group))


def _answered_since(window: Sequence[Observation]) -> datetime:
    """Return when the brokers answered first after they were last unknown.

    Nobody can commit while they are away: that time says nothing of a processor.
    """
    since = last = None
    for each in window:
        if each.group:
            since, last = since or each.at, each.at
        elif last and each.at - last >= UNKNOWN_AFTER:
            since = None
    assert since is not None
    return since


def _trends(window: Sequence[Observation], answered_since: datetime) -> list[_Trend]:
    """Return each partition of the newest observation since it was created, or created again."""
    history: dict[tuple[str, int], list[tuple[datetime, PartitionObservation, bool]]] = {}
    for observation in window:
        group = observation.group
        assert group is not None
        for each in group.partitions:
            of_partition = history.setdefault(each.key, [])
            if of_partition and each.end < of_partition[-1][1].end:
                of_partition.clear()
            of_partition.append((observation.at, each, group.rebalancing))
    newest = window[-1].group
    assert newest is not None
    found = []
    for each in newest.partitions:
        times, seen, rebalancing = zip(*history[each.key], strict=True)
        found.append(_Trend(answered_since, times, seen, rebalancing))
    return found


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
    idle = _idle_owners(trends)
    stalled = [each.now for each in trends if _is_stalled(each, idle[each.now.owner])]
    if not stalled:
        return None
    waiting = sum(each.lag for each in stalled)
    return _verdict(
        State.STALLED,
        stalled,
        f"{waiting:,} records wait and none is stored",
        "read the owner's log; it may wait for MongoDB",
    )


def _is_stalled(trend: _Trend, owner_idle: timedelta) -> bool:
    """Return whether records wait too long; the owner has committed nothing for ``owner_idle``."""
    still = _still_for(trend)
    if still >= STARVED_AFTER:
        return True
    if owner_idle >= STALLED_AFTER and (still >= STALLED_AFTER or _still_under_any_owner(trend)):
        return True
    return owner_idle >= KEPT_UP_STALLED_AFTER and _still_though_it_kept_up(trend, still)


def _still_for(trend: _Trend) -> timedelta:
    """Return how long records have waited while one owner committed none of them."""
    now = trend.now
    lasted = trend.lasts(
        lambda seen: seen.committed == now.committed
        and seen.lag > 0
        and seen.owner is not None
        and seen.owner == now.owner
    )
    return lasted or timedelta()


def _still_though_it_kept_up(trend: _Trend, lasted: timedelta) -> bool:
    """Return whether a record waits too long at an owner that kept up until its commits ended.

    When the owner was last seen to work, the record was not there yet, or was on its way. An owner
    that has just got the partition takes longer to store its first records.
    """
    now, age = trend.now, trend.age
    if age is None or age <= CAUGHT_UP_WITHIN or lasted < KEPT_UP_STALLED_AFTER:
        return False
    began = trend.times[-1] - lasted
    worked = next(((at, each) for at, each, _ in trend.backwards() if at < began), None)
    if worked is None or worked[1].owner != now.owner:
        return False
    return trend.times[-1] - age >= worked[0] - CAUGHT_UP_WITHIN


def _still_under_any_owner(trend: _Trend) -> bool:
    """Return whether no record was committed for too long, whoever came and went meanwhile.

    The time before a partition got an owner again that it had lacked for long does not count.
    """
    newest, now = trend.times[-1], trend.now
    began = left = None
    for at, each, rebalancing in trend.backwards():
        if each.committed != now.committed or not each.lag:
            break
        left = (left or at) if each.owner is None and not rebalancing else None
        if left and left - at >= UNOWNED_AFTER:
            break
        began = began if left else at
    return began is not None and newest - began >= CHANGING_STALLED_AFTER


def _unchanged_for(trend: _Trend) -> timedelta:
    committed = trend.now.committed
    return trend.lasts(lambda seen: seen.committed == committed) or timedelta()


def _idle_owners(trends: list[_Trend]) -> dict[str | None, timedelta]:
    """Return for how long each owner has committed nothing in any of its partitions."""
    idle: dict[str | None, timedelta] = {}
    for each in trends:
        unchanged = _unchanged_for(each)
        idle[each.now.owner] = min(unchanged, idle.get(each.now.owner, unchanged))
    return idle


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
