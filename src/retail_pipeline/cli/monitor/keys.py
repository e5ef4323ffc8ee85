"""Single keys from the terminal, without Enter; the terminal is as before afterwards."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

_SLICE_SECONDS = 0.1


@contextmanager
def keys_at_once() -> Iterator[int | None]:
    """Yield the descriptor from which keys come one by one; None if there is no terminal."""
    try:
        import termios
        import tty
    except ImportError:  # not on this system
        yield None
        return
    if not sys.stdin.isatty():
        yield None
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def next_key(descriptor: int | None, seconds: float, stop: Event) -> str:
    """Return a key that is pressed within ``seconds``; empty if none is, or ``stop`` is set."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop.is_set():
        if descriptor is None:
            stop.wait(left)
        elif select.select([descriptor], [], [], min(left, _SLICE_SECONDS))[0]:
            return os.read(descriptor, 1).decode("ascii", "ignore")
    return ""
