"""Writes a processor's heartbeat in a thread of its own, so that it never delays a batch."""

from __future__ import annotations

import time
from functools import partial
from threading import Event
from typing import Protocol

from retail_pipeline.domain.heartbeat import ProcessorHeartbeat
from retail_pipeline.flows.periodic import Periodic

SECONDS_BETWEEN_HEARTBEATS = 2.0


class Heartbeats(Protocol):
    """Where heartbeats are kept."""

    def keep(self, heartbeat: ProcessorHeartbeat, quiet_s: float, *, stopped: bool = False) -> None:
        """Replace the last heartbeat of the same processor.

        Raises:
            TransientError, PermanentError: the database is away, or refuses.
        """


class HeartbeatTimer(Periodic):
    """Writes the last noted heartbeat every two seconds until ``stop`` is set, then a last one."""

    def __init__(
        self,
        heartbeats: Heartbeats,
        first: ProcessorHeartbeat,
        stop: Event,
        every_s: float = SECONDS_BETWEEN_HEARTBEATS,
    ) -> None:
        last = partial(self._keep, stopped=True)
        super().__init__("heartbeat", self._keep, stop, every_s, last=last)
        self._heartbeats = heartbeats
        self.note(first)

    def note(self, heartbeat: ProcessorHeartbeat) -> None:
        """Set what is written from now on; the processor calls this after its cycles."""
        self._noted = heartbeat, time.monotonic()

    def _keep(self, *, stopped: bool = False) -> None:
        heartbeat, noted_at = self._noted
        self._heartbeats.keep(heartbeat, time.monotonic() - noted_at, stopped=stopped)
