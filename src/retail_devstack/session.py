"""Bringing the whole pipeline up, and down."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from retail_devstack import processes, services
from retail_devstack.environment import current_names, known_env, stack_env
from retail_devstack.home import Busy
from retail_devstack.output import announce
from retail_devstack.processes import Process
from retail_devstack.sample import holds_sample, why_no_sample
from retail_devstack.signals import uninterruptible
from retail_devstack.stack import SERVERS, STOP_ORDER, Stack
from retail_devstack.users import secure
from retail_pipeline.cli.produce.sample_rule import confirm_replacement
from retail_pipeline.errors import PermanentError

# Seconds for which another command may hold the lock: a moment, to see whether one does; and until
# it has stopped everything.
_MOMENT = 1.0
_PATIENCE = 60.0


T = TypeVar("T")


@dataclass(frozen=True)
class UpOptions:
    """What ``retail local up`` was asked for."""

    data: Sequence[str] = ()
    stream: bool = True
    dashboard: bool = True
    detach: bool = False
    yes: bool = False


@dataclass(frozen=True)
class Outcome:
    """What ``retail local up`` has found and done."""

    was_running: bool
    dashboard_url: str | None
    streams: bool


def run(stack: Stack, options: UpOptions, stay: Callable[[Outcome], T]) -> T:
    """Start whatever of the pipeline is not running, then ``stay``, and return what that returns.

    Whatever ends it, what it started is stopped: at the end of ``stay``, or at once if the start
    fails or is interrupted. A stack that ran before is left running, as is one that was asked to
    be (``detach``).

    Raises:
        PermanentError: a part doesn't start; the text shows the end of its log.
        UsageError: the data isn't there, or would replace the sample and nobody said yes, or the
            producer still has other data to send.
    """
    data = services.absolute(options.data, stack.say)
    stack.home.create()
    owned: list[str] = []
    try:
        with stack.home.locked(_MOMENT):
            stack.reload()
            stack.find_lost()
            stack.check()
            owned += [part for part in STOP_ORDER if not stack.alive(part)]
            was_running = not {*SERVERS, "processor"} & set(owned)
            if was_running:
                stack.say(
                    f"The stack in {stack.home.root} is running already; it is used as it is."
                )
            try:
                outcome = _start(stack, options, data, was_running)
            except BaseException:
                with uninterruptible():
                    stack.shut_down(owned)
                owned.clear()
                raise
            if was_running or options.detach:
                owned.clear()
        return stay(outcome)
    finally:
        if owned:
            with uninterruptible():
                bring_down(stack)


def bring_down(stack: Stack) -> list[str] | None:
    """Stop everything; return the parts that had to be killed, or None if nothing ran.

    A command that is still starting the stack is stopped first. Nothing that fails on the way, the
    lock, the state or the output, keeps the processes from being stopped.

    Raises:
        PermanentError: parts go on running, because this user may not stop them.
    """
    with _lock_to_stop(stack):
        stack.reload()
        stack.find_lost()
        if not stack.state.processes:
            return None
        ran = any(map(stack.alive, STOP_ORDER))
        killed = stack.shut_down()
        return killed if ran else None


@contextmanager
def _lock_to_stop(stack: Stack) -> Iterator[None]:
    """Hold the home's lock if it can be had within the time that another command has to end."""
    with ExitStack() as held:
        try:
            held.enter_context(stack.home.locked(_MOMENT))
        except Busy:
            announce(stack.say, "Another command is starting or stopping the stack; waiting ...")
            _end(stack.home.holder())
            with suppress(PermanentError):
                held.enter_context(stack.home.locked(_PATIENCE))
        except PermanentError:
            pass  # a read-only or deleted folder: nobody can start anything in it
        yield


def _end(holder: Process | None) -> None:
    """End the command that holds the lock; it stops what it has started, and has the time to."""
    if holder is not None and holder.pid != os.getpid():
        processes.stop(holder, _PATIENCE, family=False)


def _start(stack: Stack, options: UpOptions, data: list[str], was_running: bool) -> Outcome:
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
    streams = options.stream and not was_running and stack.alive("producer")
    chosen, yes = _data_to_stream(stack, options, data, was_running)
    if not stack.alive("processor"):
        services.start_processor(stack)
    shown = stack.alive("dashboard")
    if options.dashboard and not shown:
        services.start_dashboard(stack)
    if chosen:
        services.start_producer(stack, chosen, yes=yes)
    url = services.await_dashboard(stack) if options.dashboard or shown else None
    return Outcome(was_running, url, streams or bool(chosen))


def _data_to_stream(
    stack: Stack, options: UpOptions, data: list[str], was_running: bool
) -> tuple[list[str], bool]:
    """Return what to start a producer with, if with anything, and whether it replaces the sample.

    That is the data named, else what was streamed before and may be unfinished, else the sample.
    """
    if not options.stream or (not data and (was_running or stack.alive("producer"))):
        return [], False
    chosen = data or _data_of_last_time(stack)
    if not chosen or chosen == [str(stack.home.sample)] or not holds_sample(stack):
        return chosen, options.yes
    confirm_replacement(", ".join(chosen), options.yes)
    return chosen, True


def _data_of_last_time(stack: Stack) -> list[str]:
    """Return what was streamed last, else the sample if it has a place; say why if it has none."""
    own = [path for path in stack.state.data if path != str(stack.home.sample)]
    if there := [path for path in own if services.holds_files(path)]:
        return there
    if own:
        stack.say(f"{', '.join(own)}: no file is there now. What was stored is kept and shown.")
    if why := why_no_sample(stack):
        stack.say(f"No sample is streamed: {why}.")
        return []
    return [services.sample(stack)]
