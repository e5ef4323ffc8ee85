"""Processes that outlive their starter: recognised, stopped in time, never mistaken for others."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from retail_devstack import ports, processes
from retail_devstack.child import run
from retail_devstack.processes import Process
from retail_pipeline.errors import PermanentError

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True);"


class Starter:
    """Starts Python snippets as the stack starts its parts."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "part.log"
        self.started: list[Process] = []

    def __call__(self, code: str) -> Process:
        process = processes.spawn([sys.executable, "-c", code], self.log, os.environ)
        self.started.append(process)
        return process

    def wait_for(self, text: str) -> str:
        deadline = time.monotonic() + 10
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return self.log.read_text()


def until(true: Callable[[], bool]) -> None:
    """Return once it is ``true``: a signal takes its moment to do what it does."""
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    starter = Starter(tmp_path)
    yield starter
    for process in starter.started:
        processes.stop(process, 0)


def test_a_started_process_is_alive_until_it_is_stopped(start: Starter) -> None:
    process = start("import time; print('up', flush=True); time.sleep(60)")
    assert processes.alive(process)
    start.wait_for("up")
    assert processes.memory_mb(process) > 1
    assert processes.stop(process, grace=10)
    assert not processes.alive(process)
    assert processes.memory_mb(process) == 0


def test_a_process_that_ended_but_was_not_collected_is_not_alive(start: Starter) -> None:
    process = start("pass")
    until(lambda: not processes.alive(process))


def test_another_process_with_the_same_id_is_left_alone(start: Starter) -> None:
    process = start("import time; time.sleep(60)")
    recycled = Process(process.pid, process.created - 3600)
    assert not processes.alive(recycled)
    assert processes.stop(recycled, grace=0)
    assert processes.alive(process)


def test_a_process_that_ignores_the_request_is_killed_with_all_that_it_started(
    start: Starter,
) -> None:
    process = start(
        f"{STUBBORN} import subprocess, sys;"
        " child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        " print('child', child.pid, 'started', flush=True); time.sleep(60)"
    )
    child = int(start.wait_for("started").split()[2])
    assert not processes.stop(process, grace=0.2)
    assert not processes.alive(process)
    until(lambda: not psutil.pid_exists(child) or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_no_process_at_all_is_not_alive_and_needs_no_stopping() -> None:
    assert not processes.alive(None)
    assert processes.stop(None, 0)
    assert processes.memory_mb(None) == 0


def test_the_previous_log_is_kept_beside_the_new_one(start: Starter, tmp_path: Path) -> None:
    start("print('first', flush=True)")
    start.wait_for("first")
    start("print('second', flush=True)")
    start.wait_for("second")
    assert (tmp_path / "part.log.1").read_text() == "first\n"


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="/no/such/java can't be started"):
        processes.spawn(["/no/such/java"], tmp_path / "log", {})


def test_the_end_of_a_log_is_short_whatever_the_log_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert processes.last_lines(log) == ""
    log.write_bytes(b"x\xff" * 100_000 + b"\nlast\n")
    assert processes.last_lines(log, 2).splitlines()[-1] == "    last"
    assert len(processes.last_lines(log)) < 1_000


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["no-such-command"], 2)])
def test_a_child_leaves_its_exit_status_behind(
    arguments: list[str], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv)
    assert run(tmp_path / "exit", arguments) == status
    assert (tmp_path / "exit").read_text() == f"{status}\n"


def test_a_free_port_stays_the_same_and_a_taken_one_is_replaced() -> None:
    import socket

    port = ports.pick(None)
    assert ports.pick(port) == port
    with socket.create_server((ports.HOST, port)):
        assert ports.answers(port)
        assert not ports.is_free(port)
        assert ports.pick(port) != port
    assert not ports.answers(port)


def test_no_port_is_picked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "sample", lambda *_: [20_001, 20_002])
    monkeypatch.setattr(ports, "is_free", lambda _: True)
    assert ports.pick(None, taken=[20_001]) == 20_002
    with pytest.raises(PermanentError, match="no free port"):
        ports.pick(None, taken=[20_001, 20_002])
