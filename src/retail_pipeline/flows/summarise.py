"""Keeps the rollups up to date beside the processor, which never waits for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread

from tenacity import Retrying

from retail_pipeline.flows.ports import Summaries

log = logging.getLogger(__name__)
_SECONDS_BETWEEN_LOOKS = 0.25
# Most of a rebuild is MongoDB's work: another one is asked for meanwhile.
_AT_ONCE = 2
# While rows wait in Kafka, so many times as long as each rebuild took is theirs alone: a rebuild
# takes more out of MongoDB than storing the day's rows did.
_REST = 4


class Summariser(Thread):
    """Rebuilds marked days until ``stop`` is set; then the rest of them is left to whoever asks.

    ``behind`` is set while rows wait in Kafka: storing them comes first, then. ``failure`` holds
    the error that ended it early; it sets ``stop`` then, so that the processor ends with it.
    """

    def __init__(
        self,
        summaries: Summaries,
        retry: Retrying,
        stop: Event,
        behind: Event,
        *,
        at_once: int = _AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="summariser", daemon=True)
        self._summaries = summaries
        self._retry = retry
        self._stop_asked = stop
        self._behind = behind
        self._at_once = at_once
        self._clock = clock
        self.failure: Exception | None = None

    def run(self) -> None:
        """Rebuild what is due, and look again a quarter of a second after there was nothing."""
        self._guarded(self._mark_outdated)
        # Daemons, as this thread is: a rebuild that MongoDB never answers must not hold up a stop.
        rebuilding = [
            Thread(target=self._guarded, args=(self._rebuild_due,), name="rebuild", daemon=True)
            for _ in range(self._at_once)
        ]
        for thread in rebuilding:
            thread.start()
        for thread in rebuilding:
            thread.join()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # whatever it is: days would go unsummarised, and nobody hear
            if not self._stop_asked.is_set():
                self.failure = error
                self._stop_asked.set()

    def _mark_outdated(self) -> None:
        if old := self._retry(self._summaries.mark_outdated):
            log.info("summarising %d days anew, as this release does", old)

    def _rebuild_due(self) -> None:
        while not self._stop_asked.is_set():
            began = self._clock()
            if not self._retry(self._summaries.rebuild_next):
                self._stop_asked.wait(_SECONDS_BETWEEN_LOOKS)
            elif self._behind.is_set():
                self._stop_asked.wait(_REST * (self._clock() - began))
