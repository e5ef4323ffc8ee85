"""Keeps the rollups up to date beside the processor, which never waits for them.

Rows are stored whatever happens here: no error of the summaries ends the processor.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type

from retail_pipeline.errors import TransientError
from retail_pipeline.flows.ports import Summaries

T = TypeVar("T")
log = logging.getLogger(__name__)
_SECONDS_BETWEEN_CHECKS = 0.25
# Most of a rebuild is MongoDB's work: another one is asked for meanwhile.
_AT_ONCE = 2
# While rows wait in Kafka, so many times as long as each rebuild took is theirs alone: a rebuild
# takes more out of MongoDB than storing the day's rows did.
REST_FACTOR = 4


class Summariser(Thread):
    """Rebuilds marked days until ``stop`` is set; then the rest of them is left to whoever asks.

    ``behind`` is set while rows wait in Kafka: storing them comes first, then. Whatever fails is
    tried again with back-off. ``failure`` is the error that keeps every day from being
    summarised, for as long as it lasts; servers that are away are none.
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
        self._retry = retry.copy(retry=retry_if_exception_type(Exception))
        self._stop_asked = stop
        self._behind = behind
        self._at_once = at_once
        self._clock = clock
        self.failure: Exception | None = None

    def run(self) -> None:
        """Rebuild what is due, and look again a quarter of a second after there was nothing."""
        self._until_stopped(self._mark_outdated)
        # Daemons, as this thread is: a rebuild that MongoDB never answers must not hold up a stop.
        rebuilding = [
            Thread(
                target=self._until_stopped, args=(self._rebuild_due,), name="rebuild", daemon=True
            )
            for _ in range(self._at_once)
        ]
        for thread in rebuilding:
            thread.start()
        for thread in rebuilding:
            thread.join()

    def _until_stopped(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # an attempt gives up once it is stopped, and not before
            if not self._stop_asked.is_set():
                raise

    def _attempt(self, work: Callable[[], T]) -> T:
        """Do ``work``, again and again until it succeeds."""
        done: T = self._retry(self._watched, work)
        return done

    def _watched(self, work: Callable[[], T]) -> T:
        try:
            done = work()
        except TransientError:
            raise
        except Exception as error:
            self.failure = error
            raise
        self.failure = None
        return done

    def _mark_outdated(self) -> None:
        if old := self._attempt(self._summaries.mark_outdated):
            log.info("summarising %d days anew, as this release does", old)

    def _rebuild_due(self) -> None:
        while not self._stop_asked.is_set():
            began = self._clock()
            if not self._attempt(self._summaries.rebuild_next):
                self._stop_asked.wait(_SECONDS_BETWEEN_CHECKS)
            elif self._behind.is_set():
                self._stop_asked.wait(REST_FACTOR * (self._clock() - began))
