"""Signals that ask for an end, as an exception, or not at all."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Interrupted(BaseException):
    """Somebody asked the command to stop; no ``except Exception`` may swallow it."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the signals that ask for an end into :class:`Interrupted`."""
    with _handled_by(_interrupt):
        yield


@contextmanager
def uninterruptible() -> Iterator[None]:
    """Let no impatient second Ctrl-C leave servers behind."""
    with _handled_by(signal.SIG_IGN):
        yield


@contextmanager
def _handled_by(
    handler: Callable[[int, FrameType | None], None] | signal.Handlers,
) -> Iterator[None]:
    before = {name: signal.signal(name, handler) for name in _NAMES}
    try:
        yield
    finally:
        for name, former in before.items():
            signal.signal(name, former)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted
