"""What becomes of a probe, and the reason that is given for one that is not stored."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.operations.observation import GroupObservation, PartitionObservation
from retail_pipeline.operations.probe import ProbeState, ProbeTransport, SentProbe, run_probe


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Pipeline:
    """One partition with its probe; a test sets what becomes of it."""

    def __init__(self) -> None:
        self.topic = "t"
        self.clock = Clock()
        self.committed = [10, 10]
        self.owner: str | None = "processor-1"
        self.members = 1
        self.rebalancing = False
        self.stored_at: float | None = None
        self.problem = ""
        self.away: list[Exception | None] = []

    def send(self, timeout_s: float) -> list[SentProbe]:
        offset = None if self.problem else 10
        return [SentProbe("t", 0, "p", self.clock(), offset, self.problem)]

    def stored(self, ids: Collection[str]) -> set[str]:
        return set(ids) if self.stored_at is not None and self.clock() >= self.stored_at else set()

    def group(self) -> GroupObservation:
        if self.away and (error := self.away.pop(0)):
            raise error
        committed = self.committed.pop(0)
        place = PartitionObservation(
            topic="t", partition=0, first=0, end=11, committed=committed, owner=self.owner
        )
        return GroupObservation(
            partitions=(place,), members=self.members, rebalancing=self.rebalancing
        )

    def outcome(self) -> tuple[ProbeState, str]:
        transport = ProbeTransport(self.topic, self.send, self.stored, self.group)
        [found] = run_probe(transport, 5.0, self.clock, self.clock.sleep)
        assert str(found) == "t[0]"
        assert (found.latency_ms is None) == bool(found.reason)
        return found.state, found.reason or f"{found.latency_ms:.0f} ms"


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


def test_a_probe_that_is_stored_has_its_latency(pipeline: Pipeline) -> None:
    pipeline.stored_at = 1_000.19
    assert pipeline.outcome() == (ProbeState.STORED, "200 ms")


def test_a_probe_that_is_stored_at_the_last_moment_is_stored(pipeline: Pipeline) -> None:
    pipeline.committed = [10, 11]
    pipeline.stored_at = 1_005.0
    assert pipeline.outcome()[0] is ProbeState.STORED


def test_a_probe_behind_rows_that_are_being_stored_waits(pipeline: Pipeline) -> None:
    pipeline.committed = [2, 5]
    words = "not stored within 5 s: rows before it are being stored; records that wait: 6"
    assert pipeline.outcome() == (ProbeState.WAITING, words)


def test_a_rebalance_is_waited_for(pipeline: Pipeline) -> None:
    pipeline.rebalancing, pipeline.owner = True, None
    assert pipeline.outcome()[0] is ProbeState.WAITING


@pytest.mark.parametrize(
    ("members", "owner", "state", "reason"),
    [
        (0, None, ProbeState.NO_PROCESSOR, "no processor runs"),
        (2, None, ProbeState.UNOWNED, "no processor of 2 reads the partition"),
        (1, "p-1", ProbeState.STALLED, "p-1 stores nothing; records that wait: 1"),
    ],
)
def test_who_does_not_store_it_is_named(
    pipeline: Pipeline, members: int, owner: str | None, state: ProbeState, reason: str
) -> None:
    pipeline.members, pipeline.owner = members, owner
    assert pipeline.outcome() == (state, f"not stored within 5 s: {reason}")


def test_a_probe_that_a_processor_rejected_is_not_waited_for_as_a_backlog(
    pipeline: Pipeline,
) -> None:
    pipeline.committed = [10, 11]
    state, reason = pipeline.outcome()
    assert state is ProbeState.REJECTED and "is of an older release or may not write" in reason


def test_a_probe_that_no_broker_takes_is_not_waited_for(pipeline: Pipeline) -> None:
    pipeline.problem = "NotLeaderForPartitionError"
    assert pipeline.outcome() == (ProbeState.NOT_SENT, "not sent: NotLeaderForPartitionError")
    assert pipeline.clock() == 1_000.0


def test_a_broker_that_goes_away_meanwhile_is_the_reason(pipeline: Pipeline) -> None:
    pipeline.away = [None, TransientError("Kafka at a:1 does not answer")]
    words = "not stored within 5 s: Kafka at a:1 does not answer"
    assert pipeline.outcome() == (ProbeState.UNKNOWN, words)


def test_a_broker_that_is_away_from_the_start_is_an_error(pipeline: Pipeline) -> None:
    pipeline.away = [TransientError("Kafka at a:1 does not answer")]
    with pytest.raises(TransientError):
        pipeline.outcome()


def test_without_the_topic_nothing_is_sent(pipeline: Pipeline) -> None:
    pipeline.topic = "other"
    with pytest.raises(PermanentError, match="Kafka has no topic other: run `retail setup` first"):
        pipeline.outcome()
