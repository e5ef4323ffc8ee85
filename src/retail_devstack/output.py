"""Messages of a command, to an output that may be closed, full or blocked.

A closed pipe, a closed terminal or a full disk must not change what the command does with the
servers: messages that can't be written are dropped.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

from rich.console import Console

Say = Callable[[str], None]

_QUIET_INTERVAL = 10.0
_BLOCKED_AFTER_S = 1.0


class _Console(Console):
    """A console on standard error that survives its loss; rich would end the whole command."""

    def on_broken_pipe(self) -> None:
        """Drop the output."""


@cache
def _console() -> _Console:
    """Return the one console of a command: it prints lines above its progress."""
    return _Console(stderr=True, highlight=False, soft_wrap=True)


def open_standard_streams() -> None:
    """Open the null device where a standard stream is closed (``>&-``).

    Otherwise the next opened file, a lock or the state, would get the descriptor of the output.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def speaker() -> Say:
    """Return a function that writes a line to standard error, if that is possible."""
    atexit.register(_drop_unwritten)

    def say(text: str) -> None:
        with suppress(OSError):
            _console().print(text, markup=False)

    return say


def _drop_unwritten() -> None:
    """Prevent the exit status 120 for output that the interpreter can't write at its end."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def announce(say: Say, text: str) -> None:
    """Print ``text``, but wait only a moment for an output that is blocked.

    A terminal after Ctrl-S, or a pager that does not read on, would otherwise block the next step.
    """
    thread = threading.Thread(target=say, args=(text,), daemon=True)
    thread.start()
    thread.join(_BLOCKED_AFTER_S)


@contextmanager
def progress() -> Iterator[Say]:
    """Show a text that changes: in place on a terminal, as an occasional line elsewhere."""
    console = _console()
    if not console.is_terminal:
        yield _occasional_lines()
        return
    spinner = console.status("")

    def show(text: str) -> None:
        spinner.update(text)
        spinner.start()

    try:
        # It starts with the first text, since a question may come before it.
        yield show
    finally:
        with suppress(OSError):
            spinner.stop()


def _occasional_lines() -> Say:
    shown, at = "", 0.0

    def show(text: str) -> None:
        nonlocal shown, at
        if text != shown and time.monotonic() - at >= _QUIET_INTERVAL:
            shown, at = text, time.monotonic()
            with suppress(OSError):
                print(text, file=sys.stderr, flush=True)

    return show
