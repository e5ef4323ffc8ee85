"""A process under measurement: its time, its CPU, its largest memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


def load() -> str:
    """Return the machine's load over 1, 5 and 15 minutes, as reports show it."""
    return ", ".join(f"{value:.1f}" for value in os.getloadavg())


@dataclass(frozen=True)
class Usage:
    """What a process took: wall and CPU seconds, and its peak resident memory in MB."""

    seconds: float
    cpu: float
    peak_mb: float


class Measured:
    """A child process, from its start to its end."""

    def __init__(self, arguments: list[str], env: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._began = time.monotonic()
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments], env=dict(env), stdout=output, stderr=output
            )

    def wait(self) -> Usage:
        """Return what it took when it has ended by itself.

        Raises:
            RuntimeError: it failed; the text has the end of its log.
        """
        _, status, usage = os.wait4(self._process.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        self._process.returncode = code
        if code != 0:
            raise RuntimeError(f"exit status {code}: {self._log.read_text()[-1000:]}")
        seconds = time.monotonic() - self._began
        return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

    def stop(self) -> Usage:
        """Ask it to end (SIGTERM), and return what it took."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()


@dataclass(frozen=True)
class Arrival:
    """Rows seen in the database between two moments."""

    rows: int
    seconds: float


def watch(count: Callable[[], int], rows: int, limit_s: float = 1_800) -> Arrival:
    """Watch ``count`` grow to ``rows``; return the growth from the first sight of any on.

    What comes before (imports, joining the group) is not speed.
    """
    until = time.monotonic() + limit_s
    first, began = 0, 0.0
    while time.monotonic() < until:
        seen, now = count(), time.monotonic()
        if seen and not first:
            first, began = seen, now
        if seen >= rows:
            return Arrival(rows - first, max(now - began, 1e-9))
        time.sleep(0.05)
    raise RuntimeError(f"only {count()} of {rows} rows came in {limit_s} s")
