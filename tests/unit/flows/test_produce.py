"""The producer's flow: every row goes out once, or again after a failure, and none is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Event

import msgspec
import pytest

from retail_pipeline.domain.checkpoint import Checkpoint
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.rejection import Reason, Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import TransientError
from retail_pipeline.flows import produce
from retail_pipeline.flows.produce import CHUNKS_IN_FLIGHT, Production
from retail_pipeline.flows.throttle import Throttle
from tests.fakes import FakeCheckpoints, FakePublisher, FakeSource

SOURCE = "abcdef0123456789"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(produce, "CHUNK_ROWS", 3)


def production(
    source: FakeSource, publisher: FakePublisher, checkpoints: FakeCheckpoints, stop: Event
) -> Production:
    return Production(source, publisher, checkpoints, Throttle(stop), stop)


def run(source: FakeSource, publisher: FakePublisher, checkpoints: FakeCheckpoints) -> Checkpoint:
    return production(source, publisher, checkpoints, Event()).run()


def rows(publisher: FakePublisher) -> list[int]:
    return [record.row for record in publisher.of(Transaction)]


def test_every_row_is_acknowledged_and_the_checkpoint_says_so() -> None:
    publisher, checkpoints = FakePublisher(), FakeCheckpoints()
    end = run(FakeSource.of(10), publisher, checkpoints)
    assert rows(publisher) == list(range(2, 12))
    assert (end.complete, end.position, end.rows_read, end.rows_sent) == (True, 11, 10, 10)
    assert checkpoints.kept[SOURCE] == end


def test_sent_again_a_row_releases_what_stood_for_it_in_quarantine() -> None:
    publisher = FakePublisher()
    again = production(FakeSource.of(2), publisher, FakeCheckpoints(), Event())
    again.again = True
    again.run()
    assert publisher.replays == {row.id: row.id for row in publisher.of(Transaction)}
    assert len(publisher.replays) == 2


def test_the_manifest_says_how_to_read_a_raw_row_again() -> None:
    publisher = FakePublisher()
    run(FakeSource.of(2), publisher, FakeCheckpoints())
    last = publisher.of(Manifest)[-1]
    assert last.layout == "opaque"


def test_a_broken_row_is_rejected_with_its_place_and_the_others_go_on() -> None:
    publisher = FakePublisher()
    end = run(FakeSource.of(5, broken=[4]), publisher, FakeCheckpoints())
    [rejected] = publisher.of(Rejection)
    assert rows(publisher) == [2, 3, 5, 6]
    assert (rejected.row, rejected.name, rejected.stage) == (4, "retail.csv", "producer")
    assert rejected.reason is Reason.WRONG_FIELD_COUNT
    assert rejected.raw.startswith("536365,85123A,")
    assert (end.rows_read, end.rows_sent, end.rows_rejected) == (5, 4, 1)


def test_the_last_manifest_accounts_for_every_row() -> None:
    publisher = FakePublisher()
    run(FakeSource.of(5, broken=[4]), publisher, FakeCheckpoints())
    last = publisher.of(Manifest)[-1]
    assert (last.rows_read, last.rows_sent, last.rows_rejected, last.complete) == (5, 4, 1, True)


def test_a_source_that_is_complete_is_not_sent_again() -> None:
    publisher, checkpoints = FakePublisher(), FakeCheckpoints()
    run(FakeSource.of(4), publisher, checkpoints)
    second = FakePublisher()
    assert run(FakeSource.of(4), second, checkpoints).complete
    assert second.acknowledged == []


@pytest.mark.parametrize("failing", range(1, 9))
def test_a_failure_at_any_acknowledgement_loses_no_row_at_the_next_run(failing: int) -> None:
    source, checkpoints, first = FakeSource.of(20, broken=[7]), FakeCheckpoints(), FakePublisher()
    waits = 0

    def meet(step: str) -> None:
        nonlocal waits
        waits += step == "acknowledge"
        if step == "acknowledge" and waits == failing:
            raise TransientError("away")

    first.faults.meet = meet  # type: ignore[method-assign]  # counts the calls
    # Time flies, so that each settled chunk is saved.
    clock = iter(range(0, 10_000, 10))
    stop = Event()
    with pytest.raises(TransientError):
        Production(
            source, first, checkpoints, Throttle(stop), stop, clock=lambda: float(next(clock))
        ).run()
    second = FakePublisher()
    end = run(source, second, checkpoints)
    assert set(rows(first)) | set(rows(second)) == set(range(2, 22)) - {7}
    assert (end.complete, end.rows_read, end.rows_sent, end.rows_rejected) == (True, 20, 19, 1)


def test_a_source_may_go_on_from_something_else_than_a_rows_number() -> None:
    lines = [
        msgspec.structs.replace(row, resume_at=f"page {row.number}")
        for row in FakeSource.of(10).lines
    ]
    checkpoints, second = FakeCheckpoints(), FakePublisher()
    checkpoints.kept[SOURCE] = Checkpoint(position="page 6", rows_read=5, rows_sent=5)
    end = run(FakeSource(lines), second, checkpoints)
    assert rows(second) == list(range(7, 12))
    assert (end.position, end.rows_read) == ("page 11", 10)


def test_a_checkpoint_never_runs_ahead_of_the_acknowledgements() -> None:
    publisher = FakePublisher()

    class Watching(FakeCheckpoints):
        def save(self, source: str, checkpoint: Checkpoint) -> None:
            super().save(source, checkpoint)
            assert set(range(2, int(checkpoint.position) + 1)) <= set(rows(publisher))

    stop, clock = Event(), iter(range(0, 10_000, 10))
    Production(
        FakeSource.of(20), publisher, Watching(), Throttle(stop), stop, clock=lambda: next(clock)
    ).run()


def test_what_is_in_flight_is_bounded() -> None:
    publisher = FakePublisher()
    run(FakeSource.of(100), publisher, FakeCheckpoints())
    assert publisher.most_unsettled <= CHUNKS_IN_FLIGHT + 2


def test_what_is_acknowledged_early_is_settled_early() -> None:
    publisher = FakePublisher(prompt=True)
    run(FakeSource.of(100), publisher, FakeCheckpoints())
    assert publisher.most_unsettled == 1


def test_a_stop_ends_after_the_chunk_in_flight_with_a_checkpoint_to_resume_from() -> None:
    stop, publisher, checkpoints = Event(), FakePublisher(), FakeCheckpoints()
    stop.set()
    end = production(FakeSource.of(10), publisher, checkpoints, stop).run()
    assert (end.complete, end.position, rows(publisher)) == (False, 4, [2, 3, 4])
    second = FakePublisher()
    assert run(FakeSource.of(10), second, checkpoints).complete
    assert rows(second) == list(range(5, 12))


def test_progress_counts_acknowledged_rows_only() -> None:
    reported: list[int] = []
    stop = Event()
    publisher = FakePublisher()
    Production(
        FakeSource.of(7),
        publisher,
        FakeCheckpoints(),
        Throttle(stop),
        stop,
        progress=lambda checkpoint: reported.append(checkpoint.rows_read),
    ).run()
    assert reported == sorted(reported) and reported[-1] == 7


class Clock:
    """Time that only waiting moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float | None = None) -> bool:
        self.now += seconds or 0.0
        return False


def test_a_rate_spreads_rows_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, stop = Clock(), Event()
    monkeypatch.setattr(stop, "wait", clock.wait)
    throttle = Throttle(stop, rate=4, clock=clock)
    moments = []
    for _ in range(5):
        throttle.wait(None)
        moments.append(clock.now - 100)
    assert moments == [0, 0.25, 0.5, 0.75, 1.0]


def test_a_speed_replays_the_gaps_between_events(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, stop = Clock(), Event()
    monkeypatch.setattr(stop, "wait", clock.wait)
    throttle = Throttle(stop, speed=3600, clock=clock)
    moments = []
    for hour in (8, 8, 9, 8, 11):
        throttle.wait(datetime(2010, 12, 1, hour, tzinfo=UTC))
        moments.append(clock.now - 100)
    assert moments == [0, 0, 1, 1, 3]


def test_without_a_limit_nothing_waits() -> None:
    assert not Throttle(Event()).limited
    assert Throttle(Event(), rate=1).limited and Throttle(Event(), speed=1).limited
