"""Processes that outlive the command which started them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil

from retail_pipeline.errors import PermanentError
from retail_pipeline.flows.waiting import wait_while

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# A time of creation is rounded differently from release to release.
_ROUNDING_S = 0.01


class Process(msgspec.Struct, frozen=True):
    """A started process, by what no other process shares.

    ``created`` are seconds since 1970, which may differ after the clock was set. ``started`` is the
    boot and the clock tick of the start; it is empty where the system has none, and in the state
    files of older releases.
    """

    pid: int
    created: float
    started: str = ""


def spawn(
    command: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    inherited: tuple[int, ...] = (),
) -> Process:
    """Start ``command`` in a session of its own, its output in ``log``.

    Its own session keeps a terminal's Ctrl-C away from it: the stack stops its parts in order.
    The previous log is kept beside the new one. ``inherited`` are further file descriptors that
    stay open in the process.

    Raises:
        PermanentError: the command doesn't exist or can't be run.
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
                pass_fds=inherited,
            )
    except OSError as error:
        raise PermanentError(f"{command[0]} can't be started: {error.strerror}") from error
    # Popen would warn that it is dropped while its process runs, which is the very purpose.
    started.returncode = 0
    try:
        return describe(psutil.Process(started.pid))
    except psutil.NoSuchProcess:
        return Process(started.pid, 0.0)


def describe(live: psutil.Process) -> Process:
    """Return what tells ``live`` from every other process, past and future.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    return Process(live.pid, live.create_time(), _started(live.pid))


def _started(pid: int) -> str:
    """Return the boot and the clock tick of the start, which no change of the clock alters.

    Only Linux has both. Elsewhere the system keeps the time at which the process was created as it
    was, and this is empty.
    """
    if sys.platform != "linux":
        return ""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
        # The second field is the command's name, which may hold blanks and brackets.
        return f"{_BOOT_ID.read_text('ascii').strip()}/{stat.rpartition(')')[2].split()[19]}"
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error


def find(process: Process | None) -> psutil.Process | None:
    """Return the live process that ``process`` describes, or None if it has ended."""
    if process is None:
        return None
    try:
        live = psutil.Process(process.pid)
        if not _is(live, process):
            return None
        return None if _has_ended(live) else live
    except psutil.NoSuchProcess:
        return None


def _is(live: psutil.Process, process: Process) -> bool:
    if sys.platform == "linux":
        return _started(live.pid) == process.started
    return abs(live.create_time() - process.created) <= _ROUNDING_S


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


def stop(process: Process | None, grace: float, *, family: bool = True) -> bool:
    """Ask the process to end, and after ``grace`` seconds kill it.

    A suspended process is continued, so that it can end. With ``family``, what it started and left
    behind is killed too. A process of another user may go on running: see :func:`alive`.

    Returns:
        Whether it ended by itself (or had ended before).
    """
    live = find(process)
    if live is None:
        return True
    relatives: list[psutil.Process] = []
    with suppress(psutil.Error):
        relatives = live.children(recursive=True) if family else []
        live.terminate()
        live.resume()
    willing = _ends_within(process, grace)
    for left in (live, *relatives):
        with suppress(psutil.Error):
            left.kill()
    _ends_within(process, 5)
    return willing


def _ends_within(process: Process | None, seconds: float) -> bool:
    """Wait for the end; what its parent has not collected yet has ended all the same."""
    return not wait_while(lambda: alive(process), seconds, every_s=0.05)


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
    except OSError:
        return ""
    return "\n".join(f"    {line[:400]}" for line in lines[-count:])
