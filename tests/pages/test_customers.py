"""The customers page says exactly who bought, shows one of them by number, and loses no guest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from retail_pipeline.analytics import rfm
from retail_pipeline.dashboard import format, picks, url_state
from retail_pipeline.dashboard.customers import invoices as customer_invoices
from retail_pipeline.dashboard.customers import one as customer_view
from retail_pipeline.dashboard.customers import page as customers
from retail_pipeline.dashboard.customers import panels as customer_panels
from retail_pipeline.domain.figures import Customers, Selection
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.settings import Settings
from tests import customer_truth, shop
from tests.conftest import RunningStack
from tests.pages.conftest import NOBODY, OpenPage
from tests.pages.seen import Seen, shown
from tests.pages.test_overview import cards, words

TABLE = shop.table()
EVERYTHING = Selection(shop.FIRST, shop.LAST)
MARCH = {"period": "Custom dates", "from_": "2011-03-01", "to": "2011-03-31"}
ONE = "12007"
SELECTIONS: dict[str, tuple[dict[str, str | list[str]], Selection]] = {
    "everything": ({}, EVERYTHING),
    "a country": ({"country": "France"}, replace(EVERYTHING, countries=("France",))),
    "a month": ({**MARCH}, Selection(date(2011, 3, 1), date(2011, 3, 31))),
    "a product": ({"product": "22003"}, replace(EVERYTHING, products=("22003",))),
    "known": ({"who": "Known"}, replace(EVERYTHING, customers=Customers.KNOWN)),
    "sales": ({"kind": "Sales"}, replace(EVERYTHING, kinds=(Kind.SALE,))),
    "no duplicates": ({"duplicates": "false"}, replace(EVERYTHING, duplicates=False)),
    "no fees": ({"adjustments": "false"}, replace(EVERYTHING, adjustments=False)),
}
every_selection = pytest.mark.parametrize(
    ("query", "selection"), SELECTIONS.values(), ids=SELECTIONS
)
Query = dict[str, str | list[str]]


@pytest.fixture
def open_customers(open_page: OpenPage) -> Callable[..., AppTest]:
    """Open the page on the small shop, with what an address's query says."""

    def open_it(settings: Settings, **query: str | list[str]) -> AppTest:
        return open_page(settings, at="customers", **query)

    return open_it


def table(page: AppTest, column: str) -> pd.DataFrame:
    """Return the table that has this column, and fail if the page broke."""
    assert not page.exception, page.exception
    [found] = [shown(each) for each in page.dataframe if column in each.value.columns]
    return found


@every_selection
def test_the_cards_are_pandas_figures_and_guests_are_apart(
    open_customers: OpenPage, sold: Settings, query: Query, selection: Selection
) -> None:
    lines = shop.selected(TABLE, selection)
    bought = {
        number: each
        for number, each in customer_truth.by_customer(lines).items()
        if each.last is not None
    }
    before = shop.selected(TABLE, replace(selection, first=shop.FIRST))
    first = {number: each.first for number, each in customer_truth.by_customer(before).items()}
    guests = shop.figures(lines[[number is None for number in lines["CustomerID"]]])
    net = sum(customer_truth.known(lines)["amount"], Decimal(0))
    page = open_customers(sold, **query)
    assert cards(page) == {
        "Customers": format.count(len(bought)),
        "New customers": format.count(
            sum((first[number] or date.max) >= selection.first for number in bought)
        ),
        "Ordered again": format.percent(
            sum(each.orders > 1 for each in bought.values()) / len(bought)
        ),
        "Net sales per customer": format.money(net / len(bought)),
        "Guests' orders": format.count(guests.orders),
        "Guests' gross sales": format.money(guests.gross),
        "Guests' net sales": format.money(guests.net),
        "Guests' share": format.percent(shop.figures(lines).guest_share),
    }
    assert all(card.help for card in page.metric)
    assert f"guests {format.plain(format.money(guests.net))}" in words(page)


@every_selection
def test_the_segments_table_is_pandas_segments(
    open_customers: OpenPage, sold: Settings, query: Query, selection: Selection
) -> None:
    lines = shop.selected(TABLE, selection)
    figures = customer_truth.by_customer(lines)
    segments = customer_truth.segments(lines, selection.last)
    counts = Counter(name for *_, name in segments.values())
    net: Counter[str] = Counter()
    for number, (*_, name) in segments.items():
        net[name] += figures[number].net  # type: ignore[assignment]  # money adds up as numbers do
    found = table(open_customers(sold, **query), "Orders each").set_index("Segment")
    assert list(found.index) == list(rfm.NAMES)
    assert found["Customers"].to_dict() == {name: counts[name] for name in rfm.NAMES}
    assert found["Net sales"].to_dict() == {name: float(net[name]) for name in rfm.NAMES}
    assert found["Share"].sum() == pytest.approx(1)


@every_selection
def test_the_top_customers_are_those_of_pandas_in_order(
    open_customers: OpenPage, sold: Settings, query: Query, selection: Selection
) -> None:
    lines = shop.selected(TABLE, selection)
    expected = sorted(
        customer_truth.by_customer(lines).items(), key=lambda pair: (-pair[1].net, pair[0])
    )
    found = table(open_customers(sold, **query), "First order")
    rows = found[["Customer", "Net sales", "Orders", "Cancellations", "Units sold", "Last order"]]
    assert rows.astype({"Last order": object}).to_numpy().tolist() == [
        [number, float(each.net), each.orders, each.cancellations, each.units, each.last]
        for number, each in expected
    ]


def test_the_charts_are_drawn_and_movement_names_the_periods(
    open_customers: OpenPage, sold: Settings
) -> None:
    page = open_customers(sold)
    assert len(page.get("vega_lite_chart")) == 4
    assert "the two halves of this one" in words(page)
    whole = open_customers(sold, **{**MARCH, "from_": "2011-03-10", "to": "2011-04-03"})
    assert "13 Feb 2011 to 9 Mar 2011 to the left" in words(whole)


def test_a_segment_in_the_address_shows_its_customers_alone(
    open_customers: OpenPage, sold: Settings
) -> None:
    page = open_customers(sold, seg="Champions")
    segments = customer_truth.segments(TABLE, shop.LAST)
    champions = {number for number, (*_, name) in segments.items() if name == "Champions"}
    assert champions and set(table(page, "First order")["Customer"]) == champions
    page.selectbox(key="seg").set_value("All segments").run()
    assert len(table(page, "First order")) == len(customer_truth.by_customer(TABLE))
    assert len(table(open_customers(sold, seg="Nobility"), "First order")) > len(champions)


def test_one_day_has_no_movement_and_no_later_month(
    open_customers: OpenPage, sold: Settings
) -> None:
    day = "2011-01-29"
    page = open_customers(sold, period="Custom dates", from_=day, to=day)
    text = words(page)
    assert "one day can't be compared" in text and "no month after" in text


@pytest.mark.parametrize(
    "query", [{"who": "Guests"}, {"kind": "Cancellations"}], ids=["guests", "cancellations"]
)
def test_without_an_order_of_a_customer_the_page_says_so(
    open_customers: OpenPage, sold: Settings, query: Query
) -> None:
    page = open_customers(sold, **query)
    assert cards(page)["Customers"] == "0"
    assert "No order of a customer with a number" in words(page)


@every_selection
def test_a_customers_view_has_the_figures_of_that_customer(
    open_customers: OpenPage, sold: Settings, query: Query, selection: Selection
) -> None:
    lines = shop.selected(TABLE, selection)
    mine = lines[lines["CustomerID"] == ONE]
    figures, own = shop.figures(mine), customer_truth.by_customer(mine)[ONE]
    before = shop.selected(TABLE, replace(selection, first=shop.FIRST))
    first = customer_truth.by_customer(before)[ONE].first
    segment = customer_truth.segments(lines, selection.last)[ONE][-1]
    assert own.last is not None and first is not None
    ago = format.counted((selection.last - own.last).days, "day")
    page = open_customers(sold, id=ONE, **query)
    assert cards(page) == {
        "Net sales": format.money(figures.net),
        "Gross sales": format.money(figures.gross),
        "Orders": format.count(figures.orders),
        "Average order value": format.money(figures.average_order_value),
        "Cancellation rate": format.percent(figures.cancellation_rate),
        "Last order": f"{ago} ago",
        "First order": format.day(first),
        "Segment": segment,
    }
    assert [each.value for each in page.header] == [f"Customer {ONE}"]
    invoices = table(page, "Invoice")
    assert set(invoices["Invoice"]) == set(mine["InvoiceNo"])
    assert sum(invoices["Lines"]) == len(mine)
    assert sum(invoices["Net sales"]) == pytest.approx(float(figures.net))


@pytest.mark.parametrize("duplicates", [True, False])
def test_favourite_products_are_those_on_most_orders_and_no_fees(
    open_customers: OpenPage, sold: Settings, duplicates: bool
) -> None:
    lines = shop.selected(TABLE, replace(EVERYTHING, duplicates=duplicates))
    expected = []
    goods = lines[(lines["CustomerID"] == ONE) & ~lines["StockCode"].isin(shop.FEE_CODES)]
    for code, group in goods.groupby("StockCode"):
        bought = group[group["kind"] == "sale"]
        net = sum(group["amount"])
        expected.append((bought["InvoiceNo"].nunique(), net, str(code), sum(bought["Quantity"])))
    expected.sort(key=lambda each: (-each[0], -each[1], each[2]))
    page = open_customers(sold, id=ONE, duplicates=str(duplicates).lower())
    found = table(page, "Product")[["Orders", "Net sales", "Product", "Units sold"]]
    assert found.to_numpy().tolist() == [
        [orders, float(net), code, units]
        for orders, net, code, units in expected[: customer_view.MOST_PRODUCTS]
    ]


@pytest.mark.parametrize("duplicates", [True, False])
def test_an_invoice_in_the_address_shows_its_lines(
    open_customers: OpenPage, sold: Settings, duplicates: bool
) -> None:
    lines = shop.selected(TABLE, replace(EVERYTHING, duplicates=duplicates))
    twice = TABLE[TABLE.duplicated(list(shop.LINE)) & TABLE["CustomerID"].notna()]
    number, invoice = twice[["CustomerID", "InvoiceNo"]].iloc[0]
    mine = lines[(lines["CustomerID"] == number) & (lines["InvoiceNo"] == invoice)]
    page = open_customers(sold, id=number, inv=invoice, duplicates=str(duplicates).lower())
    found = table(page, "Unit price")
    assert len(found) == len(mine)
    assert sum(found["Amount"]) == pytest.approx(float(sum(mine["amount"])))
    page.selectbox(key="inv").set_value(None).run()
    assert not page.exception and len(page.dataframe) == 2


def test_an_invoice_of_very_many_lines_says_how_many_it_shows_and_exports_all(
    open_customers: OpenPage, sold: Settings, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = TABLE[TABLE["CustomerID"].notna()]
    (number, invoice), mine = max(
        known.groupby(["CustomerID", "InvoiceNo"]), key=lambda group: len(group[1])
    )
    monkeypatch.setattr(customer_invoices, "MOST_LINES", 2)
    page = open_customers(sold, id=number, inv=invoice)
    assert len(table(page, "Unit price")) == 2 < len(mine)
    assert f"The first 2 of {len(mine)} lines; the CSV has all." in words(page)
    assert len(seen.rows(f"invoice-{invoice}")) == len(mine)


def test_all_customers_leads_back_with_the_filters(
    open_customers: OpenPage, sold: Settings
) -> None:
    page = open_customers(sold, id=ONE, country="France")
    page.button(key="back").click().run()
    assert "Guests' orders" in cards(page) and not page.header
    assert page.multiselect(key="country").value == ["France"]
    page.text_input(key="id").set_value(f" {ONE} ").run()
    assert [each.value for each in page.header] == [f"Customer {ONE}"]


@pytest.mark.parametrize("odd", ["99999", "$ne", '{"$gt": ""}', "[x](http://x)", "None", "é" * 99])
def test_a_number_that_nobody_has_is_reported_and_shows_everyone(
    open_customers: OpenPage, sold: Settings, odd: str
) -> None:
    page = open_customers(sold, id=odd)
    assert "No customer has the number" in words(page)
    assert "[x](" not in words(page)
    assert "Guests' orders" in cards(page)


def test_a_customer_whom_the_filters_hide_is_distinct_from_nobody(
    open_customers: OpenPage, sold: Settings
) -> None:
    page = open_customers(sold, id=ONE, who="Guests", inv="nonsense")
    assert "No transactions of this customer" in words(page)
    assert cards(page) == {}


def test_every_state_of_the_database_has_its_words(
    open_customers: OpenPage,
    use: Callable[[str, str], None],
    fresh: Settings,
    sold: Settings,
    stack: RunningStack,
) -> None:
    assert "No transactions yet" in words(open_customers(fresh, live="false"))
    shop.load(stack, fresh, [shop.transaction(2)])
    page = open_customers(fresh, id="17850", live="false")
    assert cards(page)["Segment"] == "Potential loyalists", "alone, in the middle of all"
    use(NOBODY, sold.mongo_database)
    assert "MongoDB is away" in words(page.run())
    use(fresh.mongo("reader"), fresh.mongo_database)
    assert cards(page.run())["Orders"] == "1"
    assert "No transactions** for" in words(open_customers(sold, country="Narnia", id=ONE))


def test_every_export_can_be_made(open_customers: OpenPage, sold: Settings, seen: Seen) -> None:
    for query in ({}, {"id": ONE, "inv": TABLE[TABLE["CustomerID"] == ONE]["InvoiceNo"].iloc[0]}):
        assert not open_customers(sold, **query).exception
    titles = [about.splitlines()[0] for about in seen.abouts.values()]
    assert len(set(titles)) == len(titles) == len(set(seen.names.values())) / 2 == 10
    assert all(len(file.splitlines()) > 2 for file in seen.files.values())
    cohorts = seen.files["cohorts"].splitlines()
    assert sum(line.startswith("Jan 2011") for line in cohorts) == 3


def test_clicks_open_what_was_clicked(monkeypatch: pytest.MonkeyPatch) -> None:
    def clicked(*rows: int) -> SimpleNamespace:
        return SimpleNamespace(selection={"rows": list(rows), "cells": []})

    state: dict[str, object] = {
        "table-top-customers": clicked(1),
        "table-customer-invoices": clicked(0),
        "chart-segments": SimpleNamespace(selection={"pick": [{"name": "Lost"}]}),
    }
    monkeypatch.setattr(st, "session_state", state)
    picks.row("top-customers", ["12001", "12002"], customers.open_customer)
    picks.row("customer-invoices", ["540001"], customer_invoices.pick_invoice)
    customer_panels.pick_segment("segments")
    assert tuple(map(url_state.value, ("id", "inv", "seg"))) == ("12002", "540001", "Lost")

    state["table-top-customers"] = clicked(7)
    state["table-customer-invoices"] = clicked()
    state["chart-segments"] = SimpleNamespace(selection={"pick": []})
    picks.row("top-customers", ["12001", "12002"], customers.open_customer)
    picks.row("customer-invoices", ["540001"], customer_invoices.pick_invoice)
    customer_panels.pick_segment("segments")
    assert tuple(map(url_state.value, ("id", "inv", "seg"))) == ("12002", None, "All segments")
