"""The status: what runs, where, with how much memory, and what can't be summarised."""

from __future__ import annotations

from dataclasses import dataclass

from pymongo.errors import PyMongoError
from rich.table import Table

from retail_devstack import processes
from retail_devstack.environment import settings_of, stack_env
from retail_devstack.ports import answers
from retail_devstack.sample import shows_sample
from retail_devstack.services import exit_status
from retail_devstack.stack import MONITORING, SERVERS, SERVICES, Stack
from retail_pipeline.adapters.dashboard import ask_dashboard
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.failed_days import summaries_left
from retail_pipeline.errors import PermanentError

_NEEDED = (*SERVERS, "processor")
_ANSWER_MS = 2_000


@dataclass(frozen=True)
class Part:
    """One line of the table; ``problem`` describes in full what is wrong."""

    name: str
    state: str
    ok: bool
    pid: int | None = None
    address: str | None = None
    memory_mb: float = 0.0
    problem: str | None = None


def parts(stack: Stack) -> list[Part]:
    """Return every part of the stack; one is for the summaries, if some can't be made."""
    watchers = filter(stack.process, MONITORING)
    found = [_status(stack, name) for name in (*SERVERS, *SERVICES, *watchers)]
    mongodb_answers = any(each.name == "mongodb" and each.ok for each in found)
    problem = _summaries_problem(stack) if mongodb_answers else None
    if problem:
        found.append(Part("summaries", "incomplete", False, problem=problem))
    if mongodb_answers and shows_sample(stack):
        found.append(Part("data", "the made-up sample (no real sales)", True))
    return found


def as_table(found: list[Part]) -> Table:
    """Return the parts for a person."""
    table = Table("part", "state", "pid", "address", box=None, pad_edge=False)
    table.add_column("memory", justify="right")
    for part in found:
        state = part.state if part.ok else f"[red]{part.state}[/red]"
        memory = f"{part.memory_mb:,.0f} MB" if part.memory_mb else ""
        table.add_row(part.name, state, str(part.pid or ""), part.address or "", memory)
    return table


def _summaries_problem(stack: Stack) -> str | None:
    """Return what can't be summarised; None if MongoDB does not answer."""
    settings = settings_of(stack_env(stack))
    with connect(settings.mongo("reader"), name="status", timeout_ms=_ANSWER_MS) as client:
        try:
            return summaries_left(client[settings.mongo_database])[1]
        except PyMongoError:
            return None


def _status(stack: Stack, name: str) -> Part:
    process = stack.process(name)
    port = stack.state.ports.get(name)
    if not processes.alive(process) or process is None:
        state, ok = ended(stack, name)
        return Part(name, state, ok)
    problem = _problem(stack, name, port)
    scheme = "mongodb://" if name == "mongodb" else "" if name in SERVERS else "http://"
    return Part(
        name,
        problem or "running",
        problem is None,
        process.pid,
        f"{scheme}{stack.address(name)}" if port else None,
        round(processes.memory_mb(process), 1),
    )


def _problem(stack: Stack, name: str, port: int | None) -> str | None:
    """Return why a running part does not work; None if it does."""
    if port is None:
        return None
    if not answers(port):
        return "not answering"
    try:
        if name == "dashboard":
            ask_dashboard(f"http://{stack.address(name)}")
    except PermanentError as error:
        return str(error)
    return None


def ended(stack: Stack, name: str) -> tuple[str, bool]:
    """Return the state of a part that does not run, and whether that is as it should be."""
    if stack.process(name) is None:
        return "stopped", name not in _NEEDED
    status = exit_status(stack, name)
    if status is None:
        return "ended unexpectedly", False
    state = f"failed with exit status {status}" if status else "finished"
    return state, name == "producer" and status == 0
