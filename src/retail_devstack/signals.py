"""Turns signals that request a stop into an exception, or ignores them."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
    if hasattr(signal, name)
]
_HANGUP = getattr(signal, "SIGHUP", None)
# A closed terminal sends SIGHUP twice, and people press Ctrl-C twice. Both are one request: the
# second signal must not interrupt the stop that the first one began.
_ONE_REQUEST_S = 2.0


class Interrupted(BaseException):
    """The command was requested to stop; no ``except Exception`` may catch it."""


class _Requests:
    """The latest request to stop, and whether one waits for the end of a step."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.at = -_ONE_REQUEST_S
        self.deferring = False
        self.waiting = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        if self.deferring:
            self.waiting = True
        elif time.monotonic() - self.at >= _ONE_REQUEST_S:
            self.at = time.monotonic()
            raise Interrupted


_requests = _Requests()


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the signals that request a stop into :class:`Interrupted`.

    SIGHUP stays ignored if it was ignored at the command's start, as with ``nohup``. SIGINT does
    not: shells ignore it in commands that a script starts in the background.
    """
    _requests.reset()
    with _handled_by(_requests.handle):
        yield


@contextmanager
def uninterruptible() -> Iterator[None]:
    """Ignore further requests: while servers stop, a second Ctrl-C could leave some running."""
    with _handled_by(signal.SIG_IGN):
        yield


@contextmanager
def deferred() -> Iterator[None]:
    """Complete a step that must not be interrupted, and raise :class:`Interrupted` afterwards.

    Signals are not blocked or ignored, since a process started meanwhile would inherit that.
    """
    _requests.deferring = True
    try:
        yield
    finally:
        _requests.deferring = False
    if _requests.waiting:
        _requests.waiting = False
        raise Interrupted


@contextmanager
def _handled_by(
    handler: Callable[[int, FrameType | None], None] | signal.Handlers,
) -> Iterator[None]:
    before = {name: signal.getsignal(name) for name in _NAMES}
    if _HANGUP is not None and before[_HANGUP] == signal.SIG_IGN:
        del before[_HANGUP]
    for name in before:
        signal.signal(name, handler)
    try:
        yield
    finally:
        for name, former in before.items():
            signal.signal(name, former)
