"""The verdict on a window of observations, in simulated hours of a topic with two partitions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from retail_pipeline.operations.observation import (
    GroupObservation,
    Observation,
    PartitionObservation,
)
from retail_pipeline.operations.verdict import State, Verdict, evaluate

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
WINDOW = 8


@dataclass
class PartitionLog:
    """One simulated partition: second by second, records arrive and are stored."""

    number: int
    owner: str | None = "processor-1"
    arrivals: float = 0.0
    capacity: float = 500.0
    first: int = 0
    end: int = 0
    committed: int = 0
    sent: deque[tuple[int, datetime]] = field(default_factory=deque)

    def second(self, now: datetime, random: Random) -> None:
        """Let a second pass."""
        more = round(self.arrivals * random.uniform(0.6, 1.4))
        if more:
            self.sent.append((self.end, now))
            self.end += more
        if self.owner:
            self.committed = min(self.end, self.committed + round(self.capacity))
        while len(self.sent) > 1 and self.sent[1][0] <= self.committed:
            self.sent.popleft()

    def observed(self) -> PartitionObservation:
        """Return what a monitor would read."""
        return PartitionObservation(
            topic="tx",
            partition=self.number,
            first=self.first,
            end=self.end,
            committed=self.committed,
            owner=self.owner,
            waiting_since=self.sent[0][1] if self.committed < self.end else None,
        )


@dataclass
class Pipeline:
    """Two partitions, observed every ``interval`` seconds."""

    seed: int
    interval: int = 5
    logs: list[PartitionLog] = field(default_factory=lambda: [PartitionLog(0), PartitionLog(1)])
    away: str | None = None
    rebalancing: bool = False
    now: datetime = START

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.window: deque[Observation] = deque(maxlen=WINDOW)

    def run(self, seconds: int) -> Iterator[Verdict]:
        """Yield the verdict of each interval."""
        for _ in range(seconds // self.interval):
            for _ in range(self.interval):
                self.now += timedelta(seconds=1)
                for log in self.logs:
                    log.second(self.now, self.random)
            self.window.append(self.observe())
            yield evaluate(list(self.window))

    def observe(self) -> Observation:
        """Return what a monitor would read now."""
        if self.away:
            return Observation(at=self.now, problems={"group": self.away})
        owners = {log.owner for log in self.logs if log.owner}
        group = GroupObservation(
            partitions=tuple(log.observed() for log in self.logs),
            members=len(owners),
            rebalancing=self.rebalancing,
        )
        return Observation(at=self.now, group=group)


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_pipeline_is_caught_up_whether_busy_or_idle(seed: int) -> None:
    pipeline = Pipeline(seed)
    for arrivals in (300.0, 0.0, 450.0):
        for log in pipeline.logs:
            log.arrivals = arrivals
        for verdict in pipeline.run(600):
            assert verdict.state == State.CAUGHT_UP, verdict


def _stop_processors(pipeline: Pipeline) -> None:
    for log in pipeline.logs:
        log.owner = None


def _hang(pipeline: Pipeline) -> None:
    pipeline.logs[1].capacity = 0


def _flood(pipeline: Pipeline) -> None:
    pipeline.logs[1].arrivals = 2_000


def _reset(pipeline: Pipeline) -> None:
    pipeline.logs[1].committed = 0


def _expire(pipeline: Pipeline) -> None:
    pipeline.logs[1].capacity = 0
    pipeline.logs[1].first = pipeline.logs[1].end + 1_000


def _disconnect(pipeline: Pipeline) -> None:
    pipeline.away = "Kafka at 127.0.0.1:9092 does not answer"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("fault", "state", "partitions", "within_s"),
    [
        (_stop_processors, State.UNOWNED, ("tx[0]", "tx[1]"), 20),
        (_hang, State.STALLED, ("tx[1]",), 10),
        (_flood, State.FALLING_BEHIND, ("tx[1]",), 15),
        (_reset, State.REWOUND, ("tx[1]",), 10),
        (_expire, State.DATA_LOST, ("tx[1]",), 10),
        (_disconnect, State.UNKNOWN, (), 5),
    ],
)
def test_a_fault_is_named_with_its_partition_and_stays_named(
    seed: int,
    fault: Callable[[Pipeline], None],
    state: State,
    partitions: tuple[str, ...],
    within_s: int,
) -> None:
    pipeline = Pipeline(seed)
    pipeline.logs[1].owner = "processor-2"
    for log in pipeline.logs:
        log.arrivals = 300
    for _ in pipeline.run(60):
        pass
    fault(pipeline)
    *_, verdict = pipeline.run(within_s)
    assert (verdict.state, verdict.partitions) == (state, partitions)


@pytest.mark.parametrize("seed", range(5))
def test_a_backlog_that_shrinks_is_draining_with_the_time_left(seed: int) -> None:
    pipeline = Pipeline(seed)
    log = pipeline.logs[1]
    log.sent.append((0, START - timedelta(minutes=45)))
    log.end, log.arrivals, log.capacity = 40_000, 100, 500
    *_, verdict = pipeline.run(30)
    assert (verdict.state, verdict.partitions) == (State.DRAINING, ("tx[1]",))
    assert verdict.seconds_left == pytest.approx(log.end / 400 - 30, rel=0.25)
    *_, verdict = pipeline.run(120)
    assert verdict.state == State.CAUGHT_UP


@pytest.mark.parametrize("seed", range(5))
def test_a_group_that_shares_its_partitions_again_leaves_none_unowned(seed: int) -> None:
    pipeline = Pipeline(seed)
    for log in pipeline.logs:
        log.arrivals = 300
    for _ in pipeline.run(60):
        pass
    pipeline.rebalancing = True
    _stop_processors(pipeline)
    states = {verdict.state for verdict in pipeline.run(30)}
    assert State.UNOWNED not in states


@pytest.mark.parametrize("seed", range(5))
def test_a_topic_that_was_made_again_is_not_rewound(seed: int) -> None:
    pipeline = Pipeline(seed)
    for log in pipeline.logs:
        log.arrivals = 300
    for _ in pipeline.run(60):
        pass
    for log in pipeline.logs:
        log.first = log.end = log.committed = 0
        log.sent.clear()
    assert {verdict.state for verdict in pipeline.run(60)} == {State.CAUGHT_UP}


def test_a_lost_member_s_partition_is_named_and_not_those_of_the_others() -> None:
    pipeline = Pipeline(0)
    for _ in pipeline.run(60):
        pass
    pipeline.logs[0].owner = None
    *_, verdict = pipeline.run(25)
    assert (verdict.state, verdict.partitions) == (State.UNOWNED, ("tx[0]",))
    assert verdict.detail == "no processor of 1 reads it"


def test_one_late_answer_does_not_change_the_verdict_and_a_silent_broker_does() -> None:
    pipeline = Pipeline(0, interval=1)
    for _ in pipeline.run(20):
        pass
    pipeline.away = "no answer within 1 s"
    states = [verdict.state for verdict in pipeline.run(4)]
    assert states == [State.CAUGHT_UP, State.CAUGHT_UP, State.UNKNOWN, State.UNKNOWN]


@pytest.mark.parametrize("seed", range(5))
def test_after_a_pause_the_backlog_drains_though_the_partitions_take_turns(seed: int) -> None:
    pipeline = Pipeline(seed, interval=1)
    for log in pipeline.logs:
        log.arrivals = 300
    for _ in pipeline.run(30):
        pass
    for log in pipeline.logs:
        log.capacity = 0
    for _ in pipeline.run(30):
        pass
    states = set()
    for turn in range(6):
        for number, log in enumerate(pipeline.logs):
            log.capacity = 1_000 if number == turn % 2 else 0
        for verdict in pipeline.run(20):
            states.add(verdict.state)
        for log in pipeline.logs:
            log.arrivals = 0
    *_, verdict = pipeline.run(5)
    assert verdict.state == State.CAUGHT_UP
    assert states <= {State.STALLED, State.FALLING_BEHIND, State.DRAINING, State.CAUGHT_UP}


def test_a_partition_that_its_owner_leaves_out_for_long_is_stalled() -> None:
    pipeline = Pipeline(0)
    for log in pipeline.logs:
        log.arrivals = 300
    for _ in pipeline.run(60):
        pass
    pipeline.logs[1].capacity = 0
    *_, verdict = pipeline.run(20)
    assert verdict.state == State.FALLING_BEHIND
    pipeline.window = deque(pipeline.window, maxlen=12)
    *_, verdict = pipeline.run(40)
    assert (verdict.state, verdict.partitions) == (State.STALLED, ("tx[1]",))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("restarts_every_s", [0, 4, 8])
def test_records_of_which_none_was_ever_stored_are_stalled_whoever_owns_them(
    seed: int, restarts_every_s: int
) -> None:
    pipeline = Pipeline(seed, interval=1)
    pipeline.window = deque(maxlen=60)
    for log in pipeline.logs:
        log.arrivals, log.capacity = 300, 0
    states = []
    for second in range(40):
        if restarts_every_s and second % restarts_every_s == restarts_every_s - 2:
            pipeline.rebalancing = second % 3 == 0
            _stop_processors(pipeline)
        elif not restarts_every_s or second % restarts_every_s == 0:
            pipeline.rebalancing = False
            for log in pipeline.logs:
                log.owner = f"processor-{second}" if restarts_every_s else "processor-1"
        states += [verdict.state for verdict in pipeline.run(1)]
    assert set(states[20:]) == {State.STALLED}


def test_a_processor_that_starts_again_is_not_stalled_before_it_can_store() -> None:
    for interval in (1, 5):
        pipeline = Pipeline(0, interval=interval)
        pipeline.window = deque(maxlen=60)
        for log in pipeline.logs:
            log.arrivals = 300
        for _ in pipeline.run(30):
            pass
        _stop_processors(pipeline)
        states = [verdict.state for verdict in pipeline.run(5)]
        for log in pipeline.logs:
            log.owner, log.capacity = "processor-2", 0
        states += [verdict.state for verdict in pipeline.run(5)]
        for log in pipeline.logs:
            log.capacity = 1_000
        states += [verdict.state for verdict in pipeline.run(60)]
        assert State.STALLED not in states


def test_a_long_time_without_a_processor_is_not_held_against_the_one_that_starts() -> None:
    pipeline = Pipeline(0, interval=1)
    pipeline.window = deque(maxlen=60)
    _stop_processors(pipeline)
    for log in pipeline.logs:
        log.arrivals = 300
    *_, verdict = pipeline.run(50)
    assert verdict.state == State.UNOWNED
    pipeline.rebalancing = True
    states = {verdict.state for verdict in pipeline.run(3)}
    pipeline.rebalancing = False
    for log in pipeline.logs:
        log.owner, log.capacity = "processor-2", 0
    states |= {verdict.state for verdict in pipeline.run(5)}
    assert states <= {State.FALLING_BEHIND, State.WAITING}


def test_the_time_without_a_broker_is_not_held_against_the_processors() -> None:
    pipeline = Pipeline(0, interval=1)
    pipeline.window = deque(maxlen=60)
    for log in pipeline.logs:
        log.arrivals, log.capacity = 300, 0
    for _ in pipeline.run(3):
        pass
    pipeline.away = "Kafka at 127.0.0.1:9092 does not answer"
    for _ in pipeline.run(20):
        pass
    pipeline.away = None
    states = {verdict.state for verdict in pipeline.run(4)}
    assert State.STALLED not in states and State.UNKNOWN not in states


def test_a_stall_that_began_right_after_an_observation_is_named_at_the_second_one() -> None:
    observed = [
        # The commits end 0.1 s after the first observation; the second one comes late, at 5.8 s.
        (0.0, 100, 103, None),
        (5.8, 115, 162, 0.2),
        (10.8, 115, 212, 0.2),
    ]
    window = []
    for second, committed, end, since in observed:
        each = PartitionObservation(
            topic="tx",
            partition=0,
            first=0,
            end=end,
            committed=committed,
            owner="processor-1",
            waiting_since=None if since is None else START + timedelta(seconds=since),
        )
        group = GroupObservation(partitions=(each,), members=1)
        window.append(Observation(at=START + timedelta(seconds=second), group=group))
    assert evaluate(window).state == State.STALLED


def test_no_processor_is_named_at_the_second_observation_though_it_comes_early() -> None:
    pipeline = Pipeline(0)
    for log in pipeline.logs:
        log.arrivals = 300
    for _ in pipeline.run(30):
        pass
    _stop_processors(pipeline)
    for _ in pipeline.run(5):
        pass
    pipeline.now -= timedelta(seconds=0.2)
    *_, verdict = pipeline.run(5)
    assert (verdict.state, verdict.partitions) == (State.UNOWNED, ("tx[0]", "tx[1]"))
