"""Records of older and newer releases: all are taken or quarantined as documented."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from retail_pipeline.domain.rejection import Reason
from tests.fakes import manifest, rejection, transaction
from tests.unit.flows.test_process import DLQ, MANIFESTS, TX, World


@pytest.fixture
def world() -> World:
    return World()


def other(record: Any, *left_out: str, **more: Any) -> dict[str, Any]:
    """Return a record as another release would write it."""
    fields = msgspec.to_builtins(record) | more
    return {name: value for name, value in fields.items() if name not in left_out}


@pytest.mark.parametrize(
    "record",
    [
        other(transaction(3), "schema_version"),
        other(transaction(3), "Description", "CustomerID", "Country"),
        other(transaction(3), Colour="red"),
    ],
)
def test_what_can_be_understood_is_stored(world: World, record: dict[str, Any]) -> None:
    world.consumer.add(TX, record)
    world.settle()
    [stored] = world.store.transactions.values()
    assert stored.schema_version == 1 and not world.store.quarantined


@pytest.mark.parametrize("version", [0, 2, 2**31])
@pytest.mark.parametrize("left_out", [(), ("InvoiceNo",), ("source",)])
def test_another_version_waits_in_quarantine_and_the_next_record_is_stored(
    world: World, version: int, left_out: tuple[str, ...]
) -> None:
    world.consumer.add(TX, other(transaction(3), *left_out, schema_version=version))
    world.consumer.add(TX, transaction(4))
    world.settle()
    [waiting] = world.store.quarantined.values()
    assert waiting.reason is Reason.UNKNOWN_VERSION
    assert waiting.claims == (None if "source" in left_out else transaction(3).id)
    assert list(world.store.transactions) == [transaction(4).id]


@pytest.mark.parametrize("version", ["2", None, 1.5, [1]])
def test_a_version_that_is_no_number_is_unknown(world: World, version: object) -> None:
    world.consumer.add(TX, other(transaction(3), schema_version=version))
    world.settle()
    [waiting] = world.store.quarantined.values()
    assert waiting.reason is Reason.UNKNOWN_VERSION


@pytest.mark.parametrize(
    "letter",
    [
        other(rejection(3), "encoding", "truncated", "claims"),
        other(rejection(3), mood="bad", schema_version=7),
    ],
)
def test_an_older_or_a_newer_dead_letter_is_quarantined(
    world: World, letter: dict[str, Any]
) -> None:
    world.consumer.add(DLQ, letter)
    world.settle()
    assert list(world.store.quarantined) == [rejection(3).id]


def test_a_dead_letter_with_an_unknown_reason_is_accounted_for_by_its_row(world: World) -> None:
    world.consumer.add(DLQ, other(rejection(3), reason="bad_mood"))
    world.consumer.add(DLQ, other(rejection(4), reason="bad_mood", claims="b:000000009"))
    world.consumer.add(DLQ, other(rejection(5), reason="bad_mood", claims="nonsense"))
    world.settle()
    found = [(item.id, item.claims) for item in world.store.quarantined.values()]
    assert found == [
        ("tx.dlq-0:000000000", rejection(3).id),
        ("tx.dlq-0:000000001", "b:000000009"),
        ("tx.dlq-0:000000002", None),
    ]


@pytest.mark.parametrize(
    "fields",
    [
        other(manifest(3), "delimiter", "columns", "width"),
        other(manifest(3), sheets=["a"], schema_version=7),
    ],
)
def test_an_older_or_a_newer_manifest_is_recorded(world: World, fields: dict[str, Any]) -> None:
    world.consumer.add(MANIFESTS, fields)
    world.settle()
    assert world.store.manifests[manifest(3).source] == manifest(3)


def test_a_manifest_of_another_form_is_quarantined_and_the_next_is_recorded(world: World) -> None:
    world.consumer.add(MANIFESTS, other(manifest(3), "rows_read"), manifest(4))
    world.settle()
    [waiting] = world.store.quarantined.values()
    assert (waiting.reason, waiting.claims) == (Reason.BROKEN_CONTRACT, None)
    assert world.store.manifests[manifest(4).source].rows_read == 4
