"""What counts as right and as wrong in a monitor's reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chaos.monitor_states import STATES, Expected, evaluate
from chaos.monitor_watch import Tally, known_without_reading
from retail_pipeline.operations.report import PartitionReport, Report
from retail_pipeline.operations.verdict import State, Verdict

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def report(second: float, state: State = State.CAUGHT_UP, *where: str, **figures: Any) -> Report:
    empty = Report(
        at=START + timedelta(seconds=second),
        verdict=Verdict(state=state, detail="", partitions=where),
        lag=None,
        oldest_s=None,
        arriving=None,
        storing=None,
        members=None,
        processors=None,
        dirty_days=None,
        reconciliation=None,
        partitions=(),
        problems={},
    )
    return replace(empty, **figures)


def partition(committed: int, end: int, age_s: float | None = None) -> PartitionReport:
    return PartitionReport(
        topic="tx",
        partition=0,
        committed=committed,
        end=end,
        lag=end - committed,
        age_s=age_s,
        owner="processor-1",
    )


def expected(throughout: bool = False, *where: str, state: State = State.STALLED) -> Expected:
    return Expected(state, frozenset(where), START.timestamp(), throughout)


def test_there_are_twelve_states_at_least() -> None:
    assert len(STATES) >= 12


@pytest.mark.parametrize(
    ("second", "where", "seconds"),
    [(9, ("tx[1]",), 9), (11.5, ("tx[1]",), None), (-1, ("tx[1]",), None), (9, ("tx[0]",), None)],
)
def test_the_right_partition_is_named_within_two_intervals_or_it_is_wrong(
    second: float, where: tuple[str, ...], seconds: float | None
) -> None:
    reports = [report(4), report(second, State.STALLED, *where)]
    assert evaluate(reports, expected(False, "tx[1]"), 5) == seconds


def test_while_nothing_is_wrong_one_other_verdict_is_too_many() -> None:
    calm = expected(True, state=State.CAUGHT_UP)
    good = [report(second) for second in (3, 8)]
    assert evaluate(good, calm, 5) == 3
    assert evaluate([*good, report(9, State.WAITING, "tx[0]")], calm, 5) is None
    assert evaluate([], calm, 5) is None


def test_a_figure_of_a_part_that_was_not_read_is_named() -> None:
    problems = {"group": "no answer within 1 s", "dirty_days": "away"}
    assert known_without_reading(report(1, problems=problems)) == []
    found = report(1, problems=problems, lag=0, dirty_days=0, partitions=(partition(1, 1),))
    assert known_without_reading(found) == ["lag", "dirty_days", "partitions"]


def test_negative_lags_offsets_that_go_back_and_ages_are_counted() -> None:
    tally = Tally("tx", {(0, 5): START.timestamp() - 2.0})
    tally.add(report(0, partitions=(partition(5, 9, age_s=2.25),), lag=4))
    assert (tally.ages, tally.farthest_s, tally.wrong) == (1, 0.25, [])
    tally.add(report(1, partitions=(partition(4, 9),), lag=5))
    tally.add(report(2, partitions=(partition(10, 9),), lag=0))
    assert len(tally.wrong) == 2
    assert "5 of 9 became 4 of 9" in tally.wrong[0]
    assert "negative" in tally.wrong[1]
