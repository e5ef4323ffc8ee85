"""Summaries in a full reconciliation: what does not follow from rows is named, and no more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from retail_pipeline.domain.collections import DUPLICATES_ROLLUP, PRODUCTS_ROLLUP
from retail_pipeline.domain.days import day_number
from retail_pipeline.domain.reconciliation import Difference, Verdict
from retail_pipeline.domain.transaction import Transaction, row_id
from retail_pipeline.reconcile.expected_rollups import RollupSums
from retail_pipeline.reconcile.records import Line, ReturnDocument, ReturnPart, as_line
from tests.fakes import transaction
from tests.ledger_world import SOURCE, World, rows

SOLD, CANCELLED = datetime(2011, 1, 3, 9, tzinfo=UTC), datetime(2011, 1, 7, 9, tzinfo=UTC)
RETURN = row_id(SOURCE, 4)


def shop() -> list[Transaction]:
    """Return two sales of which one is there twice, a cancellation of both, and one of a guest."""
    return [
        transaction(2, InvoiceDate=SOLD),
        transaction(3, InvoiceDate=SOLD),
        transaction(4, InvoiceDate=CANCELLED, InvoiceNo="C1", Quantity=-9),
        transaction(5, InvoiceDate=CANCELLED, InvoiceNo="C1", Quantity=-1, CustomerID=None),
        transaction(6, InvoiceDate=CANCELLED, InvoiceNo="C1", StockCode="POST", Quantity=-1),
    ]


def damaged(change: Callable[[dict[str, ReturnDocument]], object]) -> World:
    world = World.of(shop())
    world.returns = {each.id: each for each in world.return_documents()}
    change(world.returns)
    return world


def the_difference(world: World) -> Difference:
    result = world.full()
    assert result.verdict is Verdict.DIFFER
    [difference] = result.differences
    return difference


def test_what_returns_must_say_follows_from_the_rows() -> None:
    first, guests = World.of(shop()).return_documents()
    sale = {"InvoiceNo": "536365", "UnitPrice": 2_550_000, "Country": "EIRE"}
    sale["InvoiceDate"] = as_line(shop()[0]).InvoiceDate
    assert (first.id, first.day, first.lines) == (RETURN, day_number(CANCELLED), 3)
    assert (first.units, first.amount) == (9, -9 * 2_550_000)
    assert first.parts == (
        ReturnPart(6, -6 * 2_550_000, sale=row_id(SOURCE, 3), **sale),
        ReturnPart(3, -3 * 2_550_000, sale=row_id(SOURCE, 2), **sale),
    )
    assert first.distinct_parts == (
        ReturnPart(6, -6 * 2_550_000, sale=row_id(SOURCE, 2), **sale),
        ReturnPart(3, -3 * 2_550_000, reason="more than was sold"),
    )
    assert guests.parts == (ReturnPart(1, -2_550_000, reason="guest"),)
    assert guests.distinct_parts is None


def test_a_return_that_is_missing_is_named_with_its_day_and_money() -> None:
    lost = the_difference(damaged(lambda returns: returns.pop(RETURN)))
    assert (lost.what, lost.place, lost.ids) == ("missing", "returns", (RETURN,))
    assert (lost.day, lost.kind) == ("2011-01-07", "cancellation")
    assert lost.expected and lost.found
    assert (lost.expected.rows, lost.expected.pounds) == (2, "-25.5")
    assert (lost.found.rows, lost.found.pounds) == (1, "-2.55")


def test_a_return_that_nothing_explains_is_named() -> None:
    def add(returns: dict[str, ReturnDocument]) -> None:
        returns["other"] = returns[RETURN]._replace(id="other")

    extra = the_difference(damaged(add))
    assert (extra.what, extra.ids) == ("unknown", ("other",))
    assert "delete these documents" in extra.advice


@pytest.mark.parametrize(
    ("field", "value", "detail"),
    [
        ("amount", -22_951_000, "amount is -22.951, -22.95 is right"),
        ("lines", 2, "lines is 2, 3 is right"),
        ("distinct_parts", None, "distinct_parts is None, 2 of them is right"),
        ("parts", (ReturnPart(9, 0, "guest"),), "parts is 1 of them, 2 of them is right"),
    ],
)
def test_a_return_with_a_changed_field_is_named(field: str, value: Any, detail: str) -> None:
    def change(returns: dict[str, ReturnDocument]) -> None:
        returns[RETURN] = returns[RETURN]._replace(**{field: value})

    changed = the_difference(damaged(change))
    assert (changed.what, changed.ids) == ("changed", (RETURN,))
    assert changed.detail.startswith(detail)


def test_changes_of_units_that_cancel_each_other_out_are_seen() -> None:
    def change(returns: dict[str, ReturnDocument]) -> None:
        one, other = returns[RETURN].parts
        parts = (one._replace(units=5), other._replace(units=4))
        returns[RETURN] = returns[RETURN]._replace(parts=parts)

    changed = the_difference(damaged(change))
    assert changed.detail == "parts.0.units is 5, 6 is right; parts.1.units is 4, 3 is right"


@pytest.mark.parametrize("pending", [SOLD, CANCELLED])
def test_returns_are_not_compared_while_a_day_before_them_is_pending(pending: datetime) -> None:
    world = damaged(lambda returns: returns.clear())
    world.pending = {day_number(pending)}
    assert world.full().verdict is Verdict.UNSETTLED
    world.pending = {day_number(CANCELLED) + 1}
    assert {each.place for each in world.full().differences} == {"returns"}


def test_of_very_many_days_only_the_sums_of_the_returns_are_reported() -> None:
    dates = [datetime(2011, 1, day, 9, tzinfo=UTC) for day in range(1, 13)]
    world = World.of(
        [
            transaction(row, InvoiceDate=date, InvoiceNo="C1", Quantity=-1)
            for row, date in enumerate(dates, start=2)
        ]
    )
    world.returns = {}
    differences = world.full().differences
    assert [len(each.ids) for each in differences] == [1] * 10 + [0] * 2
    assert [each.what for each in differences] == ["missing"] * 10 + ["changed"] * 2


def test_a_line_that_is_summarised_as_a_duplicate_too_often_is_seen() -> None:
    world = World.of(shop())
    first, second, *_ = world.documents
    line = world.documents[second]
    world.summarised = {**world.documents, second: line._replace(Description="OTHER")}
    places = {each.place for each in world.full().differences}
    assert places == {DUPLICATES_ROLLUP, PRODUCTS_ROLLUP, "returns"}
    assert {each.day for each in world.full().differences} == {"2011-01-03", "2011-01-07"}


def test_a_day_without_duplicates_has_a_document_all_the_same() -> None:
    class Forgetful(World):
        def rollups(self, found: RollupSums) -> None:
            super().rollups(found)
            for day in {line.day for line in self.documents.values()}:
                del found.documents[DUPLICATES_ROLLUP, day]

    world = Forgetful.of(rows(5))
    lost = the_difference(world)
    assert (lost.place, lost.kind) == (DUPLICATES_ROLLUP, None)
    assert lost.expected and lost.found
    assert (lost.expected.rows, lost.found.rows) == (5, 0)


def test_duplicates_are_found_across_pieces_and_under_other_ids_but_not_across_days() -> None:
    def line(row: int, **changes: object) -> Line:
        return as_line(transaction(row, **{"InvoiceDate": SOLD, **changes}))

    expected = RollupSums()
    expected.summarise([line(2), line(3, Quantity=-1), line(4, Quantity=-2)])
    expected.summarise([line(5), line(6, InvoiceDate=CANCELLED), line(7)])
    found = {key: tally for key, tally in expected.tallies.items() if key[0] == DUPLICATES_ROLLUP}
    [(key, tally)] = found.items()
    assert key == (DUPLICATES_ROLLUP, day_number(SOLD), "sale")
    assert (tally.rows, tally.units, tally.micros) == (2, 12, 12 * 2_550_000)
