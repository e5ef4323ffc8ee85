"""A background thread that calls a task regularly beside a flow, which never waits for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

log = logging.getLogger(__name__)


class Periodic(Thread):
    """Calls ``task`` until ``stop`` is set, at once and then every ``every_s`` seconds.

    ``what`` names the task in the log. The task may return the seconds until its next call, in
    place of ``every_s``. ``last`` is called once after ``stop`` is set.

    If a call fails, the thread goes on. The error is logged once, until a call succeeds or fails
    with another type of error. The thread is a daemon: a call that a server never answers does not
    delay a shutdown.
    """

    def __init__(
        self,
        what: str,
        task: Callable[[], float | None],
        stop: Event,
        every_s: float = 0.0,
        *,
        run_now: bool = True,
        last: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(name=what, daemon=True)
        self._task, self._last = task, last
        self._stop_asked = stop
        self._every_s = every_s
        self._first_in_s = 0.0 if run_now else every_s
        self._failure: type[Exception] | None = None

    def run(self) -> None:
        """Call the task again and again."""
        pause = self._first_in_s
        while not self._stop_asked.wait(pause):
            pause = self._call(self._task)
        if self._last:
            self._call(self._last)

    def _call(self, task: Callable[[], float | None]) -> float:
        pause, failure = None, None
        try:
            pause = task()
        except Exception as error:
            failure = type(error)
            if failure is not self._failure and not self._stop_asked.is_set():
                log.warning("the %s failed: %s", self.name, error, extra={"task": self.name})
        self._failure = failure
        return self._every_s if pause is None else pause
