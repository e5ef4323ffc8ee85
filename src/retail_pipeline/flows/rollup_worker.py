"""Keeps the rollups up to date beside the processor, which never waits for them.

An error of the rollups does not end the processor: rows are stored all the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Lock

from tenacity import Retrying, retry_if_exception_type

from retail_pipeline.errors import TransientError
from retail_pipeline.flows.periodic import Periodic
from retail_pipeline.flows.ports import Rollups

log = logging.getLogger(__name__)
_SECONDS_BETWEEN_CHECKS = 0.25
# Most of a rebuild is MongoDB's work: two rebuilds run at a time.
_THREADS = 2
# While rows wait in Kafka, a worker rests four times as long as its last rebuild took: a rebuild
# costs MongoDB more than storing the day's rows did.
REST_FACTOR = 4


class RollupWorker:
    """Rebuilds marked days; what fails is tried again with back-off.

    ``behind`` is set while rows wait in Kafka: storing them comes first. ``failure`` is the error
    that prevents every rebuild, for as long as it lasts; a server that is away is not one.
    """

    def __init__(
        self,
        rollups: Rollups,
        retry: Retrying,
        behind: Event,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rollups = rollups
        self._retry = retry.copy(retry=retry_if_exception_type(Exception))
        self._behind = behind
        self._clock = clock
        self._turn = Lock()
        self._outdated_marked = False
        self.failure: Exception | None = None

    def workers(self, stop: Event, threads: int = _THREADS) -> list[Periodic]:
        """Return the threads that rebuild days until ``stop`` is set."""
        return [Periodic("rebuild of a day", self.rebuild, stop) for _ in range(threads)]

    def rebuild(self) -> float:
        """Rebuild a day that is due, if any; return the seconds until the next rebuild."""
        with self._turn:
            if not self._outdated_marked:
                if old := self._attempt(self._rollups.mark_outdated):
                    log.info(
                        "%d days are summarised again, by this release", old, extra={"days": old}
                    )
                self._outdated_marked = True
        began = self._clock()
        if not self._attempt(self._rollups.rebuild_next):
            return _SECONDS_BETWEEN_CHECKS
        return REST_FACTOR * (self._clock() - began) if self._behind.is_set() else 0.0

    def _attempt(self, work: Callable[[], int]) -> int:
        return int(self._retry(self._noting_failure, work))

    def _noting_failure(self, work: Callable[[], int]) -> int:
        try:
            done = work()
        except Exception as error:
            if not isinstance(error, TransientError):
                self.failure = error
            raise
        self.failure = None
        return done
