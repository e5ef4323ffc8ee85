"""The sample and other data never end up together, in whatever order their rows come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import pytest

from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.sample_source import SAMPLE_SOURCE
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import Refusal
from retail_pipeline.flows.sample_guard import SampleGuard
from tests.fakes import FakeStore, manifest, rejection, transaction

MADE_UP: dict[str, Any] = {"source": SAMPLE_SOURCE}
SAMPLE = [transaction(2, **MADE_UP), rejection(3, **MADE_UP), manifest(2, **MADE_UP)]
OWN = (transaction(2), rejection(3), manifest(2))


@dataclass
class FakeSample:
    """What MongoDB holds of the sample, in the fake store."""

    store: FakeStore
    note: bool = False
    replacements: int = field(default=0)

    def replaced(self) -> bool:
        return self.note

    def stored(self) -> bool:
        return any(key.startswith(SAMPLE_SOURCE) for kept in self._kept() for key in kept)

    def other_data(self) -> bool:
        keys = (key for kept in self._kept() for key in kept)
        return self.note or any(not key.startswith(SAMPLE_SOURCE) for key in keys)

    def replace(self) -> int:
        self.note = True
        self.replacements += 1
        keys = [key for kept in self._kept() for key in kept if key.startswith(SAMPLE_SOURCE)]
        self.remove(keys)
        return len(keys)

    def remove(self, identities: Sequence[str]) -> None:
        for kept in self._kept():
            for key in identities:
                kept.pop(key, None)

    def _kept(self) -> tuple[dict[str, Any], ...]:
        return self.store.transactions, self.store.quarantined, self.store.manifests


@dataclass
class BusyStore(FakeStore):
    """Other processors may write to it right before an insert."""

    meanwhile: list[Callable[[], object]] = field(default_factory=list)

    def insert(self, transactions: Sequence[Transaction]) -> list[Refusal]:
        if self.meanwhile:
            self.meanwhile.pop()()
        return super().insert(transactions)


@dataclass
class World:
    """One database, and any number of processors that write to it."""

    store: BusyStore = field(default_factory=BusyStore)

    def __post_init__(self) -> None:
        self.sample = FakeSample(self.store)

    def processor(self, *, allowed: bool = True) -> SampleGuard:
        guard = SampleGuard(self.store, self.sample, allowed=allowed)
        guard.prepare()
        return guard

    @property
    def sources(self) -> set[str]:
        return {key.partition(":")[0] for kept in self.sample._kept() for key in kept}


@pytest.fixture
def world() -> World:
    return World()


def put(guard: SampleGuard, record: Any) -> None:
    if isinstance(record, Transaction):
        guard.insert([record])
    elif isinstance(record, Rejection):
        guard.quarantine([record])
    else:
        assert isinstance(record, Manifest)
        guard.record([record])


def test_the_sample_is_stored_while_there_is_nothing_else(world: World) -> None:
    for record in SAMPLE:
        put(world.processor(), record)
    assert world.sources == {SAMPLE_SOURCE}
    assert not world.sample.note


@pytest.mark.parametrize("of_own", ["row", "rejected row"])
def test_the_first_row_of_other_data_replaces_the_sample_whatever_comes_first(of_own: str) -> None:
    own = OWN[0] if of_own == "row" else OWN[1]
    for order in permutations([*SAMPLE, own]):
        world = World()
        processors = [world.processor(), world.processor()]
        for place, record in enumerate(order):
            put(processors[place % 2], record)
        assert world.sources == {own.source}, order


def test_rows_of_both_in_one_batch_leave_other_data_alone(world: World) -> None:
    world.processor().insert([transaction(2, **MADE_UP), transaction(5), transaction(3, **MADE_UP)])
    assert list(world.store.transactions) == [transaction(5).id]


def test_a_row_of_the_sample_written_while_another_processor_replaced_it_is_removed(
    world: World,
) -> None:
    guard = world.processor()
    world.store.meanwhile.append(lambda: world.processor().insert([transaction(7)]))
    guard.insert([transaction(2, **MADE_UP)])
    assert list(world.store.transactions) == [transaction(7).id]


def test_a_row_of_the_sample_that_a_killed_processor_left_goes_when_it_comes_again(
    world: World,
) -> None:
    guard = world.processor()
    guard.insert([transaction(7)])
    world.store.insert([transaction(2, **MADE_UP)])
    guard.insert([transaction(2, **MADE_UP)])
    assert list(world.store.transactions) == [transaction(7).id]


def test_a_processor_that_starts_finishes_a_replacement_that_was_interrupted(world: World) -> None:
    world.store.insert([transaction(2, **MADE_UP)])
    world.sample.note = True
    world.processor()
    assert not world.store.transactions


def test_a_database_in_which_an_older_release_mixed_both_is_cleaned_at_the_start(
    world: World,
) -> None:
    world.store.insert([transaction(2, **MADE_UP), transaction(3)])
    world.processor()
    assert list(world.store.transactions) == [transaction(3).id]


def test_where_the_sample_is_not_allowed_nothing_of_it_is_stored(world: World) -> None:
    world.store.insert([transaction(9, **MADE_UP)])
    guard = world.processor(allowed=False)
    for record in SAMPLE:
        put(guard, record)
    assert not world.sources


def test_what_processors_themselves_reject_replaces_nothing(world: World) -> None:
    guard = world.processor()
    put(guard, SAMPLE[0])
    guard.quarantine([rejection(1, source="tx-0", stage="processor")])
    assert not world.sample.note


def test_with_other_data_nothing_is_asked_for_a_second_time(world: World) -> None:
    guard = world.processor()
    for row in range(5):
        guard.insert([transaction(row)])
    assert world.sample.replacements == 1
