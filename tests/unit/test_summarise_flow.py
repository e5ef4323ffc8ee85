"""The summariser rebuilds what is due, survives what passes, and ends the processor otherwise."""

from __future__ import annotations

from threading import Event

from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.flows.retry import retrying
from retail_pipeline.flows.summarise import Summariser


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


def run(*outcomes: bool | Exception) -> Summariser:
    stop = Event()
    retry = retrying(stop).copy(wait=lambda state: 0)
    summariser = Summariser(FakeSummaries(stop, *outcomes), retry, stop)
    summariser.run()
    assert stop.is_set()
    return summariser


def test_due_days_are_rebuilt_one_after_the_other() -> None:
    assert run(True, True, False, True).rebuilt == 3


def test_a_transient_error_is_tried_again() -> None:
    summariser = run(TransientError("away"), True)
    assert summariser.rebuilt == 1 and summariser.failure is None


def test_a_permanent_error_stops_the_processor_and_is_kept() -> None:
    error = PermanentError("no rights")
    assert run(True, error).failure is error
