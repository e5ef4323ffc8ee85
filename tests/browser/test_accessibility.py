"""In a real browser: charts as pictures, filters by the keyboard, and names that are read out."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from retail_pipeline.domain.figures import Selection
from tests import shop
from tests.browser.conftest import SOON_MS
from tests.browser.steps import expect_card
from tests.browser.test_live_refresh import net_of

EVERYTHING = Selection(shop.FIRST, shop.LAST)
PNG = b"\x89PNG\r\n\x1a\n"
MOST_TABS = 40


def test_a_chart_is_saved_as_a_picture_from_its_tool_bar(
    page: Page, address: str, tmp_path: Path
) -> None:
    page.goto(address)
    chart = page.locator('[class*="st-key-chart-revenue-over-time"]')
    expect(chart.locator("svg.marks")).to_be_visible(timeout=SOON_MS)
    chart.hover()
    with page.expect_download() as download:
        chart.get_by_role("button", name=re.compile("PNG")).press("Enter")
    file = tmp_path / "chart.png"
    download.value.save_as(file)
    data = file.read_bytes()
    assert data.startswith(PNG)
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    assert width > 300 and height > 200


def test_a_filter_is_reached_opened_and_set_with_keys_alone(page: Page, address: str) -> None:
    page.goto(address)
    expect_card(page, "Net sales", net_of(EVERYTHING))
    box = page.get_by_role("combobox", name="Countries")
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if box.evaluate("each => each === document.activeElement"):
            break
    expect(box).to_be_focused()
    page.keyboard.type("Fran")
    expect(page.get_by_role("option", name="France")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option", name="France")).not_to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Remove France")).to_be_visible()
    expect_card(page, "Net sales", net_of(Selection(shop.FIRST, shop.LAST, countries=("France",))))
    expect(page).to_have_url(re.compile("country=France"))


def test_every_chart_and_every_button_beside_a_title_has_a_name_of_its_own(
    page: Page, address: str
) -> None:
    page.goto(address)
    expect_card(page, "Net sales", net_of(EVERYTHING))
    for title in ("Revenue over time", "Hours of the week", "Map of countries", "Countries"):
        button = page.get_by_role("button", name=re.compile(rf"\bAbout {title}$"))
        expect(button).to_be_visible(timeout=SOON_MS)
        box = button.bounding_box()
        assert box and 15 < box["width"] < 60, "the name is read out, not seen"
        expect(button.get_by_text("info", exact=True)).to_be_visible()
        expect(button.get_by_text(re.compile("^expand_"))).not_to_be_visible()
    drawn = page.get_by_test_id("stVegaLiteChart")
    expect(drawn).to_have_count(4, timeout=SOON_MS)
    names = [drawn.nth(number).get_attribute("aria-label") for number in range(4)]
    assert len(set(names)) == 4 and all(names), names


def test_a_click_on_the_map_shows_the_country_alone(page: Page, address: str) -> None:
    page.goto(address)
    expect_card(page, "Net sales", net_of(EVERYTHING))
    page.locator('[class*="st-key-chart-map"] path[aria-label*="Saudi Arabia"]').click()
    alone = Selection(shop.FIRST, shop.LAST, countries=("Saudi Arabia",))
    expect_card(page, "Net sales", net_of(alone))
    expect(page).to_have_url(re.compile(r"country=Saudi(\+|%20)Arabia"))
