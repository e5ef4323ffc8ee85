"""Faults at any steps, any number of them, in batches of any size: the end is always the same."""

from __future__ import annotations

from threading import Event
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.flows import produce
from retail_pipeline.flows.produce import Production
from retail_pipeline.flows.throttle import Throttle
from tests.fakes import (
    FakeCheckpoints,
    FakePublisher,
    FakeSource,
    manifest,
    rejection,
    transaction,
)
from tests.unit.flows.test_process import DLQ, MANIFESTS, STEPS, TX, World

errors = st.sampled_from([PermanentError("killed"), TransientError("away")])
numbers = st.integers(1, 30)
# A row says the same each time that it comes.
transactions = numbers.map(
    lambda row: transaction(row, InvoiceDate=transaction().InvoiceDate.replace(day=1 + row % 3))
)
records = st.one_of(
    st.tuples(st.just(TX), transactions),
    st.tuples(st.just(TX), st.sampled_from([b"poison", None, b"\xff"])),
    st.tuples(st.just(DLQ), numbers.map(lambda row: rejection(row + 100))),
    st.tuples(st.just(DLQ), st.just(b"poison")),
    st.tuples(st.just(MANIFESTS), numbers.map(manifest)),
)
logs = st.lists(st.tuples(records, st.integers(0, 2)), max_size=25)
faults = st.lists(st.tuples(st.sampled_from(("poll", *STEPS)), errors), max_size=8)


def ended(world: World) -> tuple[object, ...]:
    """Return what counts of a world's store; when a row was rejected does not."""
    return (
        world.store.transactions,
        world.store.manifests,
        {key: (item.reason, item.raw) for key, item in world.store.quarantined.items()},
        set(world.store.marked),
    )


def fill(world: World, log: list[tuple[tuple[str, object], int]], rows: int) -> None:
    world.consumer.batch_rows = rows
    for (topic, value), partition in log:
        world.consumer.add(topic, value, partition=partition if topic == TX else 0)


@given(logs, st.integers(1, 9), st.integers(1, 9), faults)
def test_a_processor_that_fails_anywhere_any_number_of_times_ends_with_the_same_documents(
    log: list[tuple[tuple[str, object], int]],
    rows: int,
    calm_rows: int,
    planned: list[tuple[str, Exception]],
) -> None:
    calm, world = World(), World()
    fill(calm, log, calm_rows)
    calm.settle()
    calm.processor.close()
    fill(world, log, rows)
    for step, error in planned:
        world.faults.plan(step, error)
    # Each try meets at least one of the planned errors, or is the last.
    for _ in range(len(planned) + 1):
        try:
            world.settle()
            break
        except (PermanentError, TransientError):
            world.processor.close()
            world.start()
    else:
        raise AssertionError("it never came to an end")
    world.processor.close()
    assert ended(world) == ended(calm)
    committed = {(topic, partition if topic == TX else 0) for (topic, _), partition in log}
    assert all(world.consumer.committed[place] for place in committed)


@given(
    st.integers(0, 25),
    st.sets(st.integers(2, 26)),
    st.lists(
        st.tuples(st.sampled_from(["send", "reject", "acknowledge", "save"]), errors), max_size=8
    ),
    st.integers(1, 5),
    st.booleans(),
)
def test_a_producer_that_fails_anywhere_any_number_of_times_sends_every_row(
    count: int,
    broken: set[int],
    planned: list[tuple[str, Exception]],
    chunk: int,
    prompt: bool,
) -> None:
    source, checkpoints = FakeSource.of(count, broken), FakeCheckpoints()
    publisher = FakePublisher(checkpoints.faults, prompt=prompt)
    for step, error in planned:
        checkpoints.faults.plan(step, error)
    with (
        patch.object(produce, "CHUNK_ROWS", chunk),
        patch.object(produce, "_SECONDS_BETWEEN_SAVES", 0),
    ):
        for _ in range(len(planned) + 1):
            stop = Event()
            try:
                end = Production(source, publisher, checkpoints, Throttle(stop), stop).run()
                break
            except (PermanentError, TransientError):
                # A new process has a new publisher: what was queued is lost with the old one.
                publisher.queued.clear()
        else:
            raise AssertionError("it never came to an end")
    everything = set(range(2, count + 2))
    assert {item.row for item in publisher.of(Transaction)} == everything - broken
    assert {item.row for item in publisher.of(Rejection)} == everything & broken
    rejected = len(everything & broken)
    assert (end.complete, end.rows_read, end.rows_rejected) == (True, count, rejected)
    assert checkpoints.load(source.facts.source) == end
