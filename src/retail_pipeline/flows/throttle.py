"""Limits how fast rows are sent: to rows a second, or to the speed of the events."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event


@dataclass
class Throttle:
    """Blocks until a row is due.

    Args:
        stop: ends every wait when it is set.
        rate: rows/s, or None for no limit.
        speed: seconds of event time that pass in one second, or None to ignore event times.
    """

    stop: Event
    rate: float | None = None
    speed: float | None = None
    clock: Callable[[], float] = time.monotonic
    _began: float | None = field(default=None, init=False)
    _first_event: datetime | None = field(default=None, init=False)
    _rows: int = field(default=0, init=False)

    @property
    def limited(self) -> bool:
        """Whether rows have to wait at all."""
        return self.rate is not None or self.speed is not None

    def wait(self, event: datetime | None) -> None:
        """Block until the next row is due; ``event`` is its event time, if it has one."""
        if self._began is None:
            self._began = self.clock()
        due = 0.0
        if self.rate is not None:
            due = self._rows / self.rate
        if self.speed is not None and event is not None:
            if self._first_event is None:
                self._first_event = event
            due = max(due, (event - self._first_event).total_seconds() / self.speed)
        self._rows += 1
        delay = self._began + due - self.clock()
        if delay > 0:
            self.stop.wait(delay)
