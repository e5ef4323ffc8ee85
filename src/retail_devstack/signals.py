"""Signals that ask for an end, as an exception, or not at all."""

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
# A closed terminal sends SIGHUP twice, an impatient person Ctrl-C: it is one request, and the
# second signal must not interrupt the stopping that the first one began.
_ONE_REQUEST_S = 2.0


class Interrupted(BaseException):
    """Somebody asked the command to stop; no ``except Exception`` may swallow it."""


class _Requests:
    """The latest request to stop, and whether one waits for a step to be done."""

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
    """Turn the signals that ask for an end into :class:`Interrupted`.

    SIGHUP stays ignored if it was ignored when the command was started, as by ``nohup``. A shell
    also ignores SIGINT in what a script starts in the background, where it still is a request.
    """
    _requests.reset()
    with _handled_by(_requests.handle):
        yield


@contextmanager
def uninterruptible() -> Iterator[None]:
    """Let no impatient second Ctrl-C leave servers behind."""
    with _handled_by(signal.SIG_IGN):
        yield


@contextmanager
def deferred() -> Iterator[None]:
    """Let a step that must not be left half done end first, and raise :class:`Interrupted` then.

    Signals are not blocked and not ignored, which a process started meanwhile would inherit.
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
