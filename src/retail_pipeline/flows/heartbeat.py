"""Writes a processor's heartbeat from a thread of its own, so that no work waits for it."""

from __future__ import annotations

import logging
import time
from threading import Event, Thread
from typing import Protocol

from retail_pipeline.domain.heartbeat import ProcessorHeartbeat

log = logging.getLogger(__name__)
SECONDS_BETWEEN_HEARTBEATS = 2.0


class Heartbeats(Protocol):
    """Where heartbeats are kept."""

    def keep(self, heartbeat: ProcessorHeartbeat, quiet_s: float, *, stopped: bool = False) -> None:
        """Replace the last heartbeat of the same processor.

        Raises:
            TransientError, PermanentError: the database is away, or refuses.
        """


class HeartbeatTimer(Thread):
    """Writes the last heartbeat noted every two seconds until ``stop`` is set, then one as stopped.

    A failed write stops nothing: readers see the age of the last one.
    """

    def __init__(
        self,
        heartbeats: Heartbeats,
        first: ProcessorHeartbeat,
        stop: Event,
        every_s: float = SECONDS_BETWEEN_HEARTBEATS,
    ) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._heartbeats = heartbeats
        self._stop_asked = stop
        self._every_s = every_s
        self._noted = first, time.monotonic()
        self._failing = False

    def note(self, heartbeat: ProcessorHeartbeat) -> None:
        """Write this one from now on; the processor's own thread calls this after its cycles."""
        self._noted = heartbeat, time.monotonic()

    def run(self) -> None:
        """Write at once, then on the timer."""
        self._write()
        while not self._stop_asked.wait(self._every_s):
            self._write()
        self._write(stopped=True)

    def _write(self, *, stopped: bool = False) -> None:
        heartbeat, noted_at = self._noted
        try:
            self._heartbeats.keep(heartbeat, time.monotonic() - noted_at, stopped=stopped)
            self._failing = False
        except Exception as error:
            # Logged once, not every two seconds.
            if not self._failing and not stopped:
                log.warning("could not write the heartbeat: %s", error)
            self._failing = True
