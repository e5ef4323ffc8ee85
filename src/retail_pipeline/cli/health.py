"""``retail health``: whether a process does its work, for health checks and people.

A process that works touches its heartbeat file after every cycle. A process that hangs, or waits
for a server that is away, does not: it is alive, but not healthy.
"""

from __future__ import annotations

import time
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import typer

from retail_pipeline.domain.heartbeat import is_recent
from retail_pipeline.errors import PermanentError
from retail_pipeline.settings import load_settings

PRODUCER_HEARTBEAT = "producer.heartbeat"

health = typer.Typer(
    help="Exit with 0 if the process does its work, else with 1 and the reason.",
    no_args_is_help=True,
)
_ANSWER_SECONDS = 5.0
# The dashboard is asked without the proxy that the environment may name.
_DIRECT = build_opener(ProxyHandler({}))
MAX_AGE = typer.Option(30.0, "--max-age", min=1.0, help="Largest age of the heartbeat, in seconds.")


def heartbeat_age(heartbeat: Path, *, now: float) -> float:
    """Return the seconds since ``heartbeat`` was touched; 0 if the clock was set back since.

    Raises:
        PermanentError: there is no such file, or its time can't be read.
    """
    try:
        return max(0.0, now - heartbeat.stat().st_mtime)
    except FileNotFoundError:
        raise PermanentError(
            f"no heartbeat yet: {heartbeat} does not exist; start the process, with the same"
            " HEARTBEAT_FILE and STATE_DIR as this command"
        ) from None
    except OSError as error:
        words = (
            f"can't read the heartbeat {heartbeat}: {error.strerror}; correct its path or rights"
        )
        raise PermanentError(words) from None


def check(heartbeat: Path, max_age: float) -> str:
    """Return a line about ``heartbeat`` if it is recent.

    Raises:
        PermanentError: it is ``max_age`` seconds old or older, or missing.
    """
    age = heartbeat_age(heartbeat, now=time.time())
    if not is_recent(age, max_age):
        raise PermanentError(
            f"the last heartbeat is {age:.0f} s old, more than {max_age:.0f} s: {heartbeat}; the"
            " log of the process says what it waits for; start it again if it has ended or hangs"
        )
    return f"healthy: last heartbeat {age:.1f} s ago"


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


@health.command()
def dashboard(
    url: str = typer.Option("http://127.0.0.1:8501", help="Address of the dashboard."),
) -> None:
    """Check whether the dashboard can serve viewers."""
    typer.echo(ask_dashboard(url))


@health.command()
def processor(max_age: float = MAX_AGE) -> None:
    """Check whether the processor has finished a cycle recently."""
    typer.echo(check(load_settings().heartbeat_file, max_age))


@health.command()
def producer(max_age: float = MAX_AGE) -> None:
    """Check whether the producer has written a heartbeat recently."""
    typer.echo(check(load_settings().state_dir / PRODUCER_HEARTBEAT, max_age))
