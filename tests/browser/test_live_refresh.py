"""In a real browser: figures change by themselves, and no filter is lost, whatever happens."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from retail_pipeline.dashboard.format import money
from retail_pipeline.domain.figures import Selection
from retail_pipeline.settings import Settings
from tests import shop
from tests.browser.conftest import SOON_MS
from tests.browser.steps import choose, expect_card
from tests.conftest import RunningStack

SALES = shop.shop()
TABLE = shop.frame(SALES)
PAGES = ("", "products", "customers", "returns")


def net_of(selection: Selection, more: Decimal = Decimal(0)) -> str:
    return money(shop.figures(shop.selected(TABLE, selection)).net + more)


def test_new_rows_show_by_themselves_under_the_filters_chosen(
    page: Page, own_address: str, stack: RunningStack, fresh: Settings
) -> None:
    page.goto(own_address)
    expect_card(page, "Net sales", net_of(Selection(shop.FIRST, shop.LAST)))
    choose(page, "Period", "Last 30 days")
    choose(page, "Countries", "France")
    page.keyboard.press("Escape")
    chosen = Selection(shop.LAST.replace(month=3, day=5), shop.LAST, countries=("France",))
    expect_card(page, "Net sales", net_of(chosen))
    expect(page).to_have_url(re.compile(r"period=Last(\+|%20)30(\+|%20)days"))
    expect(page).to_have_url(re.compile("country=France"))

    moment = max(each.InvoiceDate for each in SALES)
    extra = [
        shop.transaction(900_001, InvoiceDate=moment, UnitPrice="1000", Country="France"),
        shop.transaction(900_002, InvoiceDate=moment, UnitPrice="5000", Country="Narnia"),
    ]
    shop.load(stack, fresh, extra)
    expect_card(page, "Net sales", net_of(chosen, Decimal(6000)))
    expect(page.get_by_role("combobox", name="Period")).to_have_value("Last 30 days")
    expect(page.get_by_role("button", name="Remove France")).to_be_visible()
    expect(page).to_have_url(re.compile("country=France"))
    # A country that came in meanwhile can be chosen without a reload of the page.
    page.get_by_role("combobox", name="Countries").click()
    expect(page.get_by_role("option", name="Narnia", exact=True)).to_be_visible()


def test_a_link_repeats_the_view(page: Page, address: str) -> None:
    page.goto(f"{address}?period=Custom+dates&from=2011-02-10&to=2011-02-20&country=EIRE&by=Day")
    chosen = Selection(shop.FIRST.replace(month=2, day=10), shop.FIRST.replace(month=2, day=20))
    expect_card(
        page, "Net sales", net_of(Selection(chosen.first, chosen.last, countries=("EIRE",)))
    )
    expect(page.get_by_role("radio", name="Day")).to_be_checked()


def test_the_page_comes_back_by_itself_with_its_filters_when_mongodb_does(
    page: Page, own_address: str, stack: RunningStack
) -> None:
    page.goto(f"{own_address}?country=EIRE")
    chosen = Selection(shop.FIRST, shop.LAST, countries=("EIRE",))
    expect_card(page, "Net sales", net_of(chosen))

    stack.kill("mongodb")
    choose(page, "Period", "Last 12 months")
    expect(page.get_by_text("MongoDB is away.")).to_be_visible(timeout=SOON_MS)
    stack.restart()
    expect_card(page, "Net sales", net_of(chosen))
    expect(page).to_have_url(re.compile("country=EIRE"))
    expect(page).to_have_url(re.compile("period=Last(\\+|%20)12(\\+|%20)months"))


@pytest.mark.parametrize("width", [390, 1440, 1920])
def test_no_figure_is_cut_and_nothing_scrolls_sideways(
    page: Page, address: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    expect_card(page, "Net sales", net_of(Selection(shop.FIRST, shop.LAST)))
    for at in PAGES:
        page.goto(f"{address}{at}")
        expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible(timeout=SOON_MS)
        for value in page.get_by_test_id("stMetricValue").all():
            fits = value.evaluate("each => each.scrollWidth <= each.clientWidth")
            assert fits, f"{at}: {value.inner_text()}"
        main = page.get_by_test_id("stMain")
        assert main.evaluate("each => each.scrollWidth <= each.clientWidth"), at
