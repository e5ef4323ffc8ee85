"""Stopping depends on nothing: real signals to ``retail local``, on servers that only sleep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from retail_pipeline.local.discovery import find_parts
from retail_pipeline.local.home import Home
from retail_pipeline.local.processes import stop
from retail_pipeline.local.state import load_state

PATIENCE_S = 60.0
UP = ("up", "--no-dashboard", "--no-stream")


class Local:
    """Runs ``retail local`` on sleeping servers in one folder."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home", folder)
        self.env = {
            **os.environ,
            "RETAIL_HOME": str(self.home.root),
            "RETAIL_CACHE": str(folder),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        self.commands: list[subprocess.Popen[bytes]] = []
        self.log = folder / "output"

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        if "stderr" not in options:
            options["stderr"] = open(self.log, "ab")
        command = [sys.executable, "-m", "tests.sleeping_stack", *arguments]
        process = subprocess.Popen(command, env=self.env, cwd=self.home.cache, **options)
        self.commands.append(process)
        return process

    def up(self, never_ready: str = "", **options: Any) -> subprocess.Popen[bytes]:
        """Start ``up`` and wait until it starts the server ``never_ready``, or is up."""
        self.env["NEVER_READY"] = never_ready
        process = self.start(*UP, **options)
        wanted = f"Starting {never_ready}" if never_ready else "The pipeline is up."
        until(lambda: wanted in self.said() or process.poll() is not None, self.said)
        return process

    def down(self) -> tuple[int, str]:
        done = self.start("down", stderr=subprocess.PIPE)
        _, error = done.communicate(timeout=PATIENCE_S)
        return done.returncode, error.decode()

    def saved(self) -> list[str]:
        state = load_state(self.home)
        return list(state.processes) if state else []

    def running(self) -> list[str]:
        return sorted(find_parts(self.home))

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


def until(true: Callable[[], bool], why: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, why()
        time.sleep(0.02)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    made = Local(tmp_path)
    yield made
    for command in made.commands:
        command.kill()
        command.wait()
    for found in find_parts(made.home).values():
        for process in found:
            stop(process, 0)


@pytest.mark.parametrize(
    ("moment", "number"),
    [("zookeeper", signal.SIGINT), ("kafka", signal.SIGTERM), ("", signal.SIGHUP)],
)
def test_a_signal_at_any_moment_stops_all_that_was_started(
    local: Local, moment: str, number: signal.Signals
) -> None:
    up = local.up(moment)
    up.send_signal(number)
    up.send_signal(number)
    assert up.wait(PATIENCE_S) == (130 if moment else 0), local.said()
    assert local.running() == []
    assert local.saved() == []
