"""The count check on a timer, beside the processor; of many processors one runs it at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Protocol

from retail_pipeline.domain.reconciliation import Reconciliation, Verdict

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 10.0
# A check may take one part in so many of the time: a large database is checked less often.
_DURATIONS_BETWEEN_RUNS = 20


class Results(Protocol):
    """Where results are kept, and which processor runs the next check is decided."""

    def claim(self) -> bool:
        """Return whether a check is due; if so, no other processor gets True for a while."""

    def keep(self, result: Reconciliation, next_in_s: float | None = None) -> None:
        """Keep the result; the next check is due in ``next_in_s`` seconds."""


class Reconciler(Thread):
    """Checks every ``every_s`` seconds until ``stop`` is set; a failure of it stops nothing."""

    def __init__(
        self,
        check: Callable[[], Reconciliation],
        results: Results,
        every_s: float,
        stop: Event,
    ) -> None:
        super().__init__(name="reconciler", daemon=True)
        self._check = check
        self._results = results
        self._every_s = every_s
        self._stop_asked = stop
        self._verdict: Verdict | None = None

    def run(self) -> None:
        """Ask regularly whether a check is due, and run it then."""
        while not self._stop_asked.wait(min(self._every_s, _LONGEST_PAUSE_S)):
            # Whatever it is: rows are stored all the same, and the age of the result shows it.
            try:
                if self._results.claim():
                    self._reconcile_once()
            except Exception as error:
                log.warning("the count check failed: %s", error)

    def _reconcile_once(self) -> None:
        result = self._check()
        pause = max(self._every_s, result.seconds * _DURATIONS_BETWEEN_RUNS)
        self._results.keep(result, pause)
        # Logged once, not every minute.
        if result.verdict is Verdict.DIFFER and self._verdict is not Verdict.DIFFER:
            first = result.differences[0]
            log.warning(
                "the count check found a difference: %s: %s; `retail reconcile` names the rows",
                first.name or first.place,
                first.detail,
            )
        self._verdict = result.verdict
