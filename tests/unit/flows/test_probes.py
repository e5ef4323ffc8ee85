"""A probe takes the way of a row, and is no row in any count, state or figure."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from retail_pipeline.domain.probe import Probe, ReceivedProbe
from retail_pipeline.domain.rejection import Reason
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.flows.dead_letter_limit import DeadLetterLimit
from retail_pipeline.flows.process import Counts
from retail_pipeline.flows.retry import retrying
from tests.fakes import transaction
from tests.unit.flows.test_process import STEPS, TX, World

ONE, OTHER = Probe("1" * 32), Probe("2" * 32)


@pytest.fixture
def world() -> World:
    return World()


def test_a_probe_is_stored_apart_and_then_committed(world: World) -> None:
    world.consumer.probe(TX, ONE)
    world.settle()
    assert world.store.probes == {ONE.probe: ReceivedProbe(ONE.probe, 0, 0)}
    assert world.consumer.committed == {(TX, 0): 1}
    assert not (world.store.transactions or world.store.quarantined or world.store.marked)
    assert world.processor.counts == Counts(batches=1) and world.connections == 0


def test_probes_among_rows_change_nothing_about_the_rows(world: World) -> None:
    without = World()
    for row in (2, 3):
        world.consumer.probe(TX, ONE)
        for each in (world, without):
            each.consumer.add(TX, transaction(row))
    for each in (world, without):
        each.settle()
    assert world.store.transactions == without.store.transactions
    assert world.store.marked == without.store.marked
    assert world.processor.counts == without.processor.counts


@pytest.mark.parametrize("step", ["probes", "mark", "commit", "insert"])
def test_a_crash_at_any_step_stores_a_probe_once(world: World, step: str) -> None:
    world.consumer.probe(TX, ONE)
    world.consumer.add(TX, transaction(2))
    world.faults.plan(step, RuntimeError("killed"))
    with pytest.raises(RuntimeError):
        world.settle()
    world.start()
    world.settle()
    assert list(world.store.probes) == [ONE.probe] and len(world.store.transactions) == 1


def test_a_probe_that_is_read_again_much_later_is_stored_again_and_nothing_else(
    world: World,
) -> None:
    world.consumer.probe(TX, ONE)
    world.consumer.add(TX, transaction(2))
    world.settle()
    stored = dict(world.store.transactions)
    world.store.probes.clear()
    world.consumer.committed.clear()
    world.start()
    world.settle()
    assert list(world.store.probes) == [ONE.probe]
    assert world.store.transactions == stored and not world.store.quarantined


def test_a_probe_that_can_not_be_stored_stops_no_processor(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    world.faults.plan("probes", PermanentError("MongoDB at a:1: the user lacks the rights"))
    world.consumer.probe(TX, ONE)
    world.consumer.add(TX, transaction(2))
    world.settle()
    assert not world.store.probes and len(world.store.transactions) == 1
    assert world.consumer.committed == {(TX, 0): 2}
    assert "probes are not stored: MongoDB at a:1: the user lacks the rights" in caplog.text


def test_a_probe_waits_for_a_database_that_is_away(world: World) -> None:
    from threading import Event

    world.processor.retry = retrying(Event()).copy(wait=lambda state: 0)
    for step in ("probes", *STEPS):
        world.faults.plan(step, TransientError("away"))
    world.consumer.probe(TX, ONE)
    world.settle()
    assert list(world.store.probes) == [ONE.probe]


@pytest.mark.parametrize(
    "value", [b"", None, b"{}", b"poison", {"probe": 7}, {"probe": "x" * 32}, {"probe": "1" * 33}]
)
def test_a_header_alone_makes_no_record_disappear(world: World, value: Any) -> None:
    world.consumer.probe(TX, value)
    world.settle()
    [quarantined] = world.store.quarantined.values()
    assert quarantined.id == "tx-0:000000000" and not world.store.probes


def test_a_row_with_the_header_of_a_probe_is_a_row(world: World) -> None:
    world.consumer.probe(TX, transaction(2))
    world.settle()
    assert list(world.store.transactions) == [transaction(2).id] and not world.store.probes


@pytest.mark.parametrize("header", ["schema_version", "replay", "Probe"])
def test_a_probe_without_its_header_is_a_broken_record(world: World, header: str) -> None:
    world.consumer.probe(TX, ONE, header)
    world.settle()
    [quarantined] = world.store.quarantined.values()
    assert quarantined.reason is Reason.BROKEN_CONTRACT and quarantined.claims is None


def test_a_probe_of_a_newer_release_may_have_more_fields(world: World) -> None:
    world.consumer.probe(TX, {"probe": ONE.probe, "sent_by": "a later release"})
    world.settle()
    assert list(world.store.probes) == [ONE.probe]


def test_probes_dilute_no_share_of_dead_letters(world: World) -> None:
    world.processor.limit = DeadLetterLimit(1, 0.5, 300.0)
    for _ in range(9):
        world.consumer.probe(TX, OTHER)
    world.consumer.add(TX, transaction(2), b"poison", b"poison")
    with pytest.raises(PermanentError, match="dead-letter limit"):
        world.settle()
