"""Scores, segments and the movement between them, on customers made by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.analytics import rfm
from tests import customer_truth

AS_OF = 15_000


def customers(*rows: tuple[int, int, int]) -> pd.DataFrame:
    """Return customers by days since the last order, orders and net sales."""
    return pd.DataFrame(
        {
            "last": [AS_OF - ago for ago, _, _ in rows],
            "orders": [orders for _, orders, _ in rows],
            "net": [net for _, _, net in rows],
            "gross": [net for _, _, net in rows],
        },
        index=range(1, len(rows) + 1),
    )


def names(found: pd.DataFrame) -> list[str]:
    return [rfm.NAMES[place] for place in found["segment"]]


def test_each_combination_of_scores_makes_exactly_one_segment() -> None:
    made = [scores for every in rfm.SEGMENTS.values() for scores in every.split()]
    assert sorted(made) == ["".join(each) for each in product("12345", repeat=3)]
    assert len(rfm.NAMES) == 11


@pytest.mark.parametrize(
    ("segment", "some"),
    [
        ("Champions", "555 445"),
        ("Loyal customers", "543 335"),
        ("Potential loyalists", "553 323"),
        ("New customers", "512 311"),
        ("Promising", "525 313"),
        ("Need attention", "535 324"),
        ("About to sleep", "331 251"),
        ("At risk", "255 124"),
        ("Can't lose them", "155 113"),
        ("Hibernating", "332 211"),
        ("Lost", "111 151"),
    ],
)
def test_scores_make_the_segments_that_the_source_has(segment: str, some: str) -> None:
    assert set(some.split()) <= set(rfm.SEGMENTS[segment].split())


@given(st.lists(st.integers(-50, 50) | st.integers(-(10**15), 10**15), min_size=1, max_size=60))
def test_a_score_is_the_fifth_that_the_middle_of_its_equals_lies_in(values: list[int]) -> None:
    found = rfm.scores(np.array(values)).tolist()
    assert found == [customer_truth.score(value, values) for value in values]


@given(st.permutations(range(1, 26)))
def test_without_equals_each_score_has_a_fifth(values: list[int]) -> None:
    found = rfm.scores(np.array(values))
    assert np.bincount(found, minlength=6).tolist() == [0, 5, 5, 5, 5, 5]
    assert found.tolist() == [(value + 4) // 5 for value in values]


@pytest.mark.parametrize(("count", "scores"), [(1, [3]), (2, [2, 4]), (3, [1, 3, 5])])
def test_few_customers_have_scores_about_the_middle(count: int, scores: list[int]) -> None:
    assert rfm.scores(np.arange(count)).tolist() == scores
    assert rfm.scores(np.full(count, 7)).tolist() == [3] * count


def test_amounts_beyond_64_bits_are_scored_too() -> None:
    values = np.array([10**25, -(10**25), 5], object)
    assert rfm.scores(values).tolist() == [5, 1, 3]


def test_the_best_are_champions_and_the_worst_are_lost() -> None:
    found = rfm.segmented(customers(*[(5 - n, n, n * 100) for n in range(1, 6)]), AS_OF)
    assert found[["R", "F", "M"]].to_numpy().tolist() == [[n] * 3 for n in range(1, 6)]
    assert names(found) == ["Lost", "Hibernating", "Potential loyalists", "Loyal customers"] + [
        "Champions"
    ]
    assert found["recency"].tolist() == [4, 3, 2, 1, 0]


def test_a_customer_without_an_order_has_no_segment() -> None:
    table = customers((3, 1, 10), (0, 0, -99))
    assert rfm.segmented(table, AS_OF).index.tolist() == [1]
    assert len(rfm.segmented(table[table["orders"] == 0], AS_OF)) == 0


def test_the_summary_has_every_segment_and_adds_up() -> None:
    found = rfm.segmented(customers(*[(n * 7 % 90, n % 4 + 1, n * n) for n in range(50)]), AS_OF)
    summary = rfm.summary(found)
    assert summary["customers"].sum() == 50 and len(summary) == len(rfm.NAMES)
    assert summary["net"].sum() == sum(n * n for n in range(50))
    place = int(found["segment"].iloc[0])
    own = found[found["segment"] == place]
    assert summary.loc[place, "recency"] == pytest.approx(own["recency"].mean())
    assert summary.loc[place, "frequency"] == pytest.approx(own["orders"].mean())
    empty = rfm.summary(found[:0])
    assert empty["customers"].tolist() == [0] * len(rfm.NAMES)
    assert empty["recency"].isna().all() and empty["net"].tolist() == [0] * len(rfm.NAMES)


def test_movement_counts_everyone_once_also_who_came_and_who_went() -> None:
    before = pd.DataFrame({"segment": [0, 0, 3]}, index=[10, 11, 12])
    after = pd.DataFrame({"segment": [0, 5, 7]}, index=[10, 12, 13])
    moved = rfm.movement(before, after)
    expected = np.zeros((12, 12), int)
    for row, column in ((0, 0), (0, rfm.ABSENT), (3, 5), (rfm.ABSENT, 7)):
        expected[row, column] = 1
    assert moved.tolist() == expected.tolist()


def test_movement_between_periods_without_customers_is_empty() -> None:
    nobody = pd.DataFrame({"segment": np.zeros(0, np.int64)}, index=np.zeros(0, np.int64))
    assert rfm.movement(nobody, nobody).sum() == 0
