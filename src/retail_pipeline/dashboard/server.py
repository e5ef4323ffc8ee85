"""The server of the pages.

It reads the summaries before the first viewer comes, who would wait for seconds otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Thread

import streamlit as st

from retail_pipeline.errors import RetailError

PAGE = Path(__file__).parent / "script" / "page.py"


@asynccontextmanager
async def _warmed(_app: st.App) -> AsyncIterator[None]:
    Thread(target=look_ahead, name="warm-up", daemon=True).start()
    yield


def look_ahead() -> None:
    """Import the pages and read what is summarised, for the first viewer to find."""
    # Takes a second itself, and what it keeps is kept by Streamlit, which has to be up for that.
    from retail_pipeline.dashboard.app import warm_up

    with suppress(RetailError):  # the page meets it again, and says it
        warm_up()


app = st.App(PAGE, lifespan=_warmed)
