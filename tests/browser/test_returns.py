"""In a real browser: from the rates by country to one country's returns."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.browser.conftest import SOON_MS
from tests.browser.steps import expect_card, tick_first_row
from tests.pages.test_returns import EVERYTHING, expected


def test_a_click_on_a_country_shows_its_returns_alone(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 4000})
    page.goto(f"{address}returns?live=false")
    for label, text in expected(EVERYTHING).items():
        expect_card(page, label, text)
    expect(page.locator(".st-key-table-return-rate-by-country canvas").first).to_be_visible()
    tick_first_row(page, "return-rate-by-country")
    expect(page).to_have_url(re.compile("country="), timeout=SOON_MS)
    [country] = parse_qs(urlsplit(page.url).query)["country"]
    for label, text in expected(replace(EVERYTHING, countries=(country,))).items():
        expect_card(page, label, text)
