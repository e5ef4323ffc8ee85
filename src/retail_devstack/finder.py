"""The stack that runs here; the pipeline's commands use it if no address is set."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from retail_devstack.home import Home
from retail_pipeline.errors import RetailError

# These imports are slow; most commands find no stack.
if TYPE_CHECKING:
    from retail_devstack.stack import Stack
    from retail_pipeline.operations.health_reads import Service

Services = Callable[[], "list[Service]"]


def running_stack(partly: bool = False) -> tuple[str, dict[str, str], Services] | None:
    """Return a line that names the stack in ``RETAIL_HOME``, its variables, and its services.

    None if its servers don't run, or if its state file can't be read. With ``partly``, a stack
    that was started and not stopped is enough.
    """
    try:
        home = Home.from_environment()
        if not home.state_file.exists():
            return None
        from retail_devstack.environment import known_env
        from retail_devstack.stack import Stack

        stack = Stack(home)
        runs = bool(stack.state.processes) if partly else stack.works()
        if not (runs and (env := known_env(stack))):
            return None
    except (RetailError, OSError):
        return None
    kafka, mongodb = stack.address("kafka"), stack.address("mongodb")
    line = f"Using the local stack in {home.root} (Kafka {kafka}, MongoDB {mongodb})."
    return line, env, lambda: _services(stack)


def _services(stack: Stack) -> list[Service]:
    """Return how each process of the stack fares, without a request to it."""
    from retail_devstack.stack import MONITORING, SERVERS, SERVICES

    stack.reload()
    stack.find_lost()
    watchers = filter(stack.process, MONITORING)
    return [_service(stack, name) for name in (*SERVERS, *SERVICES, *watchers)]


def _service(stack: Stack, name: str) -> Service:
    import psutil

    from retail_devstack.processes import find
    from retail_devstack.status import ended
    from retail_pipeline.operations.health_reads import Service

    live = find(stack.process(name))
    if live is None:
        state, ok = ended(stack, name)
        started = stack.process(name) is not None
        command = _start_again(stack, name)
        return Service(name=name, state=state, ok=ok, started=started, command=command)
    if live.status() == psutil.STATUS_STOPPED:
        state, command = f"suspended (process {live.pid})", f"kill -CONT {live.pid}"
        return Service(name=name, state=state, ok=False, pid=live.pid, command=command)
    return Service(name=name, state="runs", ok=True, pid=live.pid)


def _start_again(stack: Stack, name: str) -> str:
    """Return the command that starts what does not run; a producer resumes where it stopped."""
    data = stack.state.data if name == "producer" else []
    options = [f"--data {shlex.quote(path)}" for path in data] or ["--no-stream"]
    if stack.process("dashboard") is None:
        options.append("--no-dashboard")
    return f"retail local up --detach {' '.join(options)}"
