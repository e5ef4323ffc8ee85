"""``retail monitor`` as a program, on saved reports: plain lines, JSON, and the live screen."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path

import msgspec
import pytest

from retail_pipeline.cli.monitor.saved import SaveFile
from retail_pipeline.operations.report import Report
from tests.paths import ROOT
from tests.unit.cli.monitor.reports import report

ALTERNATE_SCREEN, MAIN_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    """Five reports of a backlog that drains, one each 1,000 seconds."""
    file = SaveFile(tmp_path / "incident.jsonl")
    for number in range(5):
        file.append(report(number * 1_000, lag=80 - number * 20))
    file.close()
    return tmp_path / "incident.jsonl"


def monitor(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "monitor.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_pipe_gets_plain_lines_that_are_not_broken(incident: Path) -> None:
    done = monitor("--replay", str(incident), "--once")
    verdict, figures, *table = done.stdout.splitlines()
    assert verdict == (
        "12:00:00Z  DRAINING: 90 records wait, 10 are stored each second; done in about 9 s;"
        " retail_transactions[1] of retail-processor-shop-7"
    )
    assert figures.startswith("lag 80 records, oldest 12 s, in 0/s, out 10/s, processors 1,")
    assert [line.split()[0] for line in table] == [
        "partition",
        "retail_transactions[0]",
        "retail_transactions[1]",
    ]
    assert table[2].split()[2:] == ["4,910", "5,000", "90", "12", "s", "hot"]
    assert "\x1b" not in done.stdout and done.returncode == 0


def test_json_is_one_report_a_line_and_ends_with_the_condition(incident: Path) -> None:
    done = monitor(
        *("--replay", str(incident), "--speed", "10000", "--format", "json", "--until", "lag<=40")
    )
    lags = [msgspec.json.decode(line, type=Report).lag for line in done.stdout.splitlines()]
    assert lags == [80, 60, 40] and done.returncode == 0


@pytest.mark.parametrize(
    ("condition", "status"),
    [(["--fail-on", "lag<50"], 1), (["--until", "lag=0"], 0), (["--until", "members=9"], 1)],
)
def test_the_exit_status_says_whether_the_condition_held(
    incident: Path, condition: list[str], status: int
) -> None:
    done = monitor("--replay", str(incident), "--speed", "10000", "--no-watch", *condition)
    assert done.returncode == status


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--once", "--duration", "5"], "--once observes once"),
        (["--watch"], "--watch needs a terminal"),
        (["--replay", "x", "--save", "y"], "leave out --save"),
        (["--until", "speed>1"], "is no condition"),
        (["--replay", "/nowhere.jsonl"], "/nowhere.jsonl: can't be read"),
    ],
)
def test_a_mistake_ends_it_with_status_2_and_one_line(options: list[str], words: str) -> None:
    done = monitor(*options)
    assert done.returncode == 2 and done.stdout == ""
    assert words in done.stderr and len(done.stderr.splitlines()) == 1


@dataclass
class Terminal:
    """A monitor on a terminal of 80 columns and 24 lines."""

    process: subprocess.Popen[bytes]
    descriptor: int
    before: list[object]
    output: bytes = field(default=b"")

    def expect(self, words: bytes) -> None:
        """Read until ``words`` are printed after what was read before."""
        start, until = len(self.output), time.monotonic() + 60
        while words not in self.output[start:]:
            assert time.monotonic() < until, self.output[start:].decode()
            if select.select([self.descriptor], [], [], 0.2)[0]:
                self.output += os.read(self.descriptor, 65_536)

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self.descriptor, key.encode())

    def ended(self) -> int:
        """Return the exit status; the terminal has its screen and its settings again."""
        status = self.process.wait(60)
        while select.select([self.descriptor], [], [], 0.2)[0]:
            self.output += os.read(self.descriptor, 65_536)
        assert self.output.count(ALTERNATE_SCREEN) == self.output.count(MAIN_SCREEN) == 1
        assert termios.tcgetattr(self.descriptor) == self.before
        return status


@pytest.fixture
def terminal(incident: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    main, other = pty.openpty()
    ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(main)
    environment = os.environ | {"TERM": "xterm"} | getattr(request, "param", {})
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "monitor.py"), "--replay", str(incident)],
        stdin=other,
        stdout=other,
        stderr=other,
        env=environment,
    )
    yield Terminal(process, main, before)
    process.kill()
    process.wait()
    os.close(main)
    os.close(other)


def test_the_live_screen_turns_its_pages_by_keys_and_leaves_the_terminal_as_it_was(
    terminal: Terminal,
) -> None:
    terminal.expect(b"q quit")
    assert ALTERNATE_SCREEN in terminal.output and b"DRAINING" in terminal.output
    for key, words in (
        ("2", b"p50 0.25 s, p95 0.50 s, p99 0.75 s"),
        ("3", b"150 % of 200 %"),
        ("4", "█".encode()),
        ("1", b"retail_transactions[1]"),
        ("p", b"PAUSED"),
    ):
        terminal.press(key)
        terminal.expect(words)
    terminal.press("q")
    assert terminal.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_the_terminal_is_as_it_was(
    terminal: Terminal, number: signal.Signals
) -> None:
    terminal.expect(b"q quit")
    terminal.process.send_signal(number)
    assert terminal.ended() == 0


@pytest.mark.parametrize(
    "terminal", [{"PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}], indirect=True
)
def test_without_colour_and_with_ascii_alone_the_history_is_drawn_too(terminal: Terminal) -> None:
    terminal.expect(b"q quit")
    terminal.press("4")
    terminal.expect(b"@")
    assert terminal.output.isascii()
    assert b"\x1b[31m" not in terminal.output and b"\x1b[1;3" not in terminal.output
    terminal.press("q")
    assert terminal.ended() == 0
