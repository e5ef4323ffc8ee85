"""Shared by the commands: settings, and a stop by signals."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from threading import Event
from types import FrameType

from retail_pipeline import logs
from retail_pipeline.errors import PermanentError
from retail_pipeline.settings import Settings, load_settings


def start(command: str) -> tuple[Settings, Event]:
    """Read the settings, set up logging, and return an event that SIGTERM and SIGINT set.

    Raises:
        SettingsError, PermanentError: as :func:`server_settings` does.
    """
    settings = server_settings()
    logs.configure(settings.log_level, settings.log_format)
    collect_garbage_rarely()
    return settings, stop_by_signals(command)


def stop_by_signals(command: str) -> Event:
    """Return an event that SIGTERM and SIGINT set; ``command`` says so in its log."""
    stop = Event()

    def ask(number: int, frame: FrameType | None) -> None:
        logging.getLogger(command).info("%s: stopping", signal.Signals(number).name)
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop


def at_intervals(stop: Event, interval_s: float) -> Iterator[None]:
    """Yield at once, and then every ``interval_s`` seconds, until ``stop`` is set."""
    while not stop.is_set():
        began = time.monotonic()
        yield
        stop.wait(max(0.0, began + interval_s - time.monotonic()))


def server_settings(*, partly: bool = False) -> Settings:
    """Return the settings of a command that needs the servers.

    With ``partly``, a local stack is found even if not all of its servers run.

    Raises:
        SettingsError: a setting can't be used.
        PermanentError: no address is set, no local stack runs here, and nothing answers at the
            default address. If an address is set, the caller waits for its server instead.
    """
    settings = load_settings(partly=partly)
    if not settings.uses_given_servers:
        servers = settings.kafka_bootstrap_servers
        host, _, port = servers.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            raise PermanentError(
                f"nothing answers at {servers}: start a stack with `retail local up` or"
                " `docker compose up`, or set KAFKA_BOOTSTRAP_SERVERS"
            ) from None
    return settings


def listed(texts: Sequence[str]) -> list[str]:
    """Return the names of an option that may be repeated, and may have commas or blanks in it."""
    return [name for text in texts for name in text.replace(",", " ").split()]


def collect_garbage_rarely() -> None:
    """Run the garbage collection less often: with many short-lived rows the default, after every
    700 objects, costs a tenth of the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
