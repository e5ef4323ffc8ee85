"""The quick look on a timer, beside the processor: of many processors, one looks at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Protocol

from retail_pipeline.domain.reconciliation import Reconciliation, Verdict

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 10.0
# A look may take one part in so many of the time: a large database is looked at less often.
_DURATIONS_BETWEEN_RUNS = 20


class Results(Protocol):
    """Where results are kept, and who may look next is decided."""

    def claim(self) -> bool:
        """Return whether a look is due; if so, nobody else is told so for a while."""

    def keep(self, result: Reconciliation, next_in_s: float | None = None) -> None:
        """Keep the result; the next look is due in ``next_in_s`` seconds."""


class Reconciler(Thread):
    """Looks every ``every_s`` seconds until ``stop`` is set; no failure of it stops anything."""

    def __init__(
        self,
        look: Callable[[], Reconciliation],
        results: Results,
        every_s: float,
        stop: Event,
    ) -> None:
        super().__init__(name="reconciler", daemon=True)
        self._look = look
        self._results = results
        self._every_s = every_s
        self._stop_asked = stop
        self._verdict: Verdict | None = None

    def run(self) -> None:
        """Ask now and then whether a look is due, and do it then."""
        while not self._stop_asked.wait(min(self._every_s, _LONGEST_PAUSE_S)):
            # Whatever it is: rows are stored all the same, and the age of the result tells.
            try:
                if self._results.claim():
                    self._reconcile_once()
            except Exception as error:
                log.warning("could not reconcile: %s", error)

    def _reconcile_once(self) -> None:
        result = self._look()
        pause = max(self._every_s, result.seconds * _DURATIONS_BETWEEN_RUNS)
        self._results.keep(result, pause)
        # Said once, not every minute.
        if result.verdict is Verdict.DIFFER and self._verdict is not Verdict.DIFFER:
            first = result.differences[0]
            log.warning(
                "the ledger differs: %s: %s; `retail reconcile` names the rows",
                first.name or first.place,
                first.detail,
            )
        self._verdict = result.verdict
