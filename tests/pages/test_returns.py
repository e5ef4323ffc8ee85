"""The returns page says exactly what came back and what it undoes, and when there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from retail_pipeline.dashboard import format, picks, url_state
from retail_pipeline.dashboard.returns import panels as return_panels
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.figures import Customers, Selection
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.settings import Settings
from tests import returns_truth, shop
from tests.conftest import RunningStack
from tests.pages.conftest import NOBODY, OpenPage
from tests.pages.test_overview import cards, words

TABLE = shop.table()
PARTS = {each: returns_truth.matched(TABLE, duplicates=each) for each in (True, False)}
EVERYTHING = Selection(shop.FIRST, shop.LAST)
NONE = Decimal(0)
PAGE = """
from retail_pipeline.dashboard import shell
from retail_pipeline.dashboard.returns import page as returns

shell.show("Returns and adjustments", returns.body)
"""
SELECTIONS: dict[str, tuple[dict[str, str | list[str]], Selection]] = {
    "everything": ({}, EVERYTHING),
    "a country": ({"country": "France"}, replace(EVERYTHING, countries=("France",))),
    "a product": ({"product": "22003"}, replace(EVERYTHING, products=("22003",))),
    "known": ({"who": "Known"}, replace(EVERYTHING, customers=Customers.KNOWN)),
    "cancellations": (
        {"kind": "Cancellations"},
        replace(EVERYTHING, kinds=(Kind.CANCELLATION,)),
    ),
    "no duplicates": ({"duplicates": "false"}, replace(EVERYTHING, duplicates=False)),
    "no fees": ({"adjustments": "false"}, replace(EVERYTHING, adjustments=False)),
    "no cancellations": ({"cancellations": "false"}, replace(EVERYTHING, cancellations=False)),
}


@pytest.fixture
def open_returns(open_page: OpenPage, tmp_path: Path) -> Callable[..., AppTest]:
    """Open the page, with what an address's query says."""
    script = tmp_path / "returns_page.py"
    script.write_text(PAGE)

    def open_it(settings: Settings, **query: str | list[str]) -> AppTest:
        return open_page(settings, script=script, **query)

    return open_it


def expected(selection: Selection) -> dict[str, str]:
    """Return the cards as they must read, from pandas' matching."""
    lines = shop.selected(TABLE, selection)
    fees = lines["StockCode"].isin(list(FEES))
    parts = PARTS[selection.duplicates]
    back = parts[parts["line"].isin(lines.index)]
    matched = back[back["sale"] >= 0]
    units, value = int(back["units"].sum()), sum(back["value"], NONE)
    sold = int(lines["Quantity"][(lines["kind"] == "sale") & ~fees].sum())
    if not selection.cancellations:
        sold = 0  # nobody can say what came back
    moments = TABLE["InvoiceDate"]
    pairs = zip(matched["line"], matched["sale"], strict=True)
    days = [(moments[line] - moments[sale]).days for line, sale in pairs]
    other = lines["amount"][fees | (lines["kind"] == "adjustment")]
    return {
        "Units returned": format.count(units),
        "Value returned": format.money(value),
        "Matched units": format.percent(matched["units"].sum() / units if units else None),
        "Matched value": format.percent(
            float(sum(matched["value"], NONE) / value) if value else None
        ),
        "Plain return rate": format.percent(units / sold if sold else None),
        "Days to return": f"{pd.Series(days).median():g}" if days else format.NOTHING,
        "Adjustments and fees": format.money(sum(other, NONE)),
    }


@pytest.mark.parametrize(("query", "selection"), SELECTIONS.values(), ids=SELECTIONS)
def test_the_cards_are_pandas_figures(
    open_returns: Callable[..., AppTest],
    sold: Settings,
    query: dict[str, str | list[str]],
    selection: Selection,
) -> None:
    page = open_returns(sold, **query)
    found = cards(page)
    assert {**found, **expected(selection)} == found
    assert all(card.help and "Matching" in card.help for card in page.metric)


def test_of_everything_sold_the_true_rate_is_what_is_matched(
    open_returns: Callable[..., AppTest], sold: Settings
) -> None:
    parts = PARTS[True]
    goods = TABLE[(TABLE["kind"] == "sale") & ~TABLE["StockCode"].isin(list(FEES))]
    rate = parts["units"][parts["sale"] >= 0].sum() / goods["Quantity"].sum()
    page = open_returns(sold)
    assert cards(page)["True return rate"] == format.percent(rate)
    cancelled = -sum(TABLE["amount"][TABLE["kind"] == "cancellation"], NONE)
    text = words(page).replace("\\", "")
    assert f"Cancellations {format.money(cancelled)} = undoing a sale" in text
    charts, tables = page.get("vega_lite_chart"), page.dataframe
    assert (len(charts), len(tables)) == (3, 5)


def tables(page: AppTest) -> dict[str, pd.DataFrame]:
    """Return the tables by the name of their first column."""
    assert not page.exception, page.exception
    return {str(each.value.columns[0]): each.value for each in page.dataframe}


def test_the_biggest_return_stands_beside_its_sale(
    open_returns: Callable[..., AppTest], sold: Settings
) -> None:
    found = tables(open_returns(sold))["Value"]
    assert len(found) == return_panels.MOST
    assert found["Value"].is_monotonic_decreasing
    undoing = found[found["Units matched"] > 0]
    assert len(undoing) >= 5
    assert undoing["Sale"].all() and (undoing["Days away"] >= 0).all()
    without = found[found["Units matched"] == 0]
    assert not without["Sale"].any() and without["Days away"].isna().all()
    assert set(without["Not matched"]) <= set(return_panels.REASONS.values())


@pytest.mark.parametrize(
    "query", [{"adj": "POST · Postage"}, {"adj": "no such code"}, {"held": "Units"}]
)
def test_the_page_s_own_choices_come_from_the_address(
    open_returns: Callable[..., AppTest], sold: Settings, query: dict[str, str]
) -> None:
    page = open_returns(sold, **query)
    assert cards(page)["Units returned"] == expected(EVERYTHING)["Units returned"]
    headings = [each.value for each in page.subheader]
    assert ("Postage over time" in headings) == ("POST" in query.get("adj", ""))
    assert page.segmented_control(key="held").value == query.get("held", "Lines")


def test_without_cancellations_it_says_so_and_still_shows_the_adjustments(
    open_returns: Callable[..., AppTest], sold: Settings
) -> None:
    page = open_returns(sold, cancellations="false")
    assert "No goods came back" in words(page)
    assert "Adjustments and fees" in [each.value for each in page.subheader]
    page = open_returns(sold, adjustments="false")
    assert "No adjustments or fees" in words(page)


def test_filters_that_leave_nothing_say_so(
    open_returns: Callable[..., AppTest], sold: Settings
) -> None:
    page = open_returns(sold, country='{"$ne": null}')
    assert cards(page) == {}
    assert "No transactions" in words(page)


def test_an_empty_database_says_how_data_gets_there_and_shows_it_when_it_does(
    open_returns: Callable[..., AppTest], fresh: Settings, stack: RunningStack
) -> None:
    assert "No transactions yet" in words(open_returns(fresh, live="false"))
    back = shop.transaction(3, InvoiceNo="C9", Quantity=-2)
    shop.load(stack, fresh, [shop.transaction(2), back])
    found = cards(open_returns(fresh))
    assert (found["Units returned"], found["Matched units"]) == ("2", "100.0%")
    assert found["True return rate"] == "33.3%"


def test_mongodb_away_says_what_to_do_and_the_page_comes_back(
    open_returns: Callable[..., AppTest], use: Callable[[str, str], None], sold: Settings
) -> None:
    page = open_returns(sold, live="false")
    figures = cards(page)
    use(NOBODY, sold.mongo_database)
    assert "MongoDB is away" in words(page.run())
    use(sold.mongo("reader"), sold.mongo_database)
    assert cards(page.run()) == figures


def test_a_click_on_a_row_filters_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    picked: dict[str, list[object]] = {"rows": [1], "cells": []}
    state: dict[str, object] = {"table-return-rate-by-country": SimpleNamespace(selection=picked)}
    monkeypatch.setattr(st, "session_state", state)
    pick = partial(return_panels._pick, "country")
    picks.row("return-rate-by-country", ["France", "EIRE"], pick)
    assert url_state.value("country") == ["EIRE"]
    picks.row("return-rate-by-country", ["EIRE"], pick)
    assert url_state.value("country") == [
        "EIRE"
    ], "the one row left is not the one that was clicked"
