"""In a real browser: a click filters, a link repeats the view, and a download is what is shown."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import Page, expect

from retail_pipeline.domain.figures import Selection
from tests import shop
from tests.browser.conftest import SOON_MS
from tests.browser.steps import choose, expect_card
from tests.browser.test_live_refresh import TABLE, net_of

EVERYTHING = Selection(shop.FIRST, shop.LAST)


def click_chart(page: Page, key: str, x: float, y: float) -> None:
    """Click a chart at a place given as shares of its width and height."""
    drawing = page.locator(f'[class*="st-key-chart-{key}"] svg.marks').first
    drawing.wait_for(timeout=SOON_MS)
    box = drawing.bounding_box()
    assert box
    drawing.click(position={"x": box["width"] * x, "y": box["height"] * y})


def test_a_click_on_a_country_shows_it_alone_and_another_shows_all(
    page: Page, address: str
) -> None:
    page.goto(address)
    expect_card(page, "Net sales", net_of(EVERYTHING))
    click_chart(page, "countries", 0.5, 0.1)
    first = Selection(shop.FIRST, shop.LAST, countries=("United Kingdom",))
    expect_card(page, "Net sales", net_of(first))
    expect(page.get_by_role("button", name="Remove United Kingdom")).to_be_visible()
    expect(page).to_have_url(re.compile(r"country=United(\+|%20)Kingdom"))
    click_chart(page, "countries", 0.5, 0.5)
    expect_card(page, "Net sales", net_of(EVERYTHING))


def test_a_click_on_a_bar_shows_its_days_alone(page: Page, address: str) -> None:
    page.goto(f"{address}?by=Month")
    expect_card(page, "Net sales", net_of(EVERYTHING))
    # Of January to April, each a quarter of the axis or so, March is in the third.
    click_chart(page, "revenue-over-time", 0.68, 0.6)
    march = Selection(shop.FIRST.replace(month=3, day=1), shop.FIRST.replace(month=3, day=31))
    expect_card(page, "Net sales", net_of(march))
    expect(page).to_have_url(re.compile("from=2011-03-01"))
    expect(page).to_have_url(re.compile("to=2011-03-31"))


def test_filters_chosen_by_hand_make_a_link_that_repeats_them(page: Page, address: str) -> None:
    page.goto(address)
    expect_card(page, "Net sales", net_of(EVERYTHING))
    page.get_by_text("Known", exact=True).click()
    page.get_by_text("Exact duplicate lines", exact=True).click()
    page.get_by_role("button", name="Products: all").click()
    box = page.get_by_role("combobox", name="Products")
    box.click()
    box.fill("22003")
    page.get_by_role("option", name=re.compile("^22003")).click()
    page.keyboard.press("Escape")
    chosen = Selection(shop.FIRST, shop.LAST, products=("22003",), guests=False, duplicates=False)
    expect_card(page, "Net sales", net_of(chosen))
    link = page.url
    again = page.context.new_page()
    again.goto(link)
    expect_card(again, "Net sales", net_of(chosen))


def test_filters_hold_on_every_page(page: Page, address: str) -> None:
    page.goto(f"{address}?country=France")
    expect_card(page, "Net sales", net_of(Selection(shop.FIRST, shop.LAST, countries=("France",))))
    links = page.get_by_test_id("stSidebarNavLink")
    expect(links.first).to_be_visible(timeout=SOON_MS)
    for number in range(links.count()):
        links.nth(number).click()
        expect(page.get_by_role("button", name="Remove France")).to_be_visible()
        expect(page).to_have_url(re.compile("country=France"))
        expect(page.get_by_text(re.compile("As of .* UTC")).first).to_be_visible()


def test_a_download_holds_what_is_shown_under_its_filters(
    page: Page, address: str, tmp_path: Path
) -> None:
    page.goto(address)
    choose(page, "Period", "Last 30 days")
    chosen = Selection(shop.LAST - timedelta(days=29), shop.LAST)
    expect_card(page, "Net sales", net_of(chosen))
    page.locator(".st-key-head-countries").get_by_test_id("stPopoverButton").first.click()
    expect(page.get_by_text("Net sales by the customer's country.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    file = tmp_path / "countries.csv"
    download.value.save_as(file)
    assert download.value.suggested_filename == "countries_2011-03-05_2011-04-03.csv"
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
    sold = shop.selected(TABLE, chosen)
    assert len(rows) == len(set(sold["Country"]))
    for row in rows:
        country = None if row["Country"] == "No country given" else row["Country"]
        its = sold[[each == country for each in sold["Country"]]]
        assert Decimal(row["Net sales"]) == shop.figures(its).net
        assert int(row["Orders"]) == shop.figures(its).orders
    with page.expect_download() as download:
        page.get_by_role("button", name="About this export").click()
    assert download.value.suggested_filename == "countries_2011-03-05_2011-04-03.txt"
    about = download.value.path().read_text("utf-8").splitlines()
    assert about[:2] == ["Countries", "Filters: 5 Mar 2011 to 3 Apr 2011, all countries"]
