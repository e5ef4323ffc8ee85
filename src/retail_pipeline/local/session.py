"""Bringing the whole pipeline up, and down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retail_pipeline.local import services
from retail_pipeline.local.environment import current_names, known_env, stack_env
from retail_pipeline.local.signals import uninterruptible
from retail_pipeline.local.stack import SERVERS, STOP_ORDER, Stack
from retail_pipeline.local.users import secure

_PATIENCE = 60.0


@dataclass(frozen=True)
class Wishes:
    """What ``retail local up`` was asked for."""

    data: Sequence[str] = ()
    stream: bool = True
    dashboard: bool = True


@dataclass(frozen=True)
class Outcome:
    """What ``retail local up`` has found and done."""

    was_running: bool
    dashboard_url: str | None
    streams: bool


def bring_up(stack: Stack, wishes: Wishes) -> Outcome:
    """Start whatever of the pipeline is not running.

    What it started is stopped again if it fails or is interrupted.

    Raises:
        PermanentError: a part doesn't start; the text shows the end of its log.
        UsageError: the data isn't there, or the producer still has other data to send.
    """
    data = services.absolute(wishes.data)
    stack.home.create()
    with stack.home.locked():
        stack.reload()
        idle = [part for part in STOP_ORDER if not stack.alive(part)]
        was_running = not {*SERVERS, "processor"} & set(idle)
        if was_running:
            stack.say(f"The stack in {stack.home.root} is running already; it is used as it is.")
        try:
            return _start(stack, wishes, data, was_running)
        except BaseException:
            with uninterruptible():
                stack.shut_down(idle)
            raise


def bring_down(stack: Stack) -> list[str] | None:
    """Stop everything; return the parts that had to be killed, or None if nothing ran."""
    if not stack.home.root.exists():
        return None
    with stack.home.locked(_PATIENCE):
        stack.reload()
        if not any(stack.alive(part) for part in stack.state.processes):
            stack.shut_down()
            return None
        return stack.shut_down()


def _start(stack: Stack, wishes: Wishes, data: list[str], was_running: bool) -> Outcome:
    before = known_env(stack)
    stack.start_servers()
    stack.state.names = current_names()
    stack.save()
    env = stack_env(stack)
    if not was_running or env != before:
        secure(stack.state, env["MONGO_DATABASE"])
        services.set_up(stack)
    if env != before:
        # They hold the addresses with which they were started.
        stack.stop(["producer", "processor", "dashboard"])
    if not stack.alive("processor"):
        services.start_processor(stack)
    shown = stack.alive("dashboard")
    if wishes.dashboard and not shown:
        services.start_dashboard(stack)
    streams = _stream(stack, wishes, data, was_running)
    url = services.await_dashboard(stack) if wishes.dashboard or shown else None
    return Outcome(was_running, url, streams)


def _stream(stack: Stack, wishes: Wishes, data: list[str], was_running: bool) -> bool:
    """Stream the data named, else what was streamed before and may be unfinished, else a sample."""
    if not wishes.stream or (was_running and not data):
        return False
    if not data and stack.alive("producer"):
        return True
    if not data:
        data = [path for path in stack.state.data if services.exists(path)]
    services.start_producer(stack, data or [services.sample(stack)])
    return True
