"""What viewers do and see, as steps of tests."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import SOON_MS


def expect_card(page: Page, label: str, text: str) -> None:
    """Wait until the card with this label reads so."""
    found = page.get_by_test_id("stMetric").filter(has_text=label)
    expect(found.get_by_test_id("stMetricValue")).to_have_text(text, timeout=SOON_MS)


def choose(page: Page, label: str, option: str) -> None:
    """Pick an option of a selection box as people do."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def tick_first_row(page: Page, table: str) -> None:
    """Click on the box before the first row of a table, which is drawn on a canvas."""
    row, header, boxes = 35, 35, 18
    box = page.locator(f".st-key-table-{table}").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + boxes, box["y"] + header + row / 2)
