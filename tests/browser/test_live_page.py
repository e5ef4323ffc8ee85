"""In a real browser: the live page moves, and the viewer's place in it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect
from pymongo import MongoClient

from retail_pipeline.adapters.mongo.client import Document, connect
from retail_pipeline.adapters.mongo.heartbeats import MongoHeartbeats
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.domain.heartbeat import PartitionProgress, ProcessorHeartbeat
from retail_pipeline.settings import Settings
from tests import shop
from tests.browser.conftest import SOON_MS
from tests.browser.steps import expect_card
from tests.conftest import RunningStack
from tests.fakes import rejection

REFRESHES = 4


@pytest.fixture
def root(stack: RunningStack) -> Iterator[MongoClient[Document]]:
    with connect(stack.root_uri, name="tests") as client:
        yield client


def say(client: MongoClient[Document], settings: Settings, waiting: int) -> None:
    """Have a processor say that so many records wait."""
    heartbeat = ProcessorHeartbeat(
        name="retail-processor-a-1",
        started_at=datetime.now(UTC),
        partitions=1,
        progress=(PartitionProgress(0, 0, waiting),),
    )
    MongoHeartbeats(client, settings.mongo_database).keep(heartbeat, 0.0)


def scrolled(page: Page) -> int:
    return int(page.get_by_test_id("stMain").evaluate("each => each.scrollTop"))


def test_refreshes_keep_filters_scroll_and_what_is_open_and_draw_nothing_again(
    page: Page, own_address: str, fresh: Settings, root: MongoClient[Document]
) -> None:
    page.set_viewport_size({"width": 1280, "height": 700})
    say(root, fresh, 1)
    page.goto(f"{own_address}live?country=France&period=Last+30+days")
    expect_card(page, "Records waiting", "1")
    chart = page.locator('[data-testid="stVegaLiteChart"] svg.marks').first
    table = page.locator('[data-testid="stDataFrame"] canvas').first
    expect(chart).to_be_visible(timeout=SOON_MS)
    expect(table).to_be_attached(timeout=SOON_MS)
    expect(chart).not_to_contain_text("NaN")  # nothing was stored lately
    for each in (chart, table):
        each.evaluate("each => { each.sameAsBefore = true }")
    page.get_by_test_id("stMain").evaluate("each => each.scrollTo(0, 320)")
    popovers = page.get_by_test_id("stMain").get_by_test_id("stPopover")
    popovers.nth(1).get_by_role("button").click()
    explanation = page.get_by_text("Records of each partition that wait")
    expect(explanation).to_be_visible(timeout=SOON_MS)
    place = scrolled(page)
    assert place > 0

    for turn in range(2, 2 + REFRESHES):
        say(root, fresh, turn * 1_000)
        expect_card(page, "Records waiting", f"{turn},000")
        expect(explanation).to_be_visible()
        assert scrolled(page) == place
    for each in (chart, table):
        assert each.evaluate("each => each.sameAsBefore === true")
    expect(page.get_by_role("button", name="Remove France")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/live\?.*country=France"))


def test_rows_that_come_in_are_on_top_within_seconds_whatever_their_date(
    page: Page, own_address: str, stack: RunningStack, fresh: Settings
) -> None:
    page.goto(f"{own_address}live")
    expect_card(page, "Rows stored", "3,000")
    # Older than anything else, and stored last.
    moment = datetime(2011, 1, 29, tzinfo=UTC)
    shop.load(stack, fresh, [shop.transaction(900_001, InvoiceNo="999001", InvoiceDate=moment)])
    expect_card(page, "Rows stored", "3,001")
    newest = page.get_by_test_id("stDataFrame").last
    newest.scroll_into_view_if_needed()
    # The cells are drawn on a canvas; this is what a screen reader is given.
    first_row = newest.locator('tbody [role="row"]').first
    expect(first_row).to_contain_text("999001", timeout=SOON_MS)


def test_the_quarantine_of_a_reason_is_downloaded_whole(
    page: Page, own_address: str, fresh: Settings, root: MongoClient[Document]
) -> None:
    MongoStore(root, fresh.mongo_database).quarantine([rejection(row) for row in range(30)])
    page.goto(f"{own_address}quality?reason=not_a_number")
    button = page.get_by_role("button", name="Download 30 of 30 rows")
    expect(button).to_be_visible(timeout=SOON_MS)
    with page.expect_download() as download:
        button.click()
    assert download.value.suggested_filename == "quarantine-not_a_number.csv"
    lines = download.value.path().read_text("utf-8").splitlines()
    assert lines[0].startswith("id,file,source,row") and len(lines) == 31


@pytest.mark.parametrize("path", ["live", "quality"])
@pytest.mark.parametrize("width", [390, 1440, 1920])
def test_no_figure_is_cut_and_nothing_scrolls_sideways(
    page: Page, address: str, path: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{address}{path}")
    expect(page.get_by_test_id("stMetricValue").first).to_be_visible(timeout=SOON_MS)
    for value in page.get_by_test_id("stMetricValue").all():
        assert value.evaluate("each => each.scrollWidth <= each.clientWidth"), value.inner_text()
    main = page.get_by_test_id("stMain")
    assert main.evaluate("each => each.scrollWidth <= each.clientWidth")
