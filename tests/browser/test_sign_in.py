"""In a real browser: with a sign-in asked for, nobody sees a figure who did not sign in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import oidc_provider_mock
import pytest
from playwright.sync_api import Page, expect

from retail_pipeline.settings import Settings
from tests import shop
from tests.browser.conftest import SOON_MS, serving
from tests.conftest import RunningStack
from tests.pages.test_server import free_port


@pytest.fixture
def guarded(stack: RunningStack, fresh: Settings, tmp_path: Path) -> Iterator[str]:
    """A dashboard that asks a real OpenID Connect provider who its viewers are."""
    shop.load(stack, fresh, [shop.transaction(2)])
    port, file = free_port(), tmp_path / "sign-in.toml"
    with oidc_provider_mock.run_server_in_thread() as provider:
        file.write_text(f"""[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "a secret of this test, long enough to sign with"
client_id = "retail"
client_secret = "retail"
server_metadata_url = "http://127.0.0.1:{provider.server_port}/.well-known/openid-configuration"
""")
        with serving(stack, fresh, port, DASHBOARD_SIGN_IN_FILE=str(file)) as at:
            yield at


def test_only_who_signs_in_sees_the_figures_and_the_view_of_their_link(
    page: Page, guarded: str
) -> None:
    page.goto(f"{guarded}products?country=France")
    page.get_by_role("button", name="Sign in").wait_for(timeout=SOON_MS)
    assert "£" not in page.inner_text("body")
    assert page.get_by_test_id("stMetric").count() == 0

    page.get_by_role("button", name="Sign in").click()
    page.get_by_placeholder("sub").or_(page.locator("input[name=sub]")).first.fill("ann@shop.test")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("Signed in as")).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_role("heading", name="Products", exact=True)).to_be_visible(timeout=SOON_MS)
    expect(page).to_have_url(re.compile("/products.*country=France"))
    expect(page.get_by_role("button", name="Remove France")).to_be_visible(timeout=SOON_MS)
    assert "£" in page.inner_text("body")

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/oauth2/end_session**")  # the provider asks whether it is meant
    page.goto(guarded)
    page.get_by_role("button", name="Sign in").wait_for(timeout=SOON_MS)
    assert page.get_by_test_id("stMetric").count() == 0
