"""One loop waits for the work of another process: until nothing is left, a limit or a stop."""

from __future__ import annotations

from threading import Event

from retail_pipeline.flows.waiting import wait_while


def test_the_wait_ends_when_nothing_is_left() -> None:
    left = iter([3, 1, 0, 7])
    assert wait_while(lambda: next(left), 60, every_s=0) == 0
    assert next(left) == 7


def test_after_the_limit_the_wait_returns_what_is_left() -> None:
    calls: list[int] = []

    def left() -> str:
        calls.append(1)
        return "2 records"

    assert wait_while(left, 0) == "2 records"
    assert len(calls) == 1


def test_a_stop_ends_the_wait() -> None:
    stop = Event()
    stop.set()
    assert wait_while(lambda: 5, 60, every_s=60, stop=stop) == 5
