"""Another try for what may mend itself: capped exponential back-off with jitter, in the log."""

from __future__ import annotations

import logging
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

from retail_pipeline.errors import TransientError

log = logging.getLogger(__name__)
_LONGEST_WAIT_S = 10


def retrying(stop: Event, give_up_after_s: float | None = None) -> Retrying:
    """Return a retrier of transient errors that ends when ``stop`` is set.

    ``give_up_after_s`` seconds after its first try it raises the last error; never, if None.
    """
    patience = stop_never if give_up_after_s is None else stop_after_delay(give_up_after_s)
    return Retrying(
        retry=retry_if_exception_type(TransientError),
        wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT_S),
        stop=stop_when_event_set(stop) | patience,
        sleep=sleep_using_event(stop),
        before_sleep=_say,
        reraise=True,
    )


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    log.warning("%s; try %d failed, next in %.1f s", error, state.attempt_number, wait)
