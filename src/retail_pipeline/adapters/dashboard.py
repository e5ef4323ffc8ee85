"""Asks a dashboard whether it can serve viewers."""

from __future__ import annotations

from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from retail_pipeline.errors import PermanentError

_ANSWER_SECONDS = 5.0
# The dashboard is asked without the proxy that the environment may name.
_DIRECT = build_opener(ProxyHandler({}))


def ask_dashboard(url: str) -> str:
    """Return the answer of the dashboard's health check at ``url``.

    Raises:
        PermanentError: it can't serve viewers, or it doesn't answer; the text says why.
    """
    try:
        with _DIRECT.open(f"{url.rstrip('/')}/health", timeout=_ANSWER_SECONDS) as answer:
            return bytes(answer.read()).decode()
    except HTTPError as error:
        raise PermanentError(f"the dashboard at {url} {error.read().decode()}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise PermanentError(
            f"the dashboard at {url} doesn't answer: {reason}; start it, or correct the address"
        ) from None
