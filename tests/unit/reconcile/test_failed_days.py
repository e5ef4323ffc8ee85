"""A day that can't be summarised is named by reconciliation, and hides no difference elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime

from retail_pipeline.domain.collections import ROLLUPS
from retail_pipeline.domain.days import date_of_number
from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.reconciliation import Verdict
from retail_pipeline.reconcile.records import as_line
from tests.fakes import transaction
from tests.ledger_world import World, rows


def failed(day: int, **reasons: str) -> FailedDay:
    """Return a day that can't be summarised, for reasons by part."""
    then = datetime(2026, 1, 1, tzinfo=UTC)
    return FailedDay(day=date_of_number(day), reasons=reasons, since=then, attempts=3, next_at=then)


def test_a_day_that_cannot_be_summarised_is_named_with_its_reason_and_is_no_mismatch() -> None:
    world = World.of(rows(5))
    day = as_line(transaction()).day
    world.summarised, world.failed = {}, [failed(day, **dict.fromkeys(ROLLUPS, "too large"))]
    for result in (world.full(), world.quick()):
        assert (result.verdict, result.pending_days) == (Verdict.DIFFER, 0)
        assert [(each.what, each.place, each.day) for each in result.differences] == [
            ("not_summarised", rollup, date_of_number(day).isoformat()) for rollup in ROLLUPS
        ]
        assert "too large (3 attempts since 2026-01-01 00:00 UTC)" in result.differences[0].detail
        assert "restart the processor" in result.differences[0].advice


def test_beside_a_day_that_cannot_be_summarised_the_others_are_compared() -> None:
    later = transaction(9, InvoiceDate=datetime(2011, 1, 5, tzinfo=UTC))
    world = World.of([*rows(5), later])
    day = as_line(transaction()).day
    world.summarised, world.failed = {}, [failed(day, **dict.fromkeys(ROLLUPS, "too large"))]
    assert {each.day for each in world.full().differences if each.what == "rollup"} == {
        "2011-01-05"
    }
    assert [each.place for each in world.quick().differences if each.what == "rollup"] == [*ROLLUPS]


def test_the_parts_of_a_failed_day_that_are_made_are_compared() -> None:
    world = World.of(rows(5))
    world.summarised = {}
    world.failed = [failed(as_line(transaction()).day, **{ROLLUPS[0]: "too large"})]
    found = {each.place for each in world.full().differences if each.what == "rollup"}
    assert found == set(ROLLUPS[1:])


def test_a_day_that_is_summarised_while_it_reads_is_not_compared() -> None:
    class Recovering(World):
        def failed_days(self) -> list[FailedDay]:
            found, self.failed = self.failed, []
            return found

    world = Recovering.of(rows(5))
    for run in (world.full, world.quick):
        world.summarised = {}
        world.failed = [failed(as_line(transaction()).day, **{ROLLUPS[0]: "too large"})]
        result = run()
        assert (result.verdict, result.differences) == (Verdict.UNSETTLED, [])
