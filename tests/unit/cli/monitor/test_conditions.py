"""Conditions of --until and --fail-on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from retail_pipeline.cli.monitor.conditions import parse_condition
from retail_pipeline.errors import UsageError
from retail_pipeline.operations.report import Report
from retail_pipeline.operations.verdict import State, Verdict

REPORT = Report(
    at=datetime(2026, 1, 5, tzinfo=UTC),
    verdict=Verdict(state=State.DRAINING, detail=""),
    lag=10_000,
    oldest_s=12.5,
    arriving=None,
    storing=None,
    members=2,
    processors=2,
    dirty_days=0,
    reconciliation=None,
    partitions=(),
    problems={},
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("lag=10000", True),
        ("lag = 10,000", True),
        ("lag>10_000", False),
        ("lag>=10000", True),
        ("lag!=0", True),
        ("age>12", True),
        ("age<=12.5", True),
        ("members<2", False),
        ("dirty_days=0", True),
    ],
)
def test_a_condition_compares_a_figure_of_the_report(text: str, holds: bool) -> None:
    assert parse_condition(text).holds(REPORT) is holds


@pytest.mark.parametrize("text", ["lag=0", "lag!=0", "lag>=0", "lag<1"])
def test_a_lag_that_is_not_known_meets_no_condition(text: str) -> None:
    assert not parse_condition(text).holds(replace(REPORT, lag=None))


@pytest.mark.parametrize(
    "text", ["", "lag", "lag=", "lag=x", "speed>3", "lag==0", "lag>-1", "age>0,5", "l=0"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no condition: write for instance lag=0 .*members"):
        parse_condition(text)
