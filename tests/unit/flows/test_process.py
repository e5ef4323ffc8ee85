"""The processor's flow: whatever fails between two steps, each record ends in one state."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest

from retail_pipeline.domain.rejection import Reason, Rejection
from retail_pipeline.domain.topics import Topics
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.flows.process import CommittedBatch, DeadLetters, Processor, touched_days
from retail_pipeline.flows.retry import retrying
from tests.fakes import (
    FakeConsumer,
    FakePublisher,
    FakeStore,
    Faults,
    manifest,
    rejection,
    transaction,
)

TX, DLQ, MANIFESTS = "tx", "tx.dlq", "tx.manifests"
STEPS = ("insert", "reject", "acknowledge", "quarantine", "record", "mark", "commit")


class World:
    """Kafka and MongoDB in memory, with one processor that can crash and come back."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.consumer = FakeConsumer(self.faults)
        self.store = FakeStore(self.faults)
        self.publisher = FakePublisher(self.faults)
        self.connections = 0
        self.start()

    def start(self) -> None:
        self.consumer.restart()
        self.processor = Processor(
            self.consumer,
            self.store,
            DeadLetters(self.connect),
            Topics(TX, DLQ, MANIFESTS),
            retrying(Event(), give_up_after_s=0),
        )

    def connect(self) -> FakePublisher:
        self.connections += 1
        return self.publisher

    def settle(self) -> None:
        """Process all there is; what was dead-lettered comes round through Kafka."""
        delivered = 0
        while True:
            while self.processor.step():
                pass
            letters = self.publisher.of(Rejection)
            if delivered == len(letters):
                return
            self.consumer.add(DLQ, *letters[delivered:])
            delivered = len(letters)


@pytest.fixture
def world() -> World:
    return World()


def test_transactions_are_stored_their_days_marked_and_then_committed(world: World) -> None:
    world.consumer.add(TX, transaction(2), transaction(3))
    assert world.processor.step() == 2
    world.processor.finish()
    assert sorted(world.store.transactions) == [
        "abcdef0123456789:000000002",
        "abcdef0123456789:000000003",
    ]
    assert world.store.marked == [datetime(2010, 12, 1, tzinfo=UTC)]
    assert world.consumer.committed == {(TX, 0): 2}


def test_an_empty_poll_writes_nothing(world: World) -> None:
    assert world.processor.step() == 0
    assert world.store.marked == [] and world.consumer.committed == {}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff\xfe not json", Reason.UNREADABLE_RECORD),
        (b"", Reason.UNREADABLE_RECORD),
        (None, Reason.UNREADABLE_RECORD),
        (b'{"source": "a"}', Reason.BROKEN_CONTRACT),
        (transaction(schema_version=2), Reason.UNKNOWN_VERSION),
        (transaction(Quantity=10**9), Reason.BROKEN_CONTRACT),
        (transaction(UnitPrice="NaN"), Reason.BROKEN_CONTRACT),
        (transaction(InvoiceNo=""), Reason.BROKEN_CONTRACT),
    ],
)
def test_a_poison_record_goes_to_quarantine_and_the_next_ones_are_stored(
    world: World, value: Any, reason: Reason
) -> None:
    world.consumer.add(TX, value, transaction(9), partition=1)
    world.settle()
    [quarantined] = world.store.quarantined.values()
    assert (quarantined.source, quarantined.row) == ("tx-1", 0)
    assert (quarantined.reason, quarantined.stage) == (reason, "processor")
    assert len(world.store.transactions) == 1


def test_the_raw_bytes_of_a_poison_record_can_be_had_back(world: World) -> None:
    world.consumer.add(TX, b"\xff\xfe\x00")
    world.settle()
    [quarantined] = world.store.quarantined.values()
    assert quarantined.raw.encode(quarantined.encoding) == b"\xff\xfe\x00"


def test_a_huge_poison_record_is_cut_to_fit_the_dead_letter_topic(world: World) -> None:
    world.consumer.add(TX, b"x" * 1_000_000)
    world.settle()
    [quarantined] = world.store.quarantined.values()
    assert quarantined.truncated and len(quarantined.raw) == 128 * 1024


def test_an_unknown_field_is_no_reason_to_refuse_a_record(world: World) -> None:
    import msgspec

    record = msgspec.to_builtins(transaction(2)) | {"Colour": "red"}
    world.consumer.add(TX, record)
    world.settle()
    assert len(world.store.transactions) == 1 and not world.store.quarantined


def test_what_the_store_refuses_goes_to_quarantine_under_its_own_identity(world: World) -> None:
    world.store.refuses = lambda item: item.row == 3
    world.consumer.add(TX, transaction(2), transaction(3))
    world.settle()
    [quarantined] = world.store.quarantined.values()
    assert quarantined.id == transaction(3).id
    assert quarantined.reason is Reason.REFUSED_BY_STORE
    assert list(world.store.transactions) == [transaction(2).id]


def test_rejected_rows_and_manifests_reach_the_store(world: World) -> None:
    world.consumer.add(DLQ, rejection(3))
    world.consumer.add(MANIFESTS, manifest(3), manifest(5))
    world.settle()
    assert list(world.store.quarantined) == [rejection(3).id]
    assert world.store.manifests["abcdef0123456789"].rows_read == 5


def test_a_broken_dead_letter_is_quarantined_and_not_sent_round_again(world: World) -> None:
    world.consumer.add(DLQ, b"garbage")
    world.consumer.add(MANIFESTS, b"garbage")
    world.settle()
    assert sorted(item.source for item in world.store.quarantined.values()) == [
        "tx.dlq-0",
        "tx.manifests-0",
    ]
    assert world.connections == 0


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_a_crash_at_any_step_ends_with_the_same_documents(step: str, rows: int) -> None:
    def fill(world: World) -> None:
        world.consumer.batch_rows = rows
        world.consumer.add(TX, transaction(2), b"poison", transaction(3), transaction(4))
        world.consumer.add(DLQ, rejection(5))
        world.consumer.add(MANIFESTS, manifest(4))

    calm, world = World(), World()
    fill(calm)
    calm.settle()
    fill(world)
    world.faults.plan(step, PermanentError("killed"))
    with pytest.raises(PermanentError):
        world.settle()
    world.start()
    world.settle()
    assert world.store.transactions == calm.store.transactions
    assert world.store.manifests == calm.store.manifests
    assert {key: item.reason for key, item in world.store.quarantined.items()} == {
        key: item.reason for key, item in calm.store.quarantined.items()
    }
    assert set(world.store.marked) == set(calm.store.marked)


def test_a_transient_error_is_tried_again(world: World) -> None:
    world.processor.retry = retrying(Event()).copy(wait=lambda state: 0)
    for step in ("poll", *STEPS):
        world.faults.plan(step, TransientError("away"), TransientError("still away"))
    world.consumer.add(TX, transaction(2), b"poison")
    world.settle()
    assert len(world.store.transactions) == 1 and len(world.store.quarantined) == 1
    # A publisher that failed is closed, and another one connected.
    assert world.publisher.closed and world.connections > 1


def test_the_next_batch_is_fetched_while_one_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.consumer.batch_rows = 1
    world.consumer.add(TX, transaction(2), transaction(3))
    written = Event()
    insert = world.store.insert

    def slow(rows: Any) -> Any:
        assert written.wait(10), "the next batch was not fetched meanwhile"
        return insert(rows)

    monkeypatch.setattr(world.store, "insert", slow)
    poll = world.consumer.poll

    def watched() -> Any:
        if world.consumer.position:
            written.set()
        return poll()

    monkeypatch.setattr(world.consumer, "poll", watched)
    world.settle()
    assert world.consumer.committed == {(TX, 0): 2}


def test_a_stop_ends_the_retries(world: World) -> None:
    stop = Event()
    stop.set()
    world.processor.retry = retrying(stop)
    world.faults.plan("insert", TransientError("away"))
    world.consumer.add(TX, transaction(2))
    with pytest.raises(TransientError):
        world.settle()
    assert world.consumer.committed == {}


def test_the_days_touched_are_utc_days() -> None:
    import zoneinfo

    late = datetime(2010, 12, 1, 23, 30, tzinfo=zoneinfo.ZoneInfo("America/New_York"))
    assert touched_days([transaction(InvoiceDate=late), transaction(InvoiceDate=late)]) == {
        datetime(2010, 12, 2, tzinfo=UTC)
    }


def test_each_committed_batch_is_reported_with_its_counts_once(world: World) -> None:
    reported: list[CommittedBatch] = []
    world.processor.committed = reported.append
    world.consumer.add(TX, transaction(2), transaction(3), b"no record")
    assert world.processor.step() == 3
    world.processor.finish()
    [batch] = reported
    assert (batch.counts.stored, batch.counts.diverted, batch.counts.quarantined) == (2, 1, 0)
    assert batch.seconds > 0
    assert batch.read_at == transaction(2).ingested_at


def test_a_batch_that_is_not_committed_is_not_reported(world: World) -> None:
    reported: list[CommittedBatch] = []
    world.processor.committed = reported.append
    world.consumer.add(TX, transaction(2))
    world.faults.plan("commit", PermanentError("refused"))
    with pytest.raises(PermanentError):
        world.settle()
    assert not reported
