"""A set of rows at one bit a row does what Python's own set does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.reconcile.rowset import Rows, RowSet

ROWS = st.sets(st.integers(0, 20_000) | st.integers(0, 999_999_999_999), max_size=60)


def rowset(rows: set[int]) -> RowSet:
    made = RowSet()
    for row in rows:
        assert made.add(row), "it was not there"
    return made


@given(ROWS, ROWS)
def test_it_holds_what_was_added_and_nothing_else(rows: set[int], others: set[int]) -> None:
    made = rowset(rows)
    assert list(made) == sorted(rows)
    assert len(made) == len(rows) and bool(made) is bool(rows)
    assert {row for row in others if row in made} == others & rows
    assert not any(made.add(row) for row in rows), "each one was there already"


@given(ROWS, ROWS)
def test_sets_are_joined_cut_and_taken_away(rows: set[int], others: set[int]) -> None:
    left, right = rowset(rows), rowset(others)
    assert list(left | right) == sorted(rows | others)
    assert list(left & right) == sorted(rows & others)
    assert list(left - right) == sorted(rows - others)
    assert list(left) == sorted(rows), "the operands stay as they are"


def test_a_source_that_nobody_named_has_no_rows_and_gets_none() -> None:
    rows = Rows()
    rows["a"].add(1)
    assert rows.has("a", 1) and not rows.has("b", 1)
    assert list(rows.of("b")) == []
    assert list(rows) == ["a"]
