"""A cancellation undoes the sales that it can undo, each unit once, and says what it can't."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.domain.returns import (
    Part,
    TradedLine,
    UnmatchedReason,
    in_order,
    undone,
    without_duplicates,
)
from retail_pipeline.domain.transaction import Kind

_START = datetime(2011, 1, 1, tzinfo=UTC)


def line(
    name: str, hours: int, units: int, price: str = "2.5", content: object = None
) -> TradedLine:
    """Return a sale, or a cancellation where units come back."""
    kind = Kind.SALE if units > 0 else Kind.CANCELLATION
    at = _START + timedelta(hours=hours)
    return TradedLine(name, at, kind, units, Decimal(price), content or name)


def parts_of(*lines: TradedLine, guest: bool = False) -> dict[str, list[tuple[int, str]]]:
    """Return the parts as units, and the sale's name or the reason."""
    return {
        name: [(part.units, part.sale.id if part.sale else str(part.reason)) for part in parts]
        for name, parts in undone(lines, guest=guest).items()
    }


def test_a_cancellation_undoes_the_last_sale_first_and_goes_on_to_the_one_before() -> None:
    assert parts_of(line("a", 1, 10), line("b", 2, 4), line("x", 3, -6)) == {
        "x": [(4, "b"), (2, "a")]
    }


def test_a_sale_at_the_same_price_comes_before_a_later_one_at_another() -> None:
    found = parts_of(line("a", 1, 4), line("b", 2, 4, "3"), line("x", 3, -6, "2.50"))
    assert found == {"x": [(4, "a"), (2, "b")]}


def test_no_unit_is_undone_twice() -> None:
    found = parts_of(line("a", 1, 5), line("x", 2, -3), line("y", 3, -3))
    assert found == {"x": [(3, "a")], "y": [(2, "a"), (1, "more than was sold")]}


def test_a_later_sale_is_not_undone() -> None:
    assert parts_of(line("x", 1, -3), line("a", 2, 5)) == {"x": [(3, "no earlier sale")]}


def test_a_sale_of_the_same_moment_is() -> None:
    assert parts_of(line("x", 1, -3), line("a", 1, 5)) == {"x": [(3, "a")]}


def test_a_guest_undoes_nothing() -> None:
    assert parts_of(line("a", 1, 5), line("x", 2, -3), guest=True) == {"x": [(3, "guest")]}


def test_a_cancellation_of_no_units_brings_nothing_back() -> None:
    odd = TradedLine("x", _START, Kind.CANCELLATION, 4, Decimal(1))
    assert undone([odd]) == {"x": [Part(-4, reason=UnmatchedReason.NOT_NEGATIVE)]}


def test_a_write_off_is_neither_sold_nor_returned() -> None:
    gift = TradedLine("g", _START, Kind.ADJUSTMENT, 9, Decimal(0))
    assert parts_of(gift, line("x", 2, -3)) == {"x": [(3, "no earlier sale")]}


def test_of_exact_duplicates_the_first_by_id_is_kept() -> None:
    lines = [line("b", 1, 5, content="same"), line("a", 1, 5, content="same"), line("c", 1, 5)]
    assert [each.id for each in without_duplicates(lines)] == ["a", "c"]


_LINES = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.integers(-6, 6).filter(bool),
        st.sampled_from(["1", "2.5", "2.50", "3"]),
    ),
    max_size=14,
).map(lambda rows: [line(f"{n:02}", *row) for n, row in enumerate(rows)])


@given(_LINES)
def test_units_add_up_and_none_is_made_up_or_undone_twice(lines: list[TradedLine]) -> None:
    found = undone(lines)
    by_id = {each.id: each for each in lines}
    assert found.keys() == {each.id for each in lines if each.units < 0}
    taken: dict[str, int] = {}
    for name, parts in found.items():
        assert sum(part.units for part in parts) == -by_id[name].units
        for part in parts:
            assert part.units > 0 and (part.sale is None) == (part.reason is not None)
            if part.sale is not None:
                assert part.sale.at <= by_id[name].at
                taken[part.sale.id] = taken.get(part.sale.id, 0) + part.units
    assert all(units <= by_id[name].units for name, units in taken.items())


@given(_LINES)
def test_no_rule_could_match_more_units(lines: list[TradedLine]) -> None:
    """What is on hand when a cancellation comes is undone as far as it goes, whichever sale."""
    on_hand, expected = 0, {}
    for each in in_order(lines):
        if each.units > 0:
            on_hand += each.units
        else:
            expected[each.id] = min(on_hand, -each.units)
            on_hand -= expected[each.id]
    matched = {
        name: sum(part.units for part in parts if part.sale)
        for name, parts in undone(lines).items()
    }
    assert matched == expected


@given(_LINES, st.randoms(use_true_random=False))
def test_the_order_in_which_lines_come_makes_no_difference(
    lines: list[TradedLine], rng: Random
) -> None:
    shuffled = lines[:]
    rng.shuffle(shuffled)
    assert undone(shuffled) == undone(lines)


@given(_LINES, st.integers(0, 8))
def test_what_comes_later_changes_nothing_before_it(lines: list[TradedLine], hour: int) -> None:
    before = [each for each in lines if each.at <= _START + timedelta(hours=hour)]
    found = undone(lines)
    assert undone(before).items() <= found.items()


@given(_LINES)
def test_at_its_own_price_nothing_earlier_is_undone_while_something_later_is_left(
    lines: list[TradedLine],
) -> None:
    for name, parts in undone(lines).items():
        own = next(each for each in lines if each.id == name)
        sales = [part.sale for part in parts if part.sale]
        ranks = [(each.price == own.price, each.at, each.id) for each in sales]
        assert ranks == sorted(ranks, reverse=True)
