"""The figures that follow from the observations of the last minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from retail_pipeline.operations.observation import (
    DatabaseObservation,
    GroupObservation,
    Observation,
    PartitionObservation,
)
from retail_pipeline.operations.report import Reporter

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def observation(seconds: int, *ends: int, committed: int = 0, stored: int = 0) -> Observation:
    at = START + timedelta(seconds=seconds)
    partitions = tuple(
        PartitionObservation(
            topic="tx",
            partition=number,
            first=0,
            end=end,
            committed=min(committed, end),
            waiting_since=START - timedelta(seconds=number),
        )
        for number, end in enumerate(ends)
    )
    return Observation(
        at=at,
        group=GroupObservation(partitions=partitions, members=1),
        database=DatabaseObservation(stored=stored, quarantined=0, failed_days=0),
    )


def test_rates_are_unknown_before_the_second_observation_and_cover_ten_seconds_then() -> None:
    reporter = Reporter()
    first = reporter.report(observation(0, 100))
    assert (first.arriving, first.storing, first.rows_stored) == (None, None, None)
    for seconds, end, committed in ((30, 10_000, 5_000), (35, 10_100, 5_050), (40, 10_300, 5_200)):
        last = reporter.report(observation(seconds, end, committed=committed, stored=committed * 2))
    assert (last.arriving, last.storing, last.rows_stored) == (30, 20, 40)


def test_with_a_longer_interval_rates_cover_the_last_interval() -> None:
    reporter = Reporter()
    reporter.report(observation(0, 0))
    reporter.report(observation(25, 10_000))
    assert reporter.report(observation(50, 10_500)).arriving == 20


def test_while_the_group_can_not_be_read_its_rates_are_unknown() -> None:
    reporter = Reporter()
    for seconds in (0, 5, 10):
        reporter.report(observation(seconds, seconds))
    report = reporter.report(Observation(at=START + timedelta(seconds=15)))
    assert (report.arriving, report.storing, report.rows_stored) == (None, None, None)


def test_a_partition_is_hot_if_it_gets_more_than_twice_what_the_others_get() -> None:
    reporter = Reporter()
    reporter.report(observation(0, 0, 0, 0))
    report = reporter.report(observation(10, 100, 120, 230))
    assert [each.hot for each in report.partitions] == [False, False, True]


def test_the_age_is_that_of_the_oldest_record_that_waits() -> None:
    report = Reporter().report(observation(60, 10, 10))
    assert [each.age_s for each in report.partitions] == [60, 61]
    assert report.oldest_s == 61


def test_what_was_not_observed_is_unknown_and_not_zero() -> None:
    problems = {"group": "Kafka at a:1 does not answer", "database": "no answer within 1 s"}
    report = Reporter().report(Observation(at=START, problems=problems))
    assert report.problems == problems and report.partitions == ()
    unknown = (report.lag, report.oldest_s, report.members, report.processors, report.dirty_days)
    assert unknown == (None,) * 5
    assert (report.database, report.sources, report.host) == (None, None, None)
