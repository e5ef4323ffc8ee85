"""The processor and what was in quarantine: released once it is stored, never diverted twice."""

from __future__ import annotations

import msgspec
import pytest

from retail_pipeline.domain.rejection import Reason, Rejection
from retail_pipeline.errors import PermanentError
from tests.fakes import rejection, transaction
from tests.unit.flows.test_process import TX, World

PLACE = "tx-0:000000000"


@pytest.fixture
def world() -> World:
    return World()


def unknown_version(row: int) -> bytes:
    return msgspec.json.encode(transaction(row, schema_version=9))


def test_a_replayed_row_is_stored_and_leaves_quarantine(world: World) -> None:
    world.store.quarantine([rejection(3), rejection(4)])
    world.consumer.replay(TX, transaction(3), rejection(3).id)
    world.settle()
    assert list(world.store.transactions) == [transaction(3).id]
    assert list(world.store.quarantined) == [rejection(4).id]


def test_a_replayed_row_that_is_stored_already_leaves_quarantine_too(world: World) -> None:
    world.consumer.add(TX, transaction(3))
    world.settle()
    world.store.quarantined[rejection(3).id] = rejection(3)
    world.consumer.replay(TX, transaction(3), rejection(3).id)
    world.settle()
    assert world.store.quarantined == {}


def test_a_replayed_row_that_is_refused_stays_in_quarantine_as_it_is(world: World) -> None:
    world.consumer.add(TX, unknown_version(3))
    world.settle()
    [before] = world.store.quarantined.values()
    world.store.refuses = lambda item: True
    world.consumer.replay(TX, transaction(3), before.id)
    world.settle()
    assert list(world.store.quarantined.values()) == [before]


def test_a_replayed_record_that_cannot_be_used_keeps_its_place_in_quarantine(world: World) -> None:
    world.consumer.add(TX, unknown_version(3))
    world.settle()
    world.consumer.replay(TX, unknown_version(3), PLACE)
    world.settle()
    assert list(world.store.quarantined) == [PLACE]


@pytest.mark.parametrize(
    "value", ["", "no row", "tx-0:7", ":000000007", "tx-0:00000000x", "tx-0:٣"]
)
def test_a_header_that_names_no_row_changes_nothing(world: World, value: str) -> None:
    world.store.quarantine([rejection(3)])
    world.consumer.replay(TX, transaction(3), value)
    world.settle()
    assert list(world.store.quarantined) == [rejection(3).id]


@pytest.mark.parametrize(
    ("record", "claims"),
    [
        (transaction(3, schema_version=9), transaction(3).id),
        (transaction(3, UnitPrice="NaN"), transaction(3).id),
        ({"source": "a", "row": 17}, "a:000000017"),
        ({"source": "", "row": 17}, None),
        ({"source": "a", "row": -1}, None),
        ({"source": "a", "row": "17"}, None),
        ({"source": 1, "row": 17}, None),
        ([], None),
        (b"garbage", None),
    ],
)
def test_an_unusable_record_claims_to_be_the_row_that_it_names(
    world: World, record: object, claims: str | None
) -> None:
    world.consumer.add(TX, record)
    world.settle()
    [quarantined] = world.store.quarantined.values()
    assert (quarantined.id, quarantined.claims) == (PLACE, claims)


def test_reading_everything_again_brings_back_no_row_that_was_stored_or_purged(
    world: World,
) -> None:
    world.consumer.add(TX, unknown_version(3), unknown_version(4), b"garbage")
    world.settle()
    assert len(world.store.quarantined) == 3
    world.consumer.replay(TX, transaction(3), PLACE)
    world.settle()
    world.store.purged.add("tx-0:000000002")
    del world.store.quarantined["tx-0:000000002"]
    world.consumer.committed.clear()
    world.start()
    world.settle()
    [left] = world.store.quarantined.values()
    assert left.claims == transaction(4).id
    assert list(world.store.transactions) == [transaction(3).id]


@pytest.mark.parametrize("step", ["insert", "release", "quarantine", "mark", "commit"])
def test_a_crash_at_any_step_of_a_replay_ends_with_the_row_stored_only(
    world: World, step: str
) -> None:
    world.store.quarantine([rejection(3)])
    world.consumer.replay(TX, transaction(3), rejection(3).id)
    world.consumer.add("tx.dlq", rejection(3))
    world.faults.plan(step, PermanentError("killed"))
    with pytest.raises(PermanentError):
        world.settle()
    world.start()
    world.settle()
    assert list(world.store.transactions) == [transaction(3).id]
    assert world.store.quarantined == {}
    assert world.store.marked


def test_another_releases_record_is_distinguished_from_a_broken_one_whichever_field_differs(
    world: World,
) -> None:
    newer = {**msgspec.to_builtins(transaction(3)), "Quantity": {"units": 6}, "schema_version": 2}
    del newer["InvoiceNo"]
    world.consumer.add(TX, newer)
    world.settle()
    [letter] = world.publisher.of(Rejection)
    assert letter.reason is Reason.UNKNOWN_VERSION
