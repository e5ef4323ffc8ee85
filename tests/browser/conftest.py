"""Tests in a real browser: ``python -m pytest tests/browser``. They need Chromium, so that the
tests that everybody runs leave them out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.pages.test_server import answer, free_port

SOON_MS = 30_000
expect.set_options(timeout=SOON_MS)
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect this folder only when it is asked for."""
    here = Path(__file__).parent
    asked = (Path(argument.partition("::")[0]).absolute() for argument in config.args)
    return None if any(here in (path, *path.parents) for path in asked) else True


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        # Without either, Playwright's own; it says how to install it.
        opened = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield opened
        opened.close()


@contextmanager
def serving(
    stack: RunningStack, settings: Settings, port: int | None = None, **env: str
) -> Iterator[str]:
    """Serve a dashboard on the settings' database; ``env`` adds to its environment."""
    port = port or free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "retail_pipeline", "dashboard", "--port", str(port)],
        env={**stack.env_of(settings), **env},
    )
    try:
        answer(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(15)


@pytest.fixture(scope="session")
def address(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dashboard on the small shop's data, which no test may change."""
    settings = stack.names(tmp_path_factory.mktemp("shop"))
    shop.load(stack, settings, shop.shop())
    with serving(stack, settings) as at:
        yield at
    stack.forget(settings)


@pytest.fixture
def own_address(stack: RunningStack, fresh: Settings) -> Iterator[str]:
    """A dashboard on data of one's own, at first the small shop's."""
    shop.load(stack, fresh, shop.shop())
    with serving(stack, fresh) as at:
        yield at


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    # Far from UTC: the viewer's time zone must not move a sale to another day.
    context = browser.new_context(timezone_id="Pacific/Auckland", locale="de-DE")
    context.set_default_timeout(SOON_MS)
    # Chromium drops what it is fetching when an interface of the machine comes or goes, as
    # containers' do; fetched outside of it, the page's own files arrive.
    context.route("**/static/**", lambda route: route.fulfill(response=route.fetch(max_retries=3)))
    yield context.new_page()
    context.unroute_all(behavior="ignoreErrors")
    context.close()
