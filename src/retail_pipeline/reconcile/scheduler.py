"""The count check on a timer, beside the processor; of many processors one runs it at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event
from typing import Protocol

from retail_pipeline.domain.reconciliation import Reconciliation, Verdict
from retail_pipeline.flows.periodic import Periodic

log = logging.getLogger(__name__)
_LONGEST_PAUSE_S = 10.0
# The pause is this many times as long as the check took: a large database is checked less often.
_DURATIONS_BETWEEN_RUNS = 20


class Results(Protocol):
    """Where results are kept, and which processor runs the next check is decided."""

    def claim(self) -> bool:
        """Return whether a check is due; if so, no other processor gets True for a while."""

    def keep(self, result: Reconciliation, next_in_s: float | None = None) -> None:
        """Keep the result; the next check is due in ``next_in_s`` seconds."""


class Reconciler(Periodic):
    """Checks every ``every_s`` seconds until ``stop`` is set, if a check is due then."""

    def __init__(
        self, check: Callable[[], Reconciliation], results: Results, every_s: float, stop: Event
    ) -> None:
        pause = min(every_s, _LONGEST_PAUSE_S)
        super().__init__("count check", self._reconcile, stop, pause, run_now=False)
        self._check = check
        self._results = results
        self._least_s = every_s
        self._verdict: Verdict | None = None

    def _reconcile(self) -> None:
        if not self._results.claim():
            return
        result = self._check()
        pause = max(self._least_s, result.seconds * _DURATIONS_BETWEEN_RUNS)
        self._results.keep(result, pause)
        # Logged once, not every minute.
        if result.verdict is Verdict.DIFFER and self._verdict is not Verdict.DIFFER:
            first = result.differences[0]
            log.warning(
                "the count check found a difference: %s: %s; `retail reconcile` names the rows",
                first.name or first.place,
                first.detail,
                extra={"source": first.source, "place": first.place},
            )
        self._verdict = result.verdict
