"""The timer runs a check when one is due, keeps its result, and stops nothing when it fails."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from threading import Event

import pytest

from retail_pipeline.domain.reconciliation import Reconciliation
from retail_pipeline.errors import TransientError
from retail_pipeline.reconcile.scheduler import Reconciler
from tests.ledger_world import reconciliation


@dataclass
class Timer:
    """A claim, or an error, for each time that is asked; then it stops."""

    due: list[bool | Exception]
    found: list[Reconciliation | Exception]
    stop: Event = field(default_factory=Event)
    kept: list[tuple[Reconciliation, float | None]] = field(default_factory=list)

    def claim(self) -> bool:
        now = self.due.pop(0)
        if not self.due:
            self.stop.set()
        if isinstance(now, Exception):
            raise now
        return now

    def check(self) -> Reconciliation:
        found = self.found.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def keep(self, result: Reconciliation, next_in_s: float | None = None) -> None:
        self.kept.append((result, next_in_s))

    def run(self, every_s: float = 0.001) -> Timer:
        Reconciler(self.check, self, every_s, self.stop).run()
        return self


def test_it_checks_only_when_a_check_is_due_and_keeps_the_result() -> None:
    result = reconciliation(seconds=0.00001)
    assert Timer([False, True, False], [result]).run().kept == [(result, 0.001)]


def test_a_check_that_takes_long_runs_less_often() -> None:
    [(_, pause)] = Timer([True], [reconciliation(seconds=30.0)]).run().kept
    assert pause == 600.0


def test_no_failure_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    failures: list[bool | Exception] = [TransientError("MongoDB is away"), True, True]
    timer = Timer(failures, [ValueError("odd"), reconciliation()]).run()
    assert len(timer.kept) == 1
    assert "the count check failed: MongoDB is away" in caplog.text
    assert "the count check failed: odd" in caplog.text


def test_a_difference_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    Timer(
        [True] * 3, [reconciliation(missing=2), reconciliation(missing=2), reconciliation()]
    ).run()
    assert caplog.text.count("the count check found a difference") == 1
