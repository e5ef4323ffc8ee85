"""Waits until all sent rows are stored and summarised, or until that is impossible."""

from __future__ import annotations

from collections.abc import Callable

from retail_devstack.backlog import Backlog, Gauge
from retail_devstack.environment import settings_of, stack_env
from retail_devstack.services import exit_status
from retail_devstack.stack import SERVERS, Stack
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.flows.waiting import wait_while


def wait(stack: Stack, timeout: float, show: Callable[[str], None]) -> Backlog:
    """Return the backlog once it is empty and the producer has ended.

    Raises:
        PermanentError: a part has failed, days can't be summarised, or the time is over; the text
            says what is missing.
    """
    check(stack)
    with Gauge(settings_of(stack_env(stack))) as gauge:
        last = Backlog(0, 0, 0)

        def missing() -> str:
            nonlocal last
            check(stack)
            producing = stack.alive("producer")
            try:
                last = gauge.read()
            except TransientError as error:
                text = str(error)
            else:
                if not producing and (last.empty or last.stuck):
                    return ""
                text = str(last) + (", the producer is still running" if producing else "")
            show(text)
            return text

        if text := wait_while(missing, timeout):
            raise PermanentError(f"not done after {timeout:g} s: {text}")
    if last.stuck:
        raise PermanentError(str(last))
    return last


def check(stack: Stack) -> None:
    """Check that every needed part runs.

    Raises:
        PermanentError: a part that is needed has ended, or the state is damaged.
    """
    stack.reload()
    stack.check()
    for part in (*SERVERS, "processor"):
        if not stack.alive(part):
            raise PermanentError(f"{part} is not running: `retail local up` starts it")
    if problem := producer_problem(stack):
        raise PermanentError(problem)


def producer_problem(stack: Stack) -> str | None:
    """Return why the producer ended before its work was done, or None if it did not."""
    if stack.process("producer") is None or stack.alive("producer"):
        return None
    status = exit_status(stack, "producer")
    if status == 0:
        return None
    how = "was killed" if status is None else f"has failed with exit status {status}"
    return f"the producer {how}; {stack.end_of_log('producer')}"
