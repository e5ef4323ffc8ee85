"""Starts and stops the whole pipeline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from retail_devstack import monitoring, processes, services
from retail_devstack.environment import current_names, known_env, stack_env
from retail_devstack.home import Busy
from retail_devstack.output import announce
from retail_devstack.sample import holds_sample, why_no_sample
from retail_devstack.signals import uninterruptible
from retail_devstack.stack import SERVERS, STOP_ORDER, Stack
from retail_devstack.users import ensure_stack_users
from retail_pipeline.cli.produce.sample_rule import confirm_replacement
from retail_pipeline.errors import PermanentError

# Seconds to wait for the lock: a moment, to see whether another command has it; and until that
# command has stopped everything.
_MOMENT = 1.0
_STOP_LIMIT = 60.0


T = TypeVar("T")


@dataclass(frozen=True)
class UpOptions:
    """The options of ``retail local up``."""

    data: Sequence[str] = ()
    stream: bool = True
    dashboard: bool = True
    detach: bool = False
    yes: bool = False
    monitoring: bool = False


@dataclass(frozen=True)
class Outcome:
    """The result of ``retail local up``'s start."""

    was_running: bool
    dashboard_url: str | None
    streams: bool


def run(stack: Stack, options: UpOptions, stay: Callable[[Outcome], T]) -> T:
    """Start the parts of the pipeline that don't run, call ``stay``, and return its result.

    At the end of ``stay``, or if the start fails or is interrupted, this stops what it started. A
    stack that ran before keeps running, and so does one with the option ``detach``.

    Raises:
        PermanentError: a part doesn't start; the text shows the end of its log.
        UsageError: there is no program for the monitoring, or the data doesn't exist, or would
            replace the sample and the user declines, or the producer still has other data to send.
    """
    data = services.absolute(options.data, stack.say)
    programs: dict[str, str] = {}
    if options.monitoring or monitoring.wanted(stack):
        programs = monitoring.find_programs(stack)
    stack.home.create()
    if "alertmanager" in programs:
        monitoring.write_routes(stack)
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
                outcome = _start(stack, options, data, was_running, programs)
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

    A command that is still starting the stack is stopped first. The processes are stopped even if
    the lock, the state or the output fails.

    Raises:
        PermanentError: parts keep running, because this user may not stop them.
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
    """Lock the home if that succeeds within the time that another command has to end."""
    with ExitStack() as lock:
        try:
            lock.enter_context(stack.home.locked(_MOMENT))
        except Busy:
            announce(stack.say, "Another command is starting or stopping the stack; waiting ...")
            holder = stack.home.holder()
            if holder is not None and holder.pid != os.getpid():
                # It gets the time to stop what it has started.
                processes.stop(holder, _STOP_LIMIT, family=False)
            with suppress(PermanentError):
                lock.enter_context(stack.home.locked(_STOP_LIMIT))
        except PermanentError:
            pass  # a read-only or deleted folder: no command can start anything in it
        yield


def _start(
    stack: Stack,
    options: UpOptions,
    data: list[str],
    was_running: bool,
    programs: Mapping[str, str],
) -> Outcome:
    before = known_env(stack)
    stack.start_servers()
    stack.state.names = current_names()
    stack.save()
    env = stack_env(stack)
    # Always: somebody may have changed a password or a right meanwhile.
    ensure_stack_users(stack.state, env["MONGO_DATABASE"])
    if not was_running or env != before:
        services.set_up(stack)
    if env != before:
        # They still use the addresses of their start.
        stack.stop(["exporter", "producer", "processor", "dashboard"])
    monitoring.choose_ports(stack, bool(programs))
    streams = options.stream and not was_running and stack.alive("producer")
    chosen, yes = _data_to_stream(stack, options, data, was_running)
    if not stack.alive("processor"):
        services.start_processor(stack)
    shown = stack.alive("dashboard")
    if options.dashboard and not shown:
        services.start_dashboard(stack)
    if chosen:
        services.start_producer(stack, chosen, yes=yes)
    if programs:
        monitoring.start(stack, programs)
    url = services.await_dashboard(stack) if options.dashboard or shown else None
    return Outcome(was_running, url, streams or bool(chosen))


def _data_to_stream(
    stack: Stack, options: UpOptions, data: list[str], was_running: bool
) -> tuple[list[str], bool]:
    """Return the producer's data, perhaps none, and whether it may replace the sample.

    That is the named data, else the data streamed before, which may be unfinished, else the sample.
    """
    if not options.stream or (not data and (was_running or stack.alive("producer"))):
        return [], False
    chosen = data or _data_of_last_time(stack)
    if not chosen or chosen == [str(stack.home.sample)] or not holds_sample(stack):
        return chosen, options.yes
    confirm_replacement(", ".join(chosen), options.yes)
    return chosen, True


def _data_of_last_time(stack: Stack) -> list[str]:
    """Return the data streamed last, else the sample if it is allowed; else say why it is not."""
    own = [path for path in stack.state.data if path != str(stack.home.sample)]
    if there := [path for path in own if services.holds_files(path)]:
        return there
    if own:
        stack.say(f"{', '.join(own)}: no file is there now. The stored data is kept and shown.")
    if why := why_no_sample(stack):
        stack.say(f"No sample is streamed: {why}.")
        return []
    return [services.sample(stack)]
