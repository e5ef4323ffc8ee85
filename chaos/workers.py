"""Supervises the pipeline's processes: one that ends by itself is started again."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from retail_devstack.processes import last_lines

Say = Callable[[str], None]
# Compose kills what has not stopped by then.
_GRACE_S = 30
# How long after its start a worker may die of SIGTERM: the handler is set after the imports, under
# load and after the longest pause. A later death means that there is no handler.
_STARTING_S = 15
_SECONDS_BETWEEN_CHECKS = 0.2


class Worker:
    """One producer or processor over all its restarts.

    ``flaws`` are its bad exits: it gave up by itself, or did not stop in good order when asked.
    None is expected, since every fault ends.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        env: Mapping[str, str],
        folder: Path,
        say: Say,
        finished: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self.flaws: list[str] = []
        self._command = [sys.executable, "-m", "retail_pipeline", *arguments]
        self._env = {**env, "HEARTBEAT_FILE": str(folder / f"{name}.heartbeat")}
        self._log = folder / f"{name}.log"
        self._say = say
        self._finished = finished
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._down = threading.Event()
        self._closing = threading.Event()
        self._turn = threading.RLock()
        self._watch = threading.Thread(target=self._supervise, name=f"watch-{name}", daemon=True)

    def open(self) -> None:
        """Start it, and start it again whenever it ends by itself."""
        self.start()
        self._watch.start()

    def start(self) -> None:
        """Start it unless it runs; all its processes write to one log."""
        with self._turn:
            if self.running or self.done:
                return
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command, env=self._env, stdout=log, stderr=log, cwd=self._log.parent
                )
            self._started = time.monotonic()
            self._down.clear()

    @property
    def running(self) -> bool:
        """Whether there is a process that a fault can hit."""
        return self._process is not None and self._process.poll() is None

    @property
    def done(self) -> bool:
        """Whether it ended well and has nothing left to do."""
        ended = self._process is not None and self._process.poll() == 0
        return ended and self._finished()

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        with self._turn:
            self._down.set()
            if self.running and self._process:
                self._process.kill()
                self._process.wait(10)

    def term(self) -> None:
        """Ask it to stop (SIGTERM); it must do so in good order and in time."""
        with self._turn:
            self._down.set()
            if not self.running or self._process is None:
                return
            starting = time.monotonic() - self._started < _STARTING_S
            self._process.terminate()
            try:
                status = self._process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)
                self._flaw(f"did not stop within {_GRACE_S} s of SIGTERM")
                return
        # One that has just been started has not begun to work.
        if status != 0 and not (starting and status == -signal.SIGTERM):
            self._flaw(f"ended with status {status} on SIGTERM")

    def pause(self) -> None:
        """Freeze it (SIGSTOP)."""
        with self._turn:
            if self.running and self._process:
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(self._process.pid).suspend()

    def resume(self) -> None:
        """Resume it (SIGCONT)."""
        if self.running and self._process:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(self._process.pid).resume()

    def close(self) -> None:
        """Stop it for good."""
        self._closing.set()
        self.resume()
        self.term()
        self._watch.join(10)

    def _supervise(self) -> None:
        while not self._closing.wait(_SECONDS_BETWEEN_CHECKS):
            with self._turn:
                if self._down.is_set() or self.running or self.done or self._process is None:
                    continue
                self._flaw(f"ended by itself with status {self._process.returncode}")
                self.start()

    def _flaw(self, what: str) -> None:
        flaw = f"{self.name} {what}; its log ends with:\n{last_lines(self._log, 4)}"
        self.flaws.append(flaw)
        self._say(f"! {flaw}")
