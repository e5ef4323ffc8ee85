"""``retail local up`` in the foreground: reports the progress until a stop."""

from __future__ import annotations

import time
from collections.abc import Callable

from retail_devstack.backlog import Gauge
from retail_devstack.environment import settings_of, stack_env
from retail_devstack.output import Say
from retail_devstack.stack import MONITORING, SERVERS, Stack
from retail_devstack.waiting import producer_problem
from retail_pipeline.errors import TransientError

_INTERVAL = 1.0
_FOLLOWED = (*SERVERS, "processor", "dashboard", *MONITORING)


class Follower:
    """Watches a running stack; prints each message once."""

    def __init__(self, stack: Stack, say: Say, show: Callable[[str], None], streams: bool) -> None:
        self._stack = stack
        self._say = say
        self._show = show
        self._streams = streams
        self._shown: set[object] = set()
        self._changing = False
        self.failed = False

    def follow(self, *, until_stored: bool = False) -> None:
        """Return when the stack was stopped or, with ``until_stored``, when all is stored."""
        with Gauge(settings_of(stack_env(self._stack))) as gauge:
            while self._goes_on():
                if not self._changing:
                    producing = self._stack.alive("producer")
                    if self._measure(gauge, producing) and until_stored:
                        return
                time.sleep(_INTERVAL)

    def _goes_on(self) -> bool:
        """Report the parts that have ended; return whether any part still runs."""
        self._stack.reload()
        running = self._stack.state.processes
        if not running:
            return False
        ended = {part: running[part] for part in _FOLLOWED if part in running}
        ended = {part: each for part, each in ended.items() if not self._stack.alive(part)}
        # A part that another command stops or restarts at this moment is no failure.
        self._changing = bool(ended) and self._stack.home.busy()
        if self._changing:
            return True
        for part, process in ended.items():
            self._once(
                process,
                f"{part} has ended: `retail local up` in another terminal starts it again,"
                f" and no row is lost; {self._stack.end_of_log(part)}",
            )
        problem = producer_problem(self._stack)
        if problem:
            self.failed = True
            self._once(self._stack.process("producer"), problem)
        alive = any(map(self._stack.alive, running))
        self.failed |= not alive
        return alive

    def _measure(self, gauge: Gauge, producing: bool) -> bool:
        """Show the backlog; return whether there is nothing left to wait for."""
        try:
            backlog = gauge.read()
        except TransientError as error:
            self._show(f"waiting for {error}")
            return False
        self._show(str(backlog))
        done = backlog.empty and not producing
        if done and self._streams and not self.failed:
            records = f"{backlog.sent:,} records (rows, dead letters, manifests and probes)"
            text = f"All is stored and summarised: {records}."
            self._once(self._stack.process("producer"), text)
        if backlog.stuck and not producing:
            self.failed = True
            self._once(backlog.problem, str(backlog))
        return done or (backlog.stuck and not producing)

    def _once(self, key: object, text: str) -> None:
        if key not in self._shown:
            self._shown.add(key)
            self._say(text)
