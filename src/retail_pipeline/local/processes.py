"""Processes that outlive the command which started them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from retail_pipeline.errors import PermanentError
from retail_pipeline.local.state import Process

_CLOCK_SLACK = 2.0


def spawn(
    command: Sequence[str | Path], log: Path, env: Mapping[str, str], cwd: Path | None = None
) -> Process:
    """Start ``command`` in a session of its own, its output in ``log``.

    Its own session keeps a terminal's Ctrl-C away from it: the stack stops its parts in order.
    The previous log is kept beside the new one.
    """
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    try:
        with open(log, "ab") as output:
            started = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
    except OSError as error:
        raise PermanentError(f"{command[0]} can't be started: {error.strerror}") from error
    # Popen would warn that it is dropped while its process runs, which is the very purpose.
    started.returncode = 0
    try:
        return Process(started.pid, psutil.Process(started.pid).create_time())
    except psutil.NoSuchProcess:
        return Process(started.pid, 0.0)


def find(process: Process | None) -> psutil.Process | None:
    """Return the live process that ``process`` describes, or None if it has ended."""
    if process is None:
        return None
    try:
        live = psutil.Process(process.pid)
        if abs(live.create_time() - process.created) > _CLOCK_SLACK:
            return None
        return None if _has_ended(live) else live
    except psutil.NoSuchProcess:
        return None


def _has_ended(live: psutil.Process) -> bool:
    """Tell whether it only waits for its parent to notice; if that's us, notice."""
    if live.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
        return False
    with suppress(psutil.TimeoutExpired):
        live.wait(0)
        return True
    # A server's first thread may be done while others still write to its files.
    return live.num_threads() <= 1


def alive(process: Process | None) -> bool:
    """Tell whether the process still runs."""
    return find(process) is not None


def stop(process: Process | None, grace: float) -> bool:
    """Ask the process to end, and after ``grace`` seconds end it, with all that it started.

    Returns:
        Whether it ended by itself (or had ended before).
    """
    live = find(process)
    if live is None:
        return True
    family: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        family = live.children(recursive=True)
        live.terminate()
    willing = _ends_within(process, grace)
    for left in (live, *family):
        with suppress(psutil.NoSuchProcess):
            left.kill()
    _ends_within(process, 5)
    return willing


def _ends_within(process: Process | None, seconds: float) -> bool:
    """Wait for the end; what its parent has not collected yet has ended all the same."""
    deadline = time.monotonic() + seconds
    while alive(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True


def memory_mb(process: Process | None) -> float:
    """Return the resident memory of the process and of all that it started, in MB."""
    live = find(process)
    total = 0
    with suppress(psutil.NoSuchProcess):
        for member in (live, *live.children(recursive=True)) if live else ():
            total += member.memory_info().rss
    return total / 1e6


def last_lines(log: Path, count: int = 12) -> str:
    """Return the end of a log, to show beside an error; empty if there is no log."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - 64 * 1024))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(f"    {line[:400]}" for line in lines[-count:])
