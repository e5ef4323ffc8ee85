"""Runs the health check once, or until everything is well."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from retail_pipeline import logs
from retail_pipeline.cli.common import listed, server_settings
from retail_pipeline.errors import RetailError, UsageError
from retail_pipeline.operations.checks import CHECKS, checks_of
from retail_pipeline.operations.health import HEALTHY, Health, run_checks
from retail_pipeline.settings import find_stack, stack_of

_BETWEEN_ROUNDS_S = 1.0
# A stalled group and one without processors are observed for longer than a verdict on them needs.
# While a wait is on, the next round does that.
_OBSERVE_GROUP_S, _OBSERVE_GROUP_IN_A_ROUND_S = 12.0, 3.0
# How long a probe may take to be stored, and the least if the whole run has less time.
_PROBE_S, _PROBE_AT_LEAST_S = 10.0, 3.0
# The group's last observation may take this long, in seconds.
_LAST_OBSERVATION_S = 5.0


def chosen(only: Sequence[str], exclude: Sequence[str]) -> list[str]:
    """Return the ids of the checks to run; each of the lists may have commas in its texts.

    Raises:
        UsageError: there is no such check, or none is left.
    """
    wanted, unwanted = listed(only), listed(exclude)
    for name in (*wanted, *unwanted):
        if name not in CHECKS:
            raise UsageError(f"there is no check {name!r}; the checks are {', '.join(CHECKS)}")
    left = [name for name in CHECKS if (not wanted or name in wanted) and name not in unwanted]
    if not left:
        raise UsageError("no check is left: every check is excluded")
    return left


@dataclass(frozen=True)
class HealthRun:
    """One run of the checks ``ids``; times are in seconds."""

    ids: Sequence[str]
    timeout_s: float
    wait_s: float
    strict: bool

    def run(self) -> Health:
        """Return the result; with ``wait_s``, the first good one or the last one.

        Raises:
            RetailError: no stack was found, or a setting can't be used.
        """
        until, before = time.monotonic() + self.wait_s, ""
        while True:
            left = until - time.monotonic()
            try:
                health = self._once(self.timeout_s if left <= 0 else min(self.timeout_s, left + 5))
                if health.exit_status == HEALTHY or time.monotonic() >= until:
                    return health
                state = health.summary
            except UsageError:
                raise
            except RetailError as error:
                # The stack may be starting.
                if time.monotonic() >= until:
                    raise
                state = str(error)
                find_stack.cache_clear()
            if state != before:
                logs.say(f"waiting: {state}")
            before = state
            time.sleep(min(_BETWEEN_ROUNDS_S, max(0.0, until - time.monotonic())))

    def _once(self, timeout_s: float) -> Health:
        from retail_pipeline.bootstrap import checking

        settings = server_settings(partly=True)
        longest = _OBSERVE_GROUP_IN_A_ROUND_S if self.wait_s else _OBSERVE_GROUP_S
        observe_for = max(0.0, min(longest, timeout_s - _LAST_OBSERVATION_S))
        probe_for = max(_PROBE_AT_LEAST_S, min(_PROBE_S, timeout_s - _LAST_OBSERVATION_S))
        with checking(settings, stack_of(settings), observe_for, probe_for) as reads:
            return run_checks(checks_of(reads, self.ids), timeout_s, strict=self.strict)
