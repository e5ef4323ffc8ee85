"""A figure says which rows it counts, and which filters apply to it, where these are its own."""

from __future__ import annotations

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from retail_pipeline.dashboard import format
from retail_pipeline.domain.fees import FEES
from retail_pipeline.settings import Settings
from tests import returns_truth, shop
from tests.pages.conftest import OpenPage
from tests.pages.seen import Seen

TABLE = shop.table()
FRANCE = TABLE[TABLE["Country"] == "France"]


def helps(page: AppTest) -> dict[str, str]:
    """Return what each card explains, without its escapes."""
    assert not page.exception, page.exception
    return {card.label: str(card.help).replace("\\", "") for card in page.metric}


def account(lines: pd.DataFrame, which: str, left: pd.DataFrame, stored: pd.DataFrame) -> str:
    """Return the account of ``lines``, of those that the filters left of what is stored."""
    return (
        f"{format.count(len(lines))} of {format.count(len(stored))} rows stored, those {which};"
        f" {format.count(len(stored) - len(left))} left out by the filters,"
        f" {format.counted(len(left) - len(lines), 'other')}"
    )


def test_guests_and_known_customers_have_an_account_of_their_own(
    open_page: OpenPage, sold: Settings, seen: Seen
) -> None:
    texts = helps(open_page(sold, at="customers", country="France"))
    guests = FRANCE["CustomerID"].isna()
    assert account(FRANCE[guests], "of guests", FRANCE, TABLE) in texts["Guests' gross sales"]
    known = account(FRANCE[~guests], "of customers with a number", FRANCE, TABLE)
    assert known in texts["Ordered again"]
    ordered = set(FRANCE["CustomerID"][(FRANCE["kind"] == "sale") & ~guests])
    theirs = FRANCE[FRANCE["CustomerID"].isin(ordered)]
    mine = account(theirs, "of customers in a segment", FRANCE, TABLE)
    assert f"Rows counted: {mine}" in seen.about("segments")


def test_returns_count_cancellations_of_goods_and_the_true_rate_also_sales(
    open_page: OpenPage, sold: Settings, seen: Seen
) -> None:
    texts = helps(open_page(sold, at="returns", country="France"))
    goods = FRANCE[~FRANCE["StockCode"].isin(list(FEES))]
    back, sales = goods[goods["kind"] == "cancellation"], goods[goods["kind"] == "sale"]
    mine = account(back, "of cancellations of goods", FRANCE, TABLE)
    assert mine in texts["Units returned"]
    assert f"Rows counted: {mine}" in seen.about("returns-over-time")
    parts = returns_truth.matched(TABLE, duplicates=True)
    since = parts["line"][parts["sale"].isin(sales.index)].nunique()
    rate = (
        f"{format.counted(len(sales), 'sale line')} and {len(back)} cancellation lines of goods"
        f" within the filters; {since} cancellation lines, of whatever day, that undo these sales"
    )
    assert rate in texts["True return rate"]
    assert f"Rows counted: {rate}" in seen.about("return-rate-by-country")


@pytest.mark.parametrize(
    ("query", "filters"),
    [
        ({}, "France"),
        ({"period": "Last 7 days"}, "28 Mar 2011 to 3 Apr 2011, France"),
    ],
)
def test_what_came_in_last_is_headed_by_what_applies_to_it(
    open_page: OpenPage, sold: Settings, seen: Seen, query: dict[str, str], filters: str
) -> None:
    open_page(sold, at="live", country="France", duplicates="false", **query)
    rows = len(seen.panels["newest"].rows)
    assert seen.about("newest")[1:3] == [
        f"Filters: {filters}",
        f"Rows counted: {rows} of the 500 stored last",
    ]


def test_duplicates_are_not_headed_as_left_out(
    open_page: OpenPage, sold: Settings, seen: Seen
) -> None:
    texts = helps(open_page(sold, at="quality", country="France", duplicates="false"))
    again = int(FRANCE.duplicated(list(shop.LINE)).sum())
    [filters, rows] = seen.about("duplicates")[1:3]
    assert filters.endswith("3 Apr 2011, France")
    stored = f"of {format.count(len(TABLE))} rows stored"
    assert rows == f"Rows counted: {again} {stored}, those that repeat an earlier one"
    assert f"{format.count(len(FRANCE))} {stored}" in texts["No customer"]
    assert "without" not in texts["No customer"]


def test_one_customer_s_rows_are_counted_out_of_that_customer_s(
    open_page: OpenPage, sold: Settings
) -> None:
    mine = TABLE[TABLE["CustomerID"] == "12007"]
    texts = helps(open_page(sold, at="customers", id="12007", kind="Sales"))
    sales = int((mine["kind"] == "sale").sum())
    stored = f"{sales} of {len(mine)} rows of this customer stored"
    assert f"{stored}; {len(mine) - sales} left out by the filters" in texts["Orders"]
