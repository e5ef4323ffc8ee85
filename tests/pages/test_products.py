"""The products page ranks exactly what is chosen, opens one product, and says when it can't."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.dashboard import format, picks
from retail_pipeline.dashboard.products import page as products
from retail_pipeline.domain.figures import Customers, Selection
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.pages import seen
from tests.pages.conftest import NOBODY, OpenPage
from tests.pages.test_overview import cards, words

TABLE = shop.table()
EVERYTHING = Selection(shop.FIRST, shop.LAST)
CODE = "22003"
PAGE = """
from retail_pipeline.dashboard import shell
from retail_pipeline.dashboard.products import page as products

shell.show("Products", products.body)
"""
OpenProducts = Callable[..., AppTest]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "products_page.py"
    path.write_text(PAGE)
    return path


@pytest.fixture
def open_products(open_page: OpenPage, script: Path) -> OpenProducts:
    """Open the products' page, with what an address's query says."""

    def open_it(settings: Settings, **query: str | list[str]) -> AppTest:
        return open_page(settings, script=script, **query)

    return open_it


def net_by_code(selection: Selection) -> dict[str, Decimal]:
    rows = shop.selected(TABLE, selection)
    return {str(code): sum(group["amount"]) for code, group in rows.groupby("StockCode")}


def shown(page: AppTest) -> pd.DataFrame:
    """Return the table, and fail if the page broke."""
    assert not page.exception, page.exception
    [table] = page.dataframe
    return seen.shown(table)


SELECTIONS: dict[str, tuple[dict[str, str | list[str]], Selection]] = {
    "everything": ({}, EVERYTHING),
    "a country": ({"country": "France"}, Selection(shop.FIRST, shop.LAST, countries=("France",))),
    "guests": ({"who": "Guests"}, Selection(shop.FIRST, shop.LAST, customers=Customers.GUESTS)),
    "sales": ({"kind": "Sales"}, Selection(shop.FIRST, shop.LAST, kinds=(Kind.SALE,))),
    "goods": ({"adjustments": "false"}, Selection(shop.FIRST, shop.LAST, adjustments=False)),
    "each line once": ({"duplicates": "false"}, Selection(shop.FIRST, shop.LAST, duplicates=False)),
    "two products": (
        {"product": [CODE, "22011"]},
        Selection(shop.FIRST, shop.LAST, products=(CODE, "22011")),
    ),
    "days": (
        {"period": "Custom dates", "from_": "2011-02-10", "to": "2011-02-20"},
        Selection(date(2011, 2, 10), date(2011, 2, 20)),
    ),
}


@pytest.mark.parametrize(("query", "selection"), SELECTIONS.values(), ids=SELECTIONS)
def test_the_table_ranks_what_the_filters_leave(
    open_products: OpenProducts,
    sold: Settings,
    query: dict[str, str | list[str]],
    selection: Selection,
) -> None:
    table, net = shown(open_products(sold, **query)), net_by_code(selection)
    assert table["Code"].tolist() == sorted(net, key=lambda code: (-net[code], code))
    assert table["Net sales"].tolist() == [float(net[code]) for code in table["Code"]]
    assert table["Share of net sales"].sum() == pytest.approx(1)


@pytest.mark.parametrize("rank", ["Units sold", "Orders", "Units returned", "Cancellations"])
def test_products_can_be_ranked_by_each_measure(
    open_products: OpenProducts, sold: Settings, rank: str
) -> None:
    values = shown(open_products(sold, rank=rank))[rank].tolist()
    assert values == sorted(values, reverse=rank != "Cancellations")


def test_figures_of_a_row_are_those_of_its_lines(
    open_products: OpenProducts, sold: Settings
) -> None:
    table = shown(open_products(sold)).set_index("Code")
    lines = TABLE[TABLE["StockCode"] == CODE]
    sales, back = lines[lines["kind"] == "sale"], lines[lines["kind"] == "cancellation"]
    row = table.loc[CODE]
    assert row["Units sold"] == sum(sales["Quantity"])
    assert row["Units returned"] == -sum(back["Quantity"])
    assert row["Return rate"] == -sum(back["Quantity"]) / sum(sales["Quantity"])
    assert row["Cancellations"] == float(sum(back["amount"]))
    assert row["Mean price"] == float(sum(sales["amount"]) / sum(sales["Quantity"]))


def test_the_concentration_is_put_in_words(open_products: OpenProducts, sold: Settings) -> None:
    net = net_by_code(EVERYTHING)
    earned = sorted((each for each in net.values() if each > 0), reverse=True)
    best = next(n for n in range(1, 99) if sum(earned[:n]) >= sum(earned) * Decimal("0.8"))
    text = words(open_products(sold)).replace("\\", "")
    assert f"{format.percent(best / len(earned))} of the products ({best} of {len(earned)})" in text
    assert f"make 80% of their net sales of {format.money(sum(earned, Decimal(0)))}." in text


@pytest.mark.parametrize("find", ["22003", "lamp 22003", " 22003  LAMP "])
def test_a_search_narrows_the_table(open_products: OpenProducts, sold: Settings, find: str) -> None:
    assert shown(open_products(sold, find=find))["Code"].tolist() == [CODE]


@pytest.mark.parametrize("find", ["sofa", ".*", '{"$ne": null}', "[x](http://x)"])
def test_a_search_without_a_match_says_so(
    open_products: OpenProducts, sold: Settings, find: str
) -> None:
    page = open_products(sold, find=find)
    assert f"**No product** has “{format.plain(find)}” in its code or name." in words(page)
    assert not page.dataframe


def product_cards(selection: Selection) -> dict[str, str]:
    """Return the cards of CODE as they must read, from its lines."""
    rows, net = shop.selected(TABLE, selection), net_by_code(selection)
    lines = rows[rows["StockCode"] == CODE]
    figures = shop.figures(lines)
    back = -sum(lines["Quantity"][lines["kind"] == "cancellation"])
    order = sorted(net, key=lambda code: (-net[code], code))
    return {
        "Net sales": format.money(figures.net),
        "Gross sales": format.money(figures.gross),
        "Orders": format.count(figures.orders),
        "Units sold": format.count(figures.units),
        "Mean price": format.money(figures.gross / figures.units if figures.units else None),
        "Customers": format.count(figures.customers),
        "Return rate": format.percent(back / figures.units if figures.units else None),
        "Rank": f"{order.index(CODE) + 1} of {len(order)}",
    }


@pytest.mark.parametrize(("query", "selection"), SELECTIONS.values(), ids=SELECTIONS)
def test_one_product_shows_the_figures_of_its_own_lines(
    open_products: OpenProducts,
    sold: Settings,
    query: dict[str, str | list[str]],
    selection: Selection,
) -> None:
    page = open_products(sold, item=CODE, **query)
    assert cards(page) == product_cards(selection)
    assert all(card.help and CODE in card.help for card in page.metric)
    assert len(page.get("vega_lite_chart")) == 3
    assert len(page.dataframe) or selection != EVERYTHING
    for table in page.dataframe:
        assert CODE not in table.value["Code"].tolist()
        assert (seen.shown(table)["Share"] <= 1).all()


def test_a_link_with_the_name_opens_the_product_too(
    open_products: OpenProducts, sold: Settings
) -> None:
    page = open_products(sold)
    [label] = [each for each in page.selectbox(key="item").options if each.startswith(CODE)]
    assert label.startswith(f"{CODE} · LAMP {CODE}")
    assert cards(open_products(sold, item=label)) == product_cards(EVERYTHING)


def test_a_product_can_be_opened_and_left_again(
    open_products: OpenProducts, sold: Settings
) -> None:
    page = open_products(sold, country="France")
    page.selectbox(key="item").set_value(option(page)).run()
    assert cards(page) == product_cards(Selection(shop.FIRST, shop.LAST, countries=("France",)))
    [back] = [each for each in page.button if each.label == "All products"]
    back.click().run()
    assert page.selectbox(key="item").value is None
    assert len(shown(page)) == len(
        net_by_code(Selection(shop.FIRST, shop.LAST, countries=("France",)))
    )


def option(page: AppTest) -> str:
    return next(each for each in page.selectbox(key="item").options if each.startswith(CODE))


@pytest.mark.parametrize("item", ["99999", '{"$ne": null}', "$ne", "[x](http://x)", "<b>x</b>"])
def test_a_product_that_there_is_not_says_so(
    open_products: OpenProducts, sold: Settings, item: str
) -> None:
    page = open_products(sold, item=item)
    assert cards(page) == {}
    assert "No transactions" in words(page)
    assert format.plain(item) in words(page)


def test_a_product_not_summarised_yet_has_figures_and_no_rank(
    open_products: OpenProducts, fresh: Settings, stack: RunningStack
) -> None:
    shop.load(stack, fresh, [shop.transaction(2)])
    with connect(stack.root_uri, name="tests") as client:
        new = shop.transaction(3, StockCode="22003", Quantity=2)
        MongoStore(client, fresh.mongo_database).insert([new])
    found = cards(open_products(fresh, item="22003"))
    assert (found["Net sales"], found["Rank"]) == ("£5.10", format.NOTHING)


def test_a_title_cannot_become_markup(
    open_products: OpenProducts, fresh: Settings, stack: RunningStack
) -> None:
    shop.load(stack, fresh, [shop.transaction(2, StockCode="[x](a)")])
    for query in ({"item": "[x](a)"}, {"find": "[x](a)"}):
        page = open_products(fresh, **query)
        assert not page.exception
        titles = [each.value for each in page.subheader if "x" in each.value]
        assert titles and all(format.plain("[x](a)") in title for title in titles), titles


def test_money_in_a_table_has_no_pound_before_its_minus(
    open_products: OpenProducts, sold: Settings
) -> None:
    [table] = open_products(sold).dataframe
    columns = json.loads(table.proto.columns)
    assert columns["Net sales"]["label"] == "Net sales (£)"
    assert columns["Net sales"]["type_config"]["format"] == "%,.2f"


def test_an_endless_product_code_is_ignored(open_products: OpenProducts, sold: Settings) -> None:
    assert len(shown(open_products(sold, item="9" * 9_999))) == len(net_by_code(EVERYTHING))


def test_a_product_that_the_filters_leave_out_says_so(
    open_products: OpenProducts, sold: Settings
) -> None:
    page = open_products(sold, item=CODE, product="22011")
    assert cards(page) == {}
    assert "The filters leave this product out" in words(page)


def test_a_product_without_sales_has_no_prices_and_no_companions(
    open_products: OpenProducts, sold: Settings
) -> None:
    page = open_products(sold, item=CODE, kind="Cancellations")
    assert cards(page)["Return rate"] == format.NOTHING
    assert cards(page)["Mean price"] == format.NOTHING
    assert "there is no price" in words(page)
    assert "has anything else on it" in words(page)


def test_filters_without_rows_and_an_empty_database_say_so(
    open_products: OpenProducts, sold: Settings, fresh: Settings
) -> None:
    page = open_products(sold, country="Narnia", item=CODE)
    assert "No transactions" in words(page) and "Narnia" in words(page) and not page.metric
    assert "No transactions yet" in words(open_products(fresh, item=CODE))


def test_losing_everything_earned_leaves_no_concentration(
    open_products: OpenProducts, fresh: Settings, stack: RunningStack
) -> None:
    back = shop.transaction(2, InvoiceNo="C536365", Quantity=-6)
    shop.load(stack, fresh, [back])
    page = open_products(fresh)
    assert "No product** has net sales above zero" in words(page)
    assert shown(page)["Return rate"].isna().all()


def test_mongodb_away_keeps_the_product_and_comes_back_to_it(
    use: Callable[[str, str], None], open_products: OpenProducts, sold: Settings
) -> None:
    page = open_products(sold, item=CODE, live="false")
    figures = cards(page)
    use(NOBODY, sold.mongo_database)
    assert cards(page.run()) == {}
    assert "MongoDB is away" in words(page)
    use(sold.mongo("reader"), sold.mongo_database)
    assert cards(page.run()) == figures


def test_an_answer_to_a_click_is_that_of_the_row_that_was_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def table(rows: list[int], cells: list[tuple[int, str]]) -> Any:
        return SimpleNamespace(selection={"rows": rows, "cells": cells})

    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    for rows, cells, expected in (
        ([], [], None),
        ([1], [], "b"),
        ([], [(2, "Orders")], "c"),
        ([7], [], None),
    ):
        state["table-products"] = table(rows, cells)
        assert picks.of_table("products", ["a", "b", "c"]) == expected
    assert products.ITEM not in state


def test_percentages_in_a_table_have_as_many_decimals_each(
    open_products: OpenProducts, sold: Settings
) -> None:
    [table] = open_products(sold).dataframe
    columns = json.loads(table.proto.columns)
    for name in ("Return rate", "Share of net sales"):
        assert columns[name]["type_config"]["format"] == "%.2f%%", "1.00% beside 0.95%"
