"""The server of the pages, and of ``/health``.

It reads the summaries before the first viewer comes, who would wait for seconds otherwise.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from threading import Thread

import streamlit as st
import streamlit.logger
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from retail_pipeline.errors import RetailError

PAGE = Path(__file__).parent / "script" / "page.py"


# A viewer's page takes about ten files and connections, most of them for a moment.
_ROOM = 32


@asynccontextmanager
async def _warmed(_app: st.App) -> AsyncIterator[None]:
    log_uvicorn_with_ours()
    Thread(target=preload, name="warm-up", daemon=True).start()
    yield


def preload() -> None:
    """Import the pages and read what is summarised, for the first viewer to find."""
    # The import takes a second, and its caches need a running Streamlit.
    from retail_pipeline.dashboard.app import warm_up

    with suppress(RetailError):  # the page meets it again, and shows it
        warm_up()


async def _health(_request: Request) -> PlainTextResponse:
    """Answer 200 while there is room for viewers, else 503 with the reason.

    Streamlit's own ``/_stcore/health`` answers 200 also when no page can be served any more.
    """
    problem = _lacks_room()
    return PlainTextResponse(problem or "healthy", status_code=503 if problem else 200)


def _lacks_room() -> str | None:
    """Return why no more viewers can be served; None while they can be."""
    try:
        with ExitStack() as opened:
            for _ in range(_ROOM):
                opened.enter_context(open(os.devnull))
    except OSError as error:
        return (
            f"can open no more files and connections ({error.strerror}):"
            " raise the limit (ulimit -n), and start the dashboard again"
        )
    return None


def log_with_ours() -> None:
    """Pass Streamlit's lines on to the log of the command, which gives them its form."""

    def pass_on(logger: logging.Logger) -> None:
        logger.handlers.clear()
        # uvicorn's come later: until it has set up its own, they would go to those.
        logger.propagate = not logger.name.startswith("uvicorn")

    # Streamlit calls it for each logger, and gives it a handler of its own otherwise.
    streamlit.logger.setup_formatter = pass_on
    streamlit.logger.update_formatter()


def log_uvicorn_with_ours() -> None:
    """Pass uvicorn's warnings and errors on, in place of the handlers that it has set up."""
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)


app = st.App(PAGE, lifespan=_warmed, routes=[Route("/health", _health)])
