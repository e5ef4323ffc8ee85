"""Retries of transient errors: capped exponential back-off with jitter; each try is logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_never,
    stop_when_event_set,
    wait_random_exponential,
)
from tenacity.stop import stop_base

from retail_pipeline.errors import TransientError

log = logging.getLogger(__name__)
_LONGEST_WAIT_S = 10


class StopAfterStalled(stop_base):
    """Stops ``seconds`` after the first of several failures in a row; progress resets it.

    It is for a call that may take hours, such as sending a whole source to Kafka: time with
    progress does not count.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._failing_since: float | None = None

    def renew(self) -> None:
        """Forget the failures so far, since there was progress."""
        self._failing_since = None

    def __call__(self, state: RetryCallState) -> bool:
        """Return, after another failure, whether to stop."""
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        return now - self._failing_since >= self._seconds


def retrying(
    stop: Event, give_up_after_s: float | None = None, *, stop_after_stalled: stop_base = stop_never
) -> Retrying:
    """Return a retrier of transient errors that ends when ``stop`` is set.

    It raises the last error ``give_up_after_s`` seconds after its first try, or when
    ``stop_after_stalled`` says so; without both it retries until ``stop`` is set.
    """
    limit = stop_never if give_up_after_s is None else stop_after_delay(give_up_after_s)
    return Retrying(
        retry=retry_if_exception_type(TransientError),
        wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT_S),
        stop=stop_when_event_set(stop) | limit | stop_after_stalled,
        sleep=sleep_using_event(stop),
        before_sleep=_log,
        reraise=True,
    )


def _log(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    log.warning(
        "%s; try %d failed, next in %.1f s",
        *(error, state.attempt_number, wait),
        extra={"tries": state.attempt_number, "next_in_s": round(wait, 1)},
    )
