"""``retail health``: whether a process still does its work, for health checks and people.

A process that works touches its heartbeat file after every cycle; one that hangs, or waits for a
server that is away, does not.
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
    help="Exit 0 when the process does its work, else 1 with the reason.",
    no_args_is_help=True,
)
_ANSWER_SECONDS = 5.0
# The dashboard is asked without the proxy that the environment may name.
_DIRECT = build_opener(ProxyHandler({}))
MAX_AGE = typer.Option(30.0, "--max-age", min=1.0, help="Most seconds since the last heartbeat.")


def heartbeat_age(heartbeat: Path, *, now: float) -> float:
    """Return the seconds since ``heartbeat`` was touched; 0 when the clock went back since.

    Raises:
        PermanentError: there is no such file, or it can't be looked at.
    """
    try:
        return max(0.0, now - heartbeat.stat().st_mtime)
    except FileNotFoundError:
        raise PermanentError(f"no heartbeat yet: {heartbeat} is not there") from None
    except OSError as error:
        raise PermanentError(f"can't look at the heartbeat {heartbeat}: {error.strerror}") from None


def check(heartbeat: Path, max_age: float) -> str:
    """Return the text about a recent ``heartbeat`` file.

    Raises:
        PermanentError: it is ``max_age`` seconds old or older, or missing.
    """
    age = heartbeat_age(heartbeat, now=time.time())
    if not is_recent(age, max_age):
        raise PermanentError(
            f"the last heartbeat is {age:.0f} s old, more than {max_age:.0f} s: {heartbeat}"
        )
    return f"healthy: last heartbeat {age:.1f} s ago"


def ask_dashboard(url: str) -> str:
    """Return what the dashboard at ``url`` says of itself when it can serve viewers.

    Raises:
        PermanentError: it can't, or it doesn't answer; the text says why.
    """
    try:
        with _DIRECT.open(f"{url.rstrip('/')}/health", timeout=_ANSWER_SECONDS) as answer:
            return bytes(answer.read()).decode()
    except HTTPError as error:
        raise PermanentError(f"the dashboard at {url} {error.read().decode()}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise PermanentError(f"the dashboard at {url} doesn't answer: {reason}") from None


@health.command()
def dashboard(
    url: str = typer.Option("http://127.0.0.1:8501", help="Address of the dashboard."),
) -> None:
    """Tell whether the dashboard can serve viewers."""
    typer.echo(ask_dashboard(url))


@health.command()
def processor(max_age: float = MAX_AGE) -> None:
    """Tell whether the processor has finished a cycle lately."""
    typer.echo(check(load_settings().heartbeat_file, max_age))


@health.command()
def producer(max_age: float = MAX_AGE) -> None:
    """Tell whether the producer has touched its heartbeat file lately."""
    typer.echo(check(load_settings().state_dir / PRODUCER_HEARTBEAT, max_age))
