"""In a real browser: the URL has the filters, and Back and Forward restore page and filters."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from retail_pipeline.domain.figures import Customers, Selection
from tests import shop
from tests.browser.steps import choose, expect_card, tick_first_row
from tests.browser.test_live_refresh import net_of

EVERYTHING = Selection(shop.FIRST, shop.LAST)
FRANCE = Selection(shop.FIRST, shop.LAST, countries=("France",))
PAGES = ("Overview", "Products", "Customers", "Returns", "Live", "Data quality")


def entries(page: Page) -> int:
    return int(page.evaluate("history.length"))


def open_page(page: Page, title: str) -> None:
    """Follow a link of the sidebar, and wait until its page is drawn and its URL is whole."""
    page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
    heading = "Returns and adjustments" if title == "Returns" else title
    expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
    expect(page.get_by_text(re.compile("As of .* UTC")).first).to_be_visible()


def expect_net(page: Page, selection: Selection) -> None:
    """Wait for the overview's first card; other pages, being left, have a card of its name."""
    card = page.locator(".st-key-cards-overview").get_by_test_id("stMetricValue").first
    expect(card).to_have_text(net_of(selection))


def expect_guests_net(page: Page, selection: Selection) -> None:
    expect_card(page, "Guests' net sales", net_of(replace(selection, customers=Customers.GUESTS)))


@pytest.mark.parametrize("live", ["", "&live=false"])
def test_the_first_page_change_keeps_a_links_filters_and_is_one_entry(
    page: Page, address: str, live: str
) -> None:
    page.goto(f"{address}?country=France{live}")
    expect_net(page, FRANCE)
    before = entries(page)
    open_page(page, "Customers")
    expect_guests_net(page, FRANCE)
    expect(page).to_have_url(f"{address}customers?country=France{live}")
    assert entries(page) == before + 1


def test_back_and_forward_restore_page_and_filters(page: Page, address: str) -> None:
    page.goto(address)
    expect_net(page, EVERYTHING)
    start = entries(page)
    choose(page, "Countries", "France")
    page.keyboard.press("Escape")
    expect_net(page, FRANCE)
    expect(page).to_have_url(f"{address}?country=France")
    open_page(page, "Customers")
    expect_guests_net(page, FRANCE)
    page.get_by_text("Exact duplicate lines", exact=True).click()
    expect(page).to_have_url(f"{address}customers?country=France&duplicates=false")
    assert entries(page) == start + 3

    page.go_back()
    expect(page).to_have_url(f"{address}customers?country=France")
    duplicates = page.get_by_role("switch", name="Exact duplicate lines")
    expect(duplicates).to_be_checked()
    page.go_back()
    expect(page).to_have_url(f"{address}?country=France")
    expect_net(page, FRANCE)
    page.go_back()
    expect(page).to_have_url(address)
    expect_net(page, EVERYTHING)
    expect(page.get_by_role("button", name="Remove France")).to_have_count(0)
    page.go_forward()
    expect_net(page, FRANCE)
    page.go_forward()
    expect_guests_net(page, FRANCE)
    page.go_forward()
    expect(duplicates).not_to_be_checked()
    expect(page).to_have_url(f"{address}customers?country=France&duplicates=false")
    assert entries(page) == start + 3


def test_every_page_keeps_every_filter_in_its_url(page: Page, address: str) -> None:
    query = (
        "period=Custom+dates&from=2011-02-10&to=2011-03-20&country=France&country=EIRE&who=Known"
        "&kind=Sales&guests=false&live=false"
    )
    page.goto(f"{address}?{query}")
    expect(page.get_by_text(re.compile("10 Feb 2011 to 20 Mar 2011")).first).to_be_visible()
    start = entries(page)
    for number, title in enumerate((*PAGES[1:], PAGES[0]), start=1):
        open_page(page, title)
        path = "" if title == "Overview" else "quality" if " " in title else title.lower()
        expect(page).to_have_url(f"{address}{path}?{query}")
        notice = page.get_by_text(re.compile("10 Feb 2011 to 20 Mar 2011, France and EIRE"))
        expect(notice.first).to_be_visible()
        assert entries(page) == start + number
    # Such a link opened in a tab of its own has the filters, too.
    link = page.get_by_test_id("stSidebarNavLink").filter(has_text="Products")
    assert link.evaluate("each => each.href") == f"{address}products?{query}"


def test_a_refresh_adds_no_entry(page: Page, address: str) -> None:
    page.goto(f"{address}?country=France")
    as_of = page.get_by_text(re.compile("As of .* UTC")).first
    before = as_of.inner_text()
    start = entries(page)
    expect(as_of).not_to_have_text(before)
    assert entries(page) == start
    expect(page).to_have_url(f"{address}?country=France")


def test_back_leaves_a_customer_and_forward_returns(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 3000})
    page.goto(f"{address}customers?country=France&live=false")
    expect_guests_net(page, FRANCE)
    start = entries(page)
    tick_first_row(page, "top-customers")
    opened = page.get_by_role("heading", name=re.compile("^Customer [0-9]"))
    expect(opened).to_be_visible()
    name, link = opened.inner_text(), page.url
    page.go_back()
    expect(page.get_by_role("heading", name="Top customers")).to_be_visible()
    page.go_forward()
    expect(opened).to_have_text(name)
    expect(page).to_have_url(link)
    assert entries(page) == start + 1
    page.go_back()
    expect(page.get_by_role("heading", name="Top customers")).to_be_visible()
    tick_first_row(page, "top-customers")
    expect(opened).to_have_text(name)


def test_a_search_is_one_entry_however_it_is_typed(page: Page, address: str) -> None:
    page.goto(f"{address}products?live=false")
    box = page.get_by_role("searchbox", name="Search")
    expect(box).to_be_visible()
    start = entries(page)
    for words in ("lamp", " 220", "03"):
        box.press_sequentially(words)
        expect(page).to_have_url(re.compile(f"find=[^&]*{words.strip()}$"))
    assert entries(page) == start + 1
    page.go_back()
    expect(box).to_have_value("")


def test_a_typed_date_is_applied_by_enter(page: Page, address: str) -> None:
    page.goto(f"{address}?period=Custom+dates&live=false")
    expect_net(page, EVERYTHING)
    field = page.get_by_test_id("stDateInputField").first
    field.get_by_role("spinbutton").first.click()
    page.keyboard.type("20110310")
    page.keyboard.press("Enter")
    chosen = Selection(shop.FIRST.replace(month=3, day=10), shop.LAST)
    expect_net(page, chosen)
    expect(page).to_have_url(re.compile("from=2011-03-10"))


def test_two_tabs_have_filters_of_their_own(page: Page, address: str) -> None:
    page.goto(f"{address}?country=France")
    expect_net(page, FRANCE)
    other = page.context.new_page()
    other.goto(f"{address}?country=EIRE&guests=false")
    eire = Selection(shop.FIRST, shop.LAST, countries=("EIRE",), guests=False)
    expect_net(other, eire)
    page.reload()
    expect_net(page, FRANCE)
    expect(page.get_by_role("switch", name="Guests")).to_be_checked()


def test_what_a_link_asks_for_in_vain_is_named(page: Page, address: str) -> None:
    page.goto(f"{address}?period=Last+year&from=2011-02-30&country=France&colour=red")
    expect_net(page, FRANCE)
    notice = page.get_by_role("alert").filter(has_text="Part of the link is left out")
    for part in ("period “Last year”", "from “2011-02-30”", "colour “red”"):
        expect(notice).to_contain_text(part)
    expect(page).to_have_url(f"{address}?country=France")
