"""Stopping depends on nothing: real signals to ``retail local``, on servers that only sleep."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from retail_devstack.home import Home
from retail_devstack.process_search import find_parts
from retail_devstack.processes import stop
from retail_devstack.signals import Interrupted, deferred, interruptible, uninterruptible
from retail_devstack.state import load_state
from tests.paths import ROOT

LIMIT_S = 180.0
UP = ("up", "--no-dashboard", "--no-stream")


class Local:
    """Runs ``retail local`` on sleeping servers in one folder."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home", folder)
        self.env = {
            **os.environ,
            "RETAIL_HOME": str(self.home.root),
            "RETAIL_CACHE": str(folder),
            "PYTHONPATH": str(ROOT),
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
        until(lambda: wanted in self.output() or process.poll() is not None, self.output)
        return process

    def down(self) -> tuple[int, str]:
        done = self.start("down", stderr=subprocess.PIPE)
        _, error = done.communicate(timeout=LIMIT_S)
        return done.returncode, error.decode()

    def saved(self) -> list[str]:
        state = load_state(self.home)
        return list(state.processes) if state else []

    def running(self) -> list[str]:
        return sorted(find_parts(self.home))

    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


def until(true: Callable[[], bool], why: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + LIMIT_S
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
    assert up.wait(LIMIT_S) == (130 if moment else 0), local.output()
    assert local.running() == []
    assert local.saved() == []


def test_a_closed_pipe_does_not_keep_the_stack_from_stopping(local: Local) -> None:
    """As in ``make demo 2>&1 | tee log``: Ctrl-C ends tee first."""
    up = local.start(*UP, stderr=subprocess.PIPE)
    assert up.stderr is not None
    assert any(b"The pipeline is up." in line for line in up.stderr)
    up.stderr.close()
    up.send_signal(signal.SIGINT)
    assert up.wait(LIMIT_S) == 0
    assert local.running() == []


def test_a_blocked_output_does_not_keep_the_stack_from_stopping(
    local: Local, tmp_path: Path
) -> None:
    """As in ``make demo 2>&1 | less`` when nobody reads on, or after Ctrl-S."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer, filler = os.open(fifo, os.O_WRONLY), os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    up = local.start(*UP, stderr=writer)
    until(lambda: "processor" in local.saved())
    with suppress(BlockingIOError):
        while True:
            os.write(filler, b"x" * 512)
    up.send_signal(signal.SIGINT)
    until(lambda: local.running() == [])
    os.close(reader)
    assert up.wait(LIMIT_S) in (0, 130)


def test_a_terminal_that_is_closed_stops_the_stack(local: Local) -> None:
    terminal, end = pty.openpty()
    up = local.start(
        *UP,
        stderr=end,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(end, termios.TIOCSCTTY, 0),
    )
    os.close(end)
    output = b""
    while b"The pipeline is up." not in output:
        output += os.read(terminal, 1024)
    os.close(terminal)
    up.wait(LIMIT_S)
    assert local.running() == []
    assert local.saved() == []


def test_a_full_disk_does_not_keep_the_stack_from_stopping(local: Local) -> None:
    up = local.up()
    # No file of this one process may grow: neither the state nor the output can be written.
    psutil.Process(up.pid).rlimit(psutil.RLIMIT_FSIZE, (0, 0))
    up.send_signal(signal.SIGINT)
    assert up.wait(LIMIT_S) == 0
    assert local.running() == []
    assert "processor" in local.saved(), "the state was not written"
    assert local.down()[0] == 0


def test_a_folder_that_nothing_can_be_written_to_any_more_does_not_keep_the_stack_from_stopping(
    local: Local,
) -> None:
    up = local.up()
    local.home.root.rename(local.home.root.with_name("away"))
    local.home.root.touch()
    up.send_signal(signal.SIGINT)
    assert up.wait(LIMIT_S) == 0, local.output()
    moved = Home(local.home.root.with_name("away"), local.home.cache)
    assert find_parts(local.home) == find_parts(moved) == {}


def test_closed_standard_streams_are_not_mixed_up_with_the_state(local: Local) -> None:
    """As in ``retail local up >&- 2>&-``."""
    up = local.start(*UP, stderr=None, preexec_fn=lambda: os.closerange(0, 3))
    until(lambda: "processor" in local.saved())
    holder = local.home.holder()
    assert holder is not None and holder.pid == up.pid
    up.send_signal(signal.SIGINT)
    up.wait(LIMIT_S)
    assert local.running() == [] and local.saved() == []


def test_what_a_killed_up_has_left_running_is_used_by_the_next_one_and_stopped_by_down(
    local: Local,
) -> None:
    up = local.up("kafka")
    until(lambda: local.running() == ["kafka", "zookeeper"])
    up.kill()
    up.wait()
    left = find_parts(local.home)
    local.log.unlink()
    again = local.up()
    again.kill()
    again.wait()
    now = find_parts(local.home)
    assert {part: now[part] for part in left} == left
    assert sorted(now) == ["kafka", "mongodb", "processor", "zookeeper"]
    status, output = local.down()
    assert status == 0 and "Stopping zookeeper" in output
    assert local.running() == []


@pytest.mark.parametrize("suspended", [False, True])
def test_down_ends_a_start_that_is_under_way_even_a_suspended_one(
    local: Local, suspended: bool
) -> None:
    up = local.up("kafka")
    if suspended:
        up.send_signal(signal.SIGSTOP)
    assert local.down()[0] == 0
    assert up.wait(LIMIT_S) == 130
    assert local.running() == [] and local.saved() == []


@pytest.fixture
def _signals_restored() -> Iterator[None]:
    numbers = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_signals_restored")
def test_a_closed_terminal_changes_nothing_under_nohup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interruptible():
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.usefixtures("_signals_restored")
def test_an_interrupt_stops_what_a_script_has_started_in_the_background() -> None:
    """The shell starts it with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interruptible(), pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("_signals_restored")
def test_signals_in_quick_succession_are_one_request() -> None:
    with interruptible():
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)
        with uninterruptible():
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("_signals_restored")
def test_a_step_that_must_not_be_left_half_done_ends_before_the_interruption() -> None:
    done: list[str] = []
    with interruptible():
        with pytest.raises(Interrupted), deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("started and remembered")
    assert done


def test_an_exit_status_that_cannot_be_written_changes_nothing_else(tmp_path: Path) -> None:
    """As when the disk is full, or the folder is gone."""
    missing = tmp_path / "gone" / "processor.exit"
    command = [sys.executable, "-m", "retail_devstack.child", str(missing), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("retail ")


DOWNLOAD = """
import sys, threading, time
from pathlib import Path
from types import SimpleNamespace
import jgo.maven
from retail_devstack.jars import kafka_jars
from retail_devstack.signals import Interrupted, interruptible

def resolve():
    print("downloading", flush=True)
    threading.Event().wait()

endless = SimpleNamespace(artifact=SimpleNamespace(resolve=resolve), scope="compile")
resolver = SimpleNamespace(resolve=lambda wanted: ([endless], []))
jgo.maven.MavenContext = lambda **_: SimpleNamespace(
    resolver=resolver, create_dependency=lambda coordinate: coordinate
)
with interruptible():
    try:
        kafka_jars(Path(sys.argv[1]), print)
    except Interrupted:
        sys.exit(130)
"""


def test_a_download_is_interrupted_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DOWNLOAD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as download:
        assert download.stdout is not None
        assert any(b"downloading" == line.strip() for line in download.stdout)
        download.send_signal(signal.SIGINT)
        try:
            assert download.wait(LIMIT_S) == 130
        finally:
            download.kill()
    assert list(tmp_path.iterdir()) == []
