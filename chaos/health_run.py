"""One fault from its beginning to the stack's health: what was found, and what repaired it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from chaos.health_alerts import AlertProcess
from chaos.health_faults import Fault
from chaos.local_stack import LocalStack
from retail_devstack.processes import find
from retail_pipeline.flows.waiting import wait_while
from retail_pipeline.operations.health import DEGRADED, FAILED, HEALTHY, Status

_SEEN_WITHIN_S, _HEALTHY_WITHIN_S = 90.0, 150.0
_FIRED_WITHIN_S, _RESOLVED_WITHIN_S = 60.0, 120.0
# What a reconciliation names for the file that lacks a row.
_SEND_AGAIN = re.compile(r"`(retail produce --again (?!FILE)[^`]+)`")


class Check(msgspec.Struct, frozen=True):
    """What one check found, as `retail health --json` prints it."""

    id: str
    status: Status
    ms: int
    detail: str
    command: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """What a run of `retail health --json` printed."""

    exit_status: int
    checks: tuple[Check, ...] = ()

    def check(self, name: str) -> Check | None:
        """Return what a check found."""
        return next((each for each in self.checks if each.id == name), None)

    def names(self, fault: Fault) -> bool:
        """Return whether it has what a fault must show."""
        return self.shows(fault.check, fault.status)

    def shows(self, check: str, status: Status) -> bool:
        """Return whether a check has this status, and the exit status is the one for it."""
        found = self.check(check)
        expected = FAILED if status is Status.FAIL else DEGRADED
        return found is not None and found.status is status and self.exit_status == expected

    def __str__(self) -> str:
        wrong = [f"{each.id} {each.status}" for each in self.checks if each.status != Status.OK]
        return f"exit status {self.exit_status}: {', '.join(wrong) or 'all is well'}"


@dataclass
class Outcome:
    """What became of one fault; times are in seconds, and ``wrong`` says what should be else."""

    fault: Fault
    seen: Check | None = None
    exit_status: int | None = None
    seen_s: float | None = None
    run_s: float | None = None
    commands: tuple[str, ...] = ()
    healthy_s: float | None = None
    fired_s: float | None = None
    resolved_s: float | None = None
    alerts: tuple[str, ...] = ()
    wrong: str | None = None


class Trial:
    """Injects faults into a stack, one after another."""

    def __init__(self, local: LocalStack, alerts: AlertProcess | None) -> None:
        self._local = local
        self._alerts = alerts

    def run(self, fault: Fault) -> Outcome:
        """Inject a fault, let its printed command repair it, and return what happened."""
        outcome = Outcome(fault)
        env = self._local.shell_env
        began, at = time.monotonic(), time.time()
        fault.inject(self._local)
        try:
            self._await_seen(outcome, began)
            if self._alerts and fault.alert:
                outcome.fired_s = self._alerts.await_fired(fault.alert, at, _FIRED_WITHIN_S)
        finally:
            fault.clear(self._local)
        if outcome.seen_s is not None:
            repaired_at = self._repair(outcome, env)
            self._await_resolved(outcome, at, repaired_at)
        return outcome

    def await_healthy(self) -> Answer:
        """Return the answer once all is well, or the last one when it takes too long."""
        return self._await_healthy(_HEALTHY_WITHIN_S)

    def recover(self) -> bool:
        """Start everything again after a fault that stayed; return whether that failed."""
        for part in ("processor", "dashboard"):
            if (live := find(self._local.stack.process(part))) is not None:
                live.kill()
        self._local.run("setup")
        self._local.run("local", "up", "--detach", "--no-stream")
        return self.await_healthy().exit_status != HEALTHY

    def _await_seen(self, outcome: Outcome, began: float) -> None:
        fault = outcome.fault
        while True:
            started = time.monotonic()
            answer = self._answer(fault.wrapper)
            outcome.run_s = time.monotonic() - started
            outcome.exit_status = answer.exit_status
            outcome.seen = answer.check(fault.check)
            if answer.names(fault):
                outcome.seen_s = time.monotonic() - began
                if outcome.run_s > fault.run_within_s:
                    outcome.wrong = f"the health check took {outcome.run_s:.0f} s"
                return
            if time.monotonic() - began > _SEEN_WITHIN_S:
                outcome.wrong = f"not seen: {answer}"
                return

    def _repair(self, outcome: Outcome, env: Mapping[str, str]) -> float:
        """Run the printed command and what it names; return when it ended, since 1970."""
        began = time.monotonic()
        command = outcome.seen.command if outcome.seen else None
        if command:
            done = self._local.shell(command, env)
            outcome.commands = (command,)
            # A reconciliation finds the rows, and names the command that sends them again.
            for further in dict.fromkeys(_SEND_AGAIN.findall(done.stdout)):
                self._local.shell(further, env)
                outcome.commands += (further,)
            if len(outcome.commands) > 1:
                self._await_agreement(command, env)
        ended_at = time.time()
        answer = self._await_healthy(_HEALTHY_WITHIN_S)
        outcome.healthy_s = time.monotonic() - began
        if answer.exit_status != HEALTHY:
            outcome.wrong = outcome.wrong or f"not repaired: {answer}"
        return ended_at

    def _await_agreement(self, command: str, env: Mapping[str, str]) -> None:
        """Repeat a reconciliation until its result, which the health check reads, is well.

        Its own status is no guide: with a trickle there are always rows on their way.
        """

        def differs() -> bool:
            self._local.shell(command, env)
            return self._answer().exit_status != HEALTHY

        wait_while(differs, _HEALTHY_WITHIN_S, every_s=1.0)

    def _await_healthy(self, within_s: float) -> Answer:
        until = time.monotonic() + within_s
        while (answer := self._answer()).exit_status != HEALTHY and time.monotonic() < until:
            time.sleep(0.5)
        return answer

    def _await_resolved(self, outcome: Outcome, at: float, repaired_at: float) -> None:
        if not self._alerts:
            return
        alert = outcome.fault.alert
        if alert and outcome.fired_s is None:
            outcome.wrong = outcome.wrong or f"{alert} did not fire"
        elif alert:
            over = self._alerts.await_resolved(alert, at, repaired_at, _RESOLVED_WITHIN_S)
            outcome.resolved_s = over
            if over is None:
                outcome.wrong = outcome.wrong or f"{alert} did not resolve"
        self._alerts.await_silence(_RESOLVED_WITHIN_S)
        outcome.alerts = self._alerts.fired_since(at)

    def _answer(self, wrapper: tuple[str, ...] = ()) -> Answer:
        done = self._local.run("health", "--json", wrapper=wrapper)
        return msgspec.json.decode(done.stdout, type=Answer)


def as_row(outcome: Outcome) -> list[Any]:
    """Return an outcome as a row of the table."""
    seen = outcome.seen
    commands = " ; ".join(outcome.commands) or ("(no command)" if outcome.healthy_s else None)
    return [
        outcome.fault.name,
        outcome.fault.check,
        seen.status.value if seen else None,
        outcome.exit_status,
        outcome.seen_s,
        seen.ms / 1000 if seen else None,
        commands,
        outcome.healthy_s,
        outcome.wrong or "right",
    ]
