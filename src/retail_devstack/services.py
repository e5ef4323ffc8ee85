"""The pipeline's own processes on the stack: set-up, processor, producer, dashboard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence

from retail_devstack.environment import (
    metrics_env,
    metrics_name,
    process_env,
    stack_env,
    target_file,
)
from retail_devstack.ports import HOST
from retail_devstack.stack import Stack
from retail_pipeline.adapters.dashboard import ask_dashboard
from retail_pipeline.adapters.sources.files import find_files
from retail_pipeline.errors import PermanentError, UsageError
from retail_pipeline.flows.waiting import wait_while
from retail_pipeline.sample.generator import SAMPLE_ROWS, SAMPLE_SEED
from retail_pipeline.settings import expand_user

_DASHBOARD_LIMIT = 60.0


def set_up(stack: Stack) -> None:
    """Create topics, collections and indexes, as the set-up service does in Compose."""
    stack.say("Setting up topics and collections ...")
    _run(stack, "setup", ["setup"])


def start_processor(stack: Stack) -> None:
    """Start the processor."""
    stack.say("Starting the processor ...")
    stack.spawn("processor", _command(stack, "processor", ["process"]), _env(stack, "processor"))


def start_producer(stack: Stack, paths: Sequence[str], *, yes: bool = False) -> None:
    """Start to stream ``paths``; with ``yes`` they may replace the sample.

    Raises:
        UsageError: the previous producer is still running.
    """
    if stack.alive("producer"):
        raise UsageError(
            "the producer is still sending the previous data:"
            " wait for it with `retail local wait --timeout 600`"
        )
    stack.state.data = list(paths)
    stack.say(f"Streaming {', '.join(paths)} ...")
    arguments = ["produce", *paths, *(["--yes"] if yes else [])]
    command = _command(stack, "producer", arguments)
    _name_target(stack)
    stack.spawn("producer", command, _env(stack, "producer"))


def start_exporter(stack: Stack) -> None:
    """Start the exporter of the metrics."""
    arguments = ["metrics", "--port", str(stack.state.ports["exporter"])]
    env = {**process_env(stack), "METRICS_ADDRESS": HOST}
    stack.spawn("exporter", _command(stack, "exporter", arguments), env)


def start_dashboard(stack: Stack) -> None:
    """Start the dashboard; it needs some seconds until it answers."""
    stack.say("Starting the dashboard ...")
    arguments = ["dashboard", "--port", str(stack.state.ports["dashboard"])]
    stack.spawn("dashboard", _command(stack, "dashboard", arguments), _env(stack, "dashboard"))


def await_dashboard(stack: Stack) -> str:
    """Wait until the dashboard answers, and return its address.

    Raises:
        PermanentError: it doesn't start.
    """
    url = stack_env(stack)["DASHBOARD_URL"]

    def starting() -> bool:
        return not dashboard_answers(url) and stack.alive("dashboard")

    wait_while(starting, _DASHBOARD_LIMIT, every_s=0.3)
    if not dashboard_answers(url):
        raise PermanentError(f"the dashboard doesn't start; {stack.end_of_log('dashboard')}")
    return url


def dashboard_answers(url: str) -> bool:
    """Return whether the dashboard's health check succeeds."""
    try:
        return bool(ask_dashboard(url))
    except PermanentError:
        return False


def sample(stack: Stack) -> str:
    """Return the path of the sample; make the file at the first use."""
    path = stack.home.sample
    if not path.exists():
        stack.say(f"Making a sample of {SAMPLE_ROWS:,} rows ...")
        draft = path.with_name("sample.new.csv")
        numbers = ["--rows", str(SAMPLE_ROWS), "--seed", str(SAMPLE_SEED)]
        _run(stack, "sample", ["sample", *numbers, "--output", str(draft)])
        draft.replace(path)
    return str(path)


def absolute(paths: Sequence[str], say: Callable[[str], None]) -> list[str]:
    """Return ``paths`` (files, folders or globs) as absolute ones; report what is not read.

    Raises:
        UsageError: one of the names stands for nothing that can be read.
    """
    for path in paths:
        find_files([path], say)
    return [os.path.abspath(expand_user(path)) for path in paths]


def holds_files(path: str) -> bool:
    """Return whether there is a file to stream under the name of a file, a folder or a glob."""
    try:
        return bool(find_files([path]))
    except UsageError:
        return False


def exit_status(stack: Stack, part: str) -> int | None:
    """Return the exit status of ``part``; None if it runs or was killed."""
    try:
        return int(stack.home.exit_file(part).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _env(stack: Stack, part: str) -> dict[str, str]:
    return {**process_env(stack), **metrics_env(stack, part)}


def _name_target(stack: Stack) -> None:
    """Tell Prometheus where the producer serves its metrics, if it does."""
    name, file = metrics_name("producer"), target_file(stack.home)
    if name in stack.state.ports:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([{"targets": [stack.address(name)]}]), "utf-8")


def _command(stack: Stack, part: str, arguments: Sequence[str]) -> list[str]:
    exit_file = str(stack.home.exit_file(part))
    return [sys.executable, "-m", "retail_devstack.child", exit_file, *arguments]


def _run(stack: Stack, part: str, arguments: Sequence[str]) -> None:
    """Run a short step to its end; its output goes to its log."""
    with open(stack.home.log(part), "wb") as log:
        done = subprocess.run(
            _command(stack, part, arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=process_env(stack),
        )
    if done.returncode != 0:
        raise PermanentError(f"`retail {arguments[0]}` has failed; {stack.end_of_log(part)}")
