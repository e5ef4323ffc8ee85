"""The rollup worker rebuilds what is due, and no error of it ends the processor."""

from __future__ import annotations

from itertools import count
from threading import Event, Semaphore, current_thread

import pytest

from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.flows.retry import retrying
from retail_pipeline.flows.rollup_worker import RollupWorker


class FakeSummaries:
    def __init__(self, stop: Event, *outcomes: bool | Exception) -> None:
        self.stop = stop
        self.outcomes = list(outcomes)

    def mark_outdated(self) -> int:
        return 0

    def rebuild_next(self) -> bool:
        if not self.outcomes:
            self.stop.set()
            return False
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def pending(self) -> int:
        return len(self.outcomes)

    def failed(self) -> list[FailedDay]:
        return []


class Stop(Event):
    """Notes how long was waited, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


def run(*outcomes: bool | Exception) -> RollupWorker:
    rollup_worker, _ = waits(*outcomes, behind=False)
    return rollup_worker


def waits(*outcomes: bool | Exception, behind: bool) -> tuple[RollupWorker, list[float]]:
    """Run through the outcomes, each rebuild taking a second; return what was waited, too."""
    stop, waiting = Stop(), Event()
    if behind:
        waiting.set()
    retry = retrying(stop).copy(wait=lambda state: 0)
    seconds = count()
    fake = FakeSummaries(stop, *outcomes)
    rollup_worker = RollupWorker(fake, retry, waiting, clock=lambda: float(next(seconds)))
    [worker] = rollup_worker.workers(stop, threads=1)
    worker.run()
    assert stop.is_set() and not fake.outcomes
    return rollup_worker, [seconds for seconds in stop.waits if seconds]


def test_due_days_are_rebuilt_one_after_the_other() -> None:
    assert run(True, True, False, True).failure is None


def test_a_transient_error_is_tried_again() -> None:
    rollup_worker = run(TransientError("away"), True)
    assert rollup_worker.failure is None


@pytest.mark.parametrize("error", [PermanentError("no rights"), KeyError("entries")])
def test_an_error_that_stays_is_reported_and_tried_again_while_the_processor_goes_on(
    error: Exception,
) -> None:
    reported: list[Exception | None] = []
    stop = Stop()

    class Failing(FakeSummaries):
        def rebuild_next(self) -> bool:
            reported.append(rollup_worker.failure)
            return super().rebuild_next()

    fake = Failing(stop, True, error, error, True)
    retry = retrying(stop).copy(wait=lambda state: 0)
    rollup_worker = RollupWorker(fake, retry, Event())
    [worker] = rollup_worker.workers(stop, threads=1)
    worker.run()
    assert reported == [None, None, error, error, None]
    assert not fake.outcomes and rollup_worker.failure is None


def test_while_rows_wait_in_kafka_each_rebuild_is_followed_by_a_longer_rest() -> None:
    _, waited = waits(True, True, behind=True)
    assert waited[:2] == [4.0, 4.0]


def test_with_no_rows_waiting_days_are_rebuilt_without_a_rest() -> None:
    _, waited = waits(True, True, behind=False)
    assert 4.0 not in waited


def test_a_rebuild_that_is_never_answered_does_not_hold_up_a_stop() -> None:
    stop, begun, daemons = Event(), Semaphore(0), []

    class Hanging(FakeSummaries):
        def rebuild_next(self) -> bool:
            daemons.append(current_thread().daemon)
            begun.release()
            return stop.wait(30)

    for worker in RollupWorker(Hanging(stop), retrying(stop), Event()).workers(stop):
        worker.start()
    assert begun.acquire(timeout=10) and begun.acquire(timeout=10)
    stop.set()
    assert daemons[:2] == [True, True]
