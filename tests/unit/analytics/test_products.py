"""Products: the ranking, the concentration and the companions, on tables small enough to see."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.analytics import products
from retail_pipeline.analytics.tables import ADJUSTMENT, CANCELLATION, SALE, Dictionaries
from retail_pipeline.domain.products import Basket

ROWS = [
    # product, kind, invoices, lines, units, pounds
    ("LAMP", SALE, 2, 3, 10, 50),
    ("LAMP", SALE, 1, 1, 2, 8),
    ("LAMP", CANCELLATION, 1, 1, -3, -15),
    ("CUP", SALE, 5, 5, 40, 90),
    ("CUP", ADJUSTMENT, 1, 1, -7, 0),
    ("GONE", CANCELLATION, 2, 2, -4, -20),
]


def rows_of(register: Dictionaries) -> pd.DataFrame:
    columns = ("product", "kind", "invoices", "lines", "units", "pounds")
    table = pd.DataFrame(ROWS, columns=list(columns))
    table["product"] = register.products.of(table["product"].tolist())
    return table.assign(micros=table["pounds"] * 1_000_000)


def ranked(nets: list[int]) -> pd.DataFrame:
    best_first = sorted(nets, reverse=True)
    return pd.DataFrame(
        {
            "code": [f"{place:05}" for place in range(len(nets))],
            "net": np.array(best_first, np.int64),
        }
    )


def test_each_product_has_its_sums_the_highest_net_sales_first() -> None:
    register = Dictionaries()
    found = products.ranking(rows_of(register), register)
    pound = 1_000_000
    assert found.to_dict("list") == {
        "code": ["CUP", "LAMP", "GONE"],
        "net": [90 * pound, 43 * pound, -20 * pound],
        "gross": [90 * pound, 58 * pound, 0],
        "cancelled": [0, -15 * pound, -20 * pound],
        "units": [40, 12, 0],
        "orders": [5, 3, 0],
        "back": [0, 3, 4],
        "lines": [6, 5, 2],
    }


def test_no_rows_rank_nothing() -> None:
    register = Dictionaries()
    found = products.ranking(rows_of(register)[:0], register)
    assert len(found) == 0
    assert products.pareto(found).earning == 0


def test_money_beyond_64_bits_is_ranked_and_summed_exactly() -> None:
    register = Dictionaries()
    huge = 2**63 - 1
    rows = rows_of(register)[:2].assign(micros=pd.Series([huge, huge], dtype=object))
    found = products.ranking(rows, register)
    assert found["net"].tolist() == [2 * huge]
    assert products.pareto(found).total == 2 * huge


def test_units_back_are_those_of_cancellations_alone() -> None:
    assert products.units_back(rows_of(Dictionaries())) == 7


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("red lantern", ["1"]),
        ("LANTERN red", ["1"]),
        ("lantern", ["1", "2"]),
        ("85123a", ["85123A"]),
        ("85123", ["85123A"]),
        ("", ["1", "2", "85123A"]),
        ("red  teapot", []),
        ("$ne", []),
        (".*", []),
    ],
)
def test_a_search_finds_products_with_all_of_its_words(asked: str, found: list[str]) -> None:
    table = pd.DataFrame({"code": ["1", "2", "85123A"]})
    names = {"1": "Big RED Lantern", "2": "LANTERN, GREEN"}
    assert table["code"][products.matching(table, names, asked)].tolist() == found


def test_one_product_in_five_can_make_four_fifths_of_net_sales() -> None:
    found = products.pareto(ranked([80, 5, 5, 5, 5, 0, -30]))
    assert (found.earning, found.best, found.total) == (5, 1, 100)
    assert (found.others, found.lost) == (2, -30)
    assert found.curve["products"].tolist() == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert found.curve["share"].tolist() == [0.8, 0.85, 0.9, 0.95, 1.0]


def test_a_millionth_of_a_pound_below_the_threshold_takes_one_more_product() -> None:
    assert products.pareto(ranked([8 * 10**12, 2 * 10**12])).best == 1
    assert products.pareto(ranked([8 * 10**12 - 1, 2 * 10**12 + 1])).best == 2


@given(st.lists(st.integers(-(10**15), 10**15), max_size=40))
def test_the_best_products_are_the_fewest_that_reach_the_threshold(nets: list[int]) -> None:
    found = products.pareto(ranked(nets))
    earned = sorted((net for net in nets if net > 0), reverse=True)
    assert (found.earning, found.total) == (len(earned), sum(earned))
    assert (found.others, found.lost) == (
        len(nets) - len(earned),
        sum(net for net in nets if net <= 0),
    )
    threshold = Fraction(8, 10) * sum(earned)
    assert sum(earned[: found.best]) >= threshold
    assert not earned or sum(earned[: found.best - 1]) < threshold
    shares = found.curve["share"].tolist()
    assert shares == sorted(shares) and all(0 < share <= 1 for share in shares)


@given(st.integers(1, 900), st.integers(1, 900), st.integers(2, 300))
def test_a_thinned_curve_keeps_its_ends_and_its_threshold(rows: int, keep: int, most: int) -> None:
    keep = min(keep, rows)
    drawn = products.thinned(pd.DataFrame({"place": range(1, rows + 1)}), keep, most)["place"]
    assert {1, keep, rows} <= set(drawn)
    assert len(drawn) <= most + 1
    assert drawn.is_monotonic_increasing and drawn.is_unique


def test_lift_compares_with_all_orders() -> None:
    basket = Basket(20, date(2011, 3, 1), True, (("CUP", 10), ("NEW", 5)))
    base = pd.DataFrame({"code": ["CUP", "LAMP"], "orders": [25, 20]})
    found = products.bought_together(basket, base, 100)
    assert found["code"].tolist() == ["CUP", "NEW"]
    assert found["together"].tolist() == [10, 5]
    assert found["share"].tolist() == [0.5, 0.25]
    assert found["lift"][0] == 2.0
    assert np.isnan(found["lift"][1])


def test_nothing_bought_along_is_an_empty_table() -> None:
    base = pd.DataFrame({"code": [], "orders": []})
    found = products.bought_together(Basket(3, date(2011, 3, 1), True, ()), base, 0)
    assert list(found.columns) == ["code", "together", "share", "lift"] and len(found) == 0
