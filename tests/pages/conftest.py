"""The page in every state of the database, driven without a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.pages.seen import Seen, recorded
from tests.paths import ROOT

SCRIPT = ROOT / "src" / "dashboard.py"
NOBODY = "mongodb://127.0.0.1:9"

OpenPage = Callable[..., AppTest]


@pytest.fixture(scope="session")
def sold(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a database with the whole small shop in it."""
    settings = stack.names(tmp_path_factory.mktemp("sold"))
    shop.load(stack, settings, shop.shop())
    yield settings
    stack.forget(settings)


@pytest.fixture
def seen() -> Iterator[Seen]:
    """What pages draw from now on, and the files that they offer."""
    with recorded() as found:
        yield found


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Point the page's settings at a MongoDB address and database."""

    def point(uri: str, database: str) -> None:
        st.cache_data.clear()
        st.cache_resource.clear()  # what is cached of the previous database
        monkeypatch.setenv("MONGO_READER_URI", uri)
        monkeypatch.setenv("MONGO_DATABASE", database)

    yield point
    st.cache_data.clear()


def app_at(path: str, script: Path = SCRIPT) -> AppTest:
    """Return the application as a browser asks for it at ``path``, not run yet."""
    page = AppTest.from_file(str(script), default_timeout=60)
    # switch_page knows pages that are files; a page's hash is that of its path.
    page._page_hash = calc_hash(path) if path else ""
    return page


@pytest.fixture
def open_page(use: Callable[[str, str], None]) -> OpenPage:
    """Open a page on a database, with what an address's query says; ``at`` is its path."""

    def open_it(
        settings: Settings, script: Path = SCRIPT, at: str = "", **query: str | list[str]
    ) -> AppTest:
        use(settings.mongo("reader"), settings.mongo_database)
        page = app_at(at, script)
        for name, value in query.items():
            page.query_params[name.rstrip("_")] = value
        return page.run()

    return open_it
