"""The dead-letter limit: rows and share must both be exceeded, within the window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from retail_pipeline.domain.rejection import Reason, Rejection
from retail_pipeline.domain.topics import Topics
from retail_pipeline.errors import PermanentError
from retail_pipeline.flows.dead_letter_limit import DeadLetterLimit
from retail_pipeline.flows.process import DeadLetters, Processor
from retail_pipeline.flows.retry import retrying
from tests.fakes import rejection, transaction
from tests.unit.flows.test_process import DLQ, MANIFESTS, TX, World


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def rejections(count: int, reason: Reason = Reason.UNKNOWN_VERSION) -> list[Rejection]:
    return [rejection(row, reason=reason) for row in range(count)]


def test_many_are_allowed_while_their_share_is_small() -> None:
    limit = DeadLetterLimit(10, 0.2)
    limit.count(1_000, [])
    limit.count(100, rejections(100))


def test_any_share_is_allowed_while_they_are_few() -> None:
    DeadLetterLimit(10, 0.2).count(10, rejections(10))


def test_both_exceeded_stops_and_says_how_many_of_how_many_why_and_what_to_do() -> None:
    limit = DeadLetterLimit(10, 0.2, 60)
    limit.count(20, rejections(4, Reason.BROKEN_CONTRACT))
    with pytest.raises(PermanentError) as error:
        limit.count(20, rejections(7))
    assert str(error.value).startswith(
        "dead-letter limit: 11 of 40 records within 60 s can't be used, mostly unknown_version (7)"
    )
    assert "DEAD_LETTER_LIMIT_ROWS (0 = no limit)" in str(error.value)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    clock = Clock()
    limit = DeadLetterLimit(10, 0.2, 60, clock)
    for _ in range(10):
        limit.count(10, rejections(10))
        clock.sleep(61)


def test_within_the_window_batches_add_up() -> None:
    clock = Clock()
    limit = DeadLetterLimit(10, 0.2, 60, clock)
    limit.count(10, rejections(6))
    clock.sleep(30)
    with pytest.raises(PermanentError):
        limit.count(10, rejections(6))


def test_what_the_quarantine_holds_from_before_a_restart_counts() -> None:
    with pytest.raises(PermanentError, match=r"2 of 2 records \(12 with earlier ones\)"):
        DeadLetterLimit(10, 0.2).count(2, rejections(2), already=10)


def test_no_limit_is_no_limit() -> None:
    DeadLetterLimit(0, 0.0).count(5_000, rejections(5_000), already=10**9)


def test_its_memory_does_not_grow_with_the_batches() -> None:
    clock = Clock()
    limit = DeadLetterLimit(10, 0.2, 60, clock)
    for _ in range(5_000):
        limit.count(100, [])
        clock.sleep(0.1)
    assert len(limit._seconds) <= 61


@pytest.fixture
def world() -> World:
    return World()


def limited(world: World, rows: int) -> None:
    """Start a processor that stops at more than ``rows`` rejected records."""
    world.consumer.restart()
    world.processor = Processor(
        world.consumer,
        world.store,
        DeadLetters(world.connect),
        Topics(TX, DLQ, MANIFESTS),
        retrying(Event(), give_up_after_s=0),
        DeadLetterLimit(rows, 0.2),
    )


def test_a_flood_stops_the_processor_with_nothing_diverted_or_committed(world: World) -> None:
    world.consumer.add(TX, transaction(2), *[b"poison"] * 11)
    for _ in range(2):
        limited(world, 10)
        with pytest.raises(PermanentError, match="dead-letter limit: 11 of 12 records"):
            world.settle()
        assert world.connections == 0 and world.consumer.committed == {}
    assert list(world.store.transactions) == [transaction(2).id], "the good ones are stored"
    limited(world, 11)
    world.settle()
    assert len(world.store.quarantined) == 11 and world.consumer.committed[TX, 0] == 12


def test_a_flood_in_small_batches_stops_the_next_processor_too(world: World) -> None:
    world.consumer.batch_rows = 4
    world.consumer.add(TX, *[b"poison"] * 20)
    limited(world, 10)
    with pytest.raises(PermanentError):
        world.settle()
    diverted = world.publisher.of(Rejection)
    assert len(diverted) == 8
    world.store.quarantine(diverted)
    for _ in range(3):
        limited(world, 10)
        with pytest.raises(PermanentError):
            world.settle()
    assert world.publisher.of(Rejection) == diverted
