"""The health check: what a check finds, and the result of all checks together.

The summary and the exit status are computed from the results, so that they can't contradict them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from threading import Thread

import msgspec

from retail_pipeline.errors import RetailError

# The exit statuses, by the convention of Nagios' plugins.
HEALTHY, DEGRADED, FAILED, COULD_NOT_RUN = range(4)
_STATES = ("healthy", "degraded", "failed", "could not run")


class Status(StrEnum):
    """What a check found; UNKNOWN is what could not be read."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True):
    """What a check returns.

    ``detail`` is one line. ``command`` repairs what is wrong, if a command can. ``lines`` are
    further details, for those who ask for them.
    """

    status: Status
    detail: str
    command: str | None = None
    lines: tuple[str, ...] = ()


class NotApplicableError(Exception):
    """A check has nothing to read where it runs; the text says why."""


class Check(msgspec.Struct, frozen=True):
    """One check. Its ``id`` never changes: scripts, alerts and runbooks use it.

    ``run`` raises NotApplicableError if there is nothing to check here, and a RetailError if it
    can't read what it needs.
    """

    id: str
    run: Callable[[], Finding]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found, and how long it took, in milliseconds."""

    id: str
    status: Status
    ms: int
    detail: str
    command: str | None = None
    lines: tuple[str, ...] = ()


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The results of all checks at ``at`` (UTC); ``not_applicable`` has a reason by each id.

    If ``strict``, whatever is not ok counts as a failure.
    """

    at: datetime
    results: tuple[Result, ...]
    not_applicable: dict[str, str] = {}
    strict: bool = False

    @property
    def exit_status(self) -> int:
        """0: all is well, 1: degraded, 2: failed, 3: there was nothing to check."""
        found = {each.status for each in self.results}
        if not found:
            return COULD_NOT_RUN
        if found == {Status.OK}:
            return HEALTHY
        return FAILED if Status.FAIL in found or self.strict else DEGRADED

    @property
    def state(self) -> str:
        """The exit status in words."""
        return _STATES[self.exit_status]

    @property
    def summary(self) -> str:
        """One line: the state, and which checks are in which status."""
        parts = []
        for status in (Status.FAIL, Status.WARN, Status.UNKNOWN):
            if ids := [each.id for each in self.results if each.status is status]:
                parts.append(f"{len(ids)} {status} ({', '.join(ids)})")
        parts.append(f"{sum(each.status is Status.OK for each in self.results)} ok")
        if self.not_applicable:
            parts.append(f"{len(self.not_applicable)} not applicable here")
        return f"{self.state}: {', '.join(parts)}"


def run_checks(checks: Sequence[Check], timeout_s: float, *, strict: bool = False) -> Health:
    """Run the checks side by side; one that takes longer than ``timeout_s`` seconds is unknown."""
    found: dict[str, Result | str] = {}
    # Not a pool: Python would wait at its exit for a thread that hangs.
    threads = [Thread(target=_run, args=(each, found), daemon=True) for each in checks]
    until = time.monotonic() + timeout_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    results, not_applicable = [], {}
    for each in checks:
        result = found.get(each.id) or _late(each, timeout_s)
        if isinstance(result, Result):
            results.append(result)
        else:
            not_applicable[each.id] = result
    return Health(
        at=datetime.now(UTC), results=tuple(results), not_applicable=not_applicable, strict=strict
    )


def _run(check: Check, found: dict[str, Result | str]) -> None:
    began = time.monotonic()
    try:
        finding = check.run()
    except NotApplicableError as why:
        found[check.id] = str(why)
        return
    except RetailError as error:
        finding = Finding(Status.UNKNOWN, str(error))
    except Exception as error:  # a fault of the check itself: the others go on
        finding = Finding(Status.UNKNOWN, f"unexpected {type(error).__name__}: {error}")
    ms = round((time.monotonic() - began) * 1000)
    found[check.id] = Result(
        id=check.id,
        status=finding.status,
        ms=ms,
        detail=" ".join(finding.detail.split()),
        command=finding.command,
        lines=finding.lines,
    )


def _late(check: Check, timeout_s: float) -> Result:
    detail = f"no result within {timeout_s:g} s"
    return Result(id=check.id, status=Status.UNKNOWN, ms=round(timeout_s * 1000), detail=detail)
