"""In a real browser: a click on a bar or a row opens its product, and a link repeats that."""

from __future__ import annotations

import re
from decimal import Decimal

from playwright.sync_api import Locator, Page, TimeoutError, expect

from retail_pipeline.dashboard import format
from tests import shop
from tests.browser.conftest import SOON_MS
from tests.browser.steps import expect_card

TABLE = shop.table()
NET = {str(code): sum(group["amount"], Decimal(0)) for code, group in TABLE.groupby("StockCode")}
BEST = sorted(NET, key=lambda code: (-NET[code], code))
ROW_OF_CHART, ROW_OF_TABLE = 46, 35
TRIES = 3


def open_row(page: Page, drawn: Locator, code: str, top: int, height: int, row: int) -> None:
    """Click into a row of what is drawn on one canvas, and wait for its product.

    Once more if nothing comes of it: what has just been drawn may not listen yet.
    """
    heading = heading_of(page, code)
    for _ in range(TRIES):
        drawn.scroll_into_view_if_needed()
        box = drawn.bounding_box()
        assert box is not None
        x, y = box["x"] + 150, box["y"] + top + height * row + height / 2
        page.mouse.move(x, y)
        page.mouse.click(x, y)
        try:
            heading.wait_for(timeout=SOON_MS / TRIES)
            break
        except TimeoutError:
            continue
    expect_product(page, code)


def heading_of(page: Page, code: str) -> Locator:
    return page.get_by_role("heading", name=re.compile(rf" {code}$"), level=2)


def expect_product(page: Page, code: str) -> None:
    expect(heading_of(page, code)).to_be_visible(timeout=SOON_MS)
    expect_card(page, "Net sales", format.money(NET[code]))
    expect(page).to_have_url(re.compile(f"item={code}$"))


def test_a_click_on_a_bar_or_a_row_opens_its_product_and_a_button_goes_back(
    page: Page, address: str
) -> None:
    page.goto(f"{address}products")
    bars = page.locator(".st-key-chart-top-products .marks")
    table = page.locator(".st-key-table-products canvas").first
    back = page.get_by_role("button", name="All products")
    for row in (1, 1):  # the same one twice
        expect(bars).to_be_visible(timeout=SOON_MS)
        open_row(page, bars, BEST[row], 0, ROW_OF_CHART, row)
        back.click()
    expect(table).to_be_visible(timeout=SOON_MS)
    open_row(page, table, BEST[3], ROW_OF_TABLE, ROW_OF_TABLE, 3)
    assert page.get_by_test_id("stMain").evaluate("each => each.scrollTop") == 0
    page.reload()
    expect_product(page, BEST[3])


def test_a_search_as_it_is_typed_narrows_the_ranking(page: Page, address: str) -> None:
    page.goto(f"{address}products")
    page.get_by_role("searchbox", name="Search").press_sequentially("lamp 22003")
    expect(page.get_by_role("heading", name="1 product with “lamp 22003”")).to_be_visible(
        timeout=SOON_MS
    )
    expect(page).to_have_url(re.compile("find=lamp(\\+|%20)22003"))
