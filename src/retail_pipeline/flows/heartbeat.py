"""A processor's sign of life beside its work, which never waits for it."""

from __future__ import annotations

import logging
import time
from threading import Event, Thread
from typing import Protocol

from retail_pipeline.domain.heartbeat import ProcessorHeartbeat

log = logging.getLogger(__name__)
SECONDS_BETWEEN_HEARTBEATS = 2.0


class Heartbeats(Protocol):
    """Where signs of life are kept."""

    def keep(self, heartbeat: ProcessorHeartbeat, quiet_s: float, *, stopped: bool = False) -> None:
        """Replace the last one of the same processor.

        Raises:
            TransientError, PermanentError: the database is away, or refuses.
        """


class HeartbeatTimer(Thread):
    """Says every two seconds what was noted last, until ``stop`` is set; then that it is over.

    No failure of it stops anything: the pulse's age tells.
    """

    def __init__(
        self,
        heartbeats: Heartbeats,
        first: ProcessorHeartbeat,
        stop: Event,
        every_s: float = SECONDS_BETWEEN_HEARTBEATS,
    ) -> None:
        super().__init__(name="pulse", daemon=True)
        self._heartbeats = heartbeats
        self._stop_asked = stop
        self._every_s = every_s
        self._noted = first, time.monotonic()
        self._failing = False

    def note(self, heartbeat: ProcessorHeartbeat) -> None:
        """Have this said from now on; the processor's own thread comes by after its cycles."""
        self._noted = heartbeat, time.monotonic()

    def run(self) -> None:
        """Say it at once, and again and again."""
        self._say()
        while not self._stop_asked.wait(self._every_s):
            self._say()
        self._say(stopped=True)

    def _say(self, *, stopped: bool = False) -> None:
        heartbeat, noted_at = self._noted
        try:
            self._heartbeats.keep(heartbeat, time.monotonic() - noted_at, stopped=stopped)
            self._failing = False
        except Exception as error:
            # Said once, not every two seconds.
            if not self._failing and not stopped:
                log.warning("could not leave a sign of life: %s", error)
            self._failing = True
