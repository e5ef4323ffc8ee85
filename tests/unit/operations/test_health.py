"""The checks run side by side, and the summary and the exit status follow from their results."""

from __future__ import annotations

import time
from threading import Event

import pytest

from retail_pipeline.errors import TransientError
from retail_pipeline.operations.health import (
    Check,
    Finding,
    NotApplicableError,
    Status,
    run_checks,
)


def check(name: str, status: Status = Status.OK) -> Check:
    return Check(name, lambda: Finding(status, f"{name} is {status}"))


@pytest.mark.parametrize(
    ("statuses", "strict", "exit_status", "summary"),
    [
        ("ok ok", False, 0, "healthy: 2 ok"),
        ("ok warn", False, 1, "degraded: 1 warn (b), 1 ok"),
        ("unknown ok", False, 1, "degraded: 1 unknown (a), 1 ok"),
        ("fail warn unknown", False, 2, "failed: 1 fail (a), 1 warn (b), 1 unknown (c), 0 ok"),
        ("ok warn", True, 2, "failed: 1 warn (b), 1 ok"),
        ("ok ok", True, 0, "healthy: 2 ok"),
    ],
)
def test_the_worst_result_decides_the_exit_status_and_the_summary_names_each(
    statuses: str, strict: bool, exit_status: int, summary: str
) -> None:
    checks = [check(name, Status(each)) for name, each in zip("abc", statuses.split())]
    health = run_checks(checks, 10, strict=strict)
    assert (health.exit_status, health.summary) == (exit_status, summary)


def test_a_check_that_fails_in_any_way_stops_no_other() -> None:
    def away() -> Finding:
        raise TransientError("Kafka at a:1 does not answer")

    def broken() -> Finding:
        raise ZeroDivisionError("division by zero")

    def not_here() -> Finding:
        raise NotApplicableError("there is none")

    health = run_checks(
        [Check("a", away), Check("b", broken), Check("c", not_here), check("d")], 10
    )
    assert [(each.id, each.status, each.detail) for each in health.results] == [
        ("a", "unknown", "Kafka at a:1 does not answer"),
        ("b", "unknown", "unexpected ZeroDivisionError: division by zero"),
        ("d", "ok", "d is ok"),
    ]
    assert health.not_applicable == {"c": "there is none"}
    assert health.summary == "degraded: 2 unknown (a, b), 1 ok, 1 not applicable here"


def test_nothing_to_check_is_not_healthy() -> None:
    def not_here() -> Finding:
        raise NotApplicableError("there is none")

    assert run_checks([Check("a", not_here)], 10).exit_status == 3


def test_checks_that_hang_are_unknown_after_the_timeout_all_together() -> None:
    go = Event()

    def hangs() -> Finding:
        go.wait(60)
        return Finding(Status.OK, "late")

    began = time.monotonic()
    health = run_checks([*(Check(name, hangs) for name in "abcdefgh"), check("i")], 0.2)
    assert time.monotonic() - began < 30
    go.set()
    assert [each.status for each in health.results] == ["unknown"] * 8 + ["ok"]
    assert health.results[0].detail == "no result within 0.2 s"
