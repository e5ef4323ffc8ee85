"""Waiting for the work of another process, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")


def wait_while(
    left: Callable[[], T], limit_s: float, *, every_s: float = 0.5, stop: Event | None = None
) -> T:
    """Call ``left`` until its result is false, for example 0 or empty; return the last result.

    The result is true if ``limit_s`` seconds passed, or ``stop`` was set, while something was left.
    The first call is made at once, whatever the limit.
    """
    stop = stop or Event()
    until = time.monotonic() + limit_s
    while (result := left()) and time.monotonic() < until and not stop.wait(every_s):
        pass
    return result
