"""What an observation has when some of the servers are slow or away."""

from __future__ import annotations

from threading import Event

import pytest

from retail_pipeline.errors import TransientError
from retail_pipeline.operations.observer import Observer, at_most_every


def test_what_can_not_be_read_is_none_with_the_reason_and_the_rest_is_there() -> None:
    def away() -> None:
        raise TransientError("Kafka at a:1 does not answer")

    observer = Observer({"group": away, "dirty_days": lambda: 3})
    seen = observer.observe()
    assert seen.dirty_days == 3 and seen.group is None
    assert seen.problems == {"group": "Kafka at a:1 does not answer"}
    observer.close()


def test_a_server_that_hangs_is_asked_once_and_its_answer_is_used_later() -> None:
    go, calls = Event(), []

    def hangs() -> int:
        calls.append(1)
        go.wait(60)
        return 7

    observer = Observer({"dirty_days": hangs}, wait_s=0.05)
    for _ in range(3):
        assert observer.observe().problems == {"dirty_days": "no answer within 0.05 s"}
    go.set()
    until = 200
    while (seen := observer.observe()).dirty_days is None:
        until -= 1
        assert until
    assert seen.dirty_days == 7 and len(calls) == 1
    observer.close()


def test_while_a_server_is_asked_again_the_reason_stays_until_it_answers() -> None:
    go, calls = Event(), []

    def fails_then_hangs() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise TransientError("Kafka at a:1 does not answer")
        go.wait(60)
        return 7

    observer = Observer({"dirty_days": fails_then_hangs}, wait_s=0.2)
    for _ in range(3):
        assert observer.observe().problems == {"dirty_days": "Kafka at a:1 does not answer"}
    go.set()
    observer._reading["dirty_days"].result(60)
    assert observer.observe().dirty_days == 7
    go.clear()
    assert observer.observe().problems == {"dirty_days": "no answer within 0.2 s"}
    go.set()
    observer.close()


def test_an_error_in_the_program_itself_is_not_taken_for_a_server_that_is_away() -> None:
    observer = Observer({"group": lambda: [][0]})
    with pytest.raises(IndexError):
        observer.observe()
    observer.close()


def test_a_result_is_used_again_for_a_while_and_an_error_is_not() -> None:
    calls: list[int] = []

    def read() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise TransientError("away")
        return len(calls)

    slow, always = at_most_every(600, read), at_most_every(0, lambda: calls.append(1))
    with pytest.raises(TransientError):
        slow()
    assert [slow(), slow(), len(calls)] == [2, 2, 2]
    always()
    always()
    assert len(calls) == 4
