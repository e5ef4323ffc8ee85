"""In a real browser: from a segment to its customers, to one of them, to an invoice, and back."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests import customer_truth, shop
from tests.browser.conftest import SOON_MS
from tests.browser.steps import choose, expect_card, tick_first_row

TABLE = shop.table()
SEGMENT = "Champions"


def best() -> list[str]:
    """Return the numbers of the champions, the highest net sales first."""
    figures = customer_truth.by_customer(TABLE)
    segments = customer_truth.segments(TABLE, shop.LAST)
    numbers = [number for number, (*_, name) in segments.items() if name == SEGMENT]
    return sorted(numbers, key=lambda number: -figures[number].net)


def test_clicks_lead_from_a_segment_to_an_invoice_and_back(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 3000})
    page.goto(f"{address}customers?live=false")
    name = page.locator(".st-key-chart-segments").get_by_text(SEGMENT, exact=True).first
    expect(name).to_be_visible(timeout=SOON_MS)
    name.click(force=True)
    expect(page.get_by_role("heading", name=f"Top customers: {SEGMENT}")).to_be_visible()
    expect(page).to_have_url(re.compile(f"seg={SEGMENT}"))

    [first, *_] = best()
    tick_first_row(page, "top-customers")
    expect(page.get_by_role("heading", name=f"Customer {first}", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(f"id={first}"))
    bought = customer_truth.by_customer(TABLE)[first]
    expect_card(page, "Orders", str(bought.orders))

    invoice = sorted(TABLE[TABLE["CustomerID"] == first]["InvoiceNo"])[0]
    choose(page, "Lines of invoice", invoice)
    expect(page.get_by_role("heading", name=f"Invoice {invoice} of {first}")).to_be_visible()
    expect(page).to_have_url(re.compile(f"inv={invoice}"))

    page.get_by_role("button", name="All customers").click()
    expect(page.get_by_role("heading", name=f"Top customers: {SEGMENT}")).to_be_visible()
    expect(page).not_to_have_url(re.compile("id="))


def test_the_export_holds_the_rows_shown_and_their_filters(page: Page, address: str) -> None:
    page.goto(f"{address}customers?live=false&country=France")
    title = page.get_by_role("heading", name="Top customers")
    expect(title).to_be_visible(timeout=SOON_MS)
    head = page.locator('[data-testid="stHorizontalBlock"]').filter(has=title).last
    head.get_by_role("button", name=re.compile("About")).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    lines = download.value.path().read_text("utf-8").splitlines()
    assert re.fullmatch(r"top-customers_.*_france\.csv", download.value.suggested_filename)
    french = customer_truth.by_customer(TABLE[TABLE["Country"] == "France"])
    assert len(lines) == 1 + len(french)


def test_a_click_on_a_movement_shows_the_customers_of_the_segment_moved_to(
    page: Page, address: str
) -> None:
    page.set_viewport_size({"width": 1440, "height": 3000})
    page.goto(f"{address}customers?live=false")
    square = page.locator(f'.st-key-chart-movement path[aria-label*="To: {SEGMENT}"]').first
    expect(square).to_be_visible(timeout=SOON_MS)
    square.click(force=True)
    expect(page.get_by_role("heading", name=f"Top customers: {SEGMENT}")).to_be_visible()
