"""Alerts of one observation are one message, which is repeated, and one says that it is over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from retail_pipeline.bootstrap import alert_rules
from retail_pipeline.operations import metrics
from retail_pipeline.operations.alert_message import message
from retail_pipeline.operations.alert_states import AlertStates, Notice
from retail_pipeline.operations.alerts import CONDITIONS
from retail_pipeline.operations.samples import Sample
from tests.unit.operations.test_alert_conditions import facts

RULES = [rule for rule in alert_rules() if rule.alert in CONDITIONS]


def lost(*partitions: int, records: int = 7) -> tuple[Sample, ...]:
    return tuple(Sample(metrics.LOST, records, ("tx", str(number))) for number in partitions)


FAILED = (Sample(metrics.FAILED_DAYS, 2),)
NO_FAILED = (Sample(metrics.FAILED_DAYS, 0),)


@pytest.fixture
def states() -> AlertStates:
    return AlertStates(RULES, timedelta(hours=1))


def names(notice: Notice | None) -> tuple[list[str], list[str], list[str]]:
    assert notice
    fired, still, resolved = (
        [each.rule.alert for each in alerts]
        for alerts in (notice.fired, notice.still, notice.resolved)
    )
    return fired, still, resolved


def test_all_alerts_of_an_observation_are_in_one_notice(states: AlertStates) -> None:
    notice = states.update(facts(0, lost(0, 1) + FAILED))
    assert names(notice) == (["RetailDataLost", "RetailDataLost", "RetailDaysFailed"], [], [])
    assert states.update(facts(5, lost(0, 1) + FAILED)) is None


def test_a_notice_is_repeated_while_an_alert_fires_and_no_longer(states: AlertStates) -> None:
    states.update(facts(0, FAILED))
    assert states.update(facts(3595, FAILED)) is None
    assert names(states.update(facts(3600, FAILED))) == ([], ["RetailDaysFailed"], [])
    assert states.update(facts(3605, FAILED)) is None
    states.update(facts(3610, NO_FAILED))
    assert names(states.update(facts(3670, NO_FAILED))) == ([], [], ["RetailDaysFailed"])
    assert all(states.update(facts(second, NO_FAILED)) is None for second in range(3675, 20_000, 5))


def test_a_new_alert_is_notified_at_once_with_those_that_still_fire(states: AlertStates) -> None:
    states.update(facts(0, FAILED))
    notice = states.update(facts(5, FAILED + lost(3)))
    assert names(notice) == (["RetailDataLost"], ["RetailDaysFailed"], [])
    # The repetition counts from there.
    assert states.update(facts(3600, FAILED + lost(3))) is None
    assert states.update(facts(3605, FAILED + lost(3))) is not None


def test_an_alert_that_comes_and_goes_is_one_alert(states: AlertStates) -> None:
    states.update(facts(0, FAILED))
    for second in range(5, 1_000, 50):
        assert states.update(facts(second, NO_FAILED)) is None
        assert states.update(facts(second + 25, FAILED)) is None


def test_a_partition_that_recovers_is_resolved_by_itself(states: AlertStates) -> None:
    states.update(facts(0, lost(0, 1)))
    states.update(facts(5, lost(1)))
    notice = states.update(facts(65, lost(1)))
    assert notice and [dict(each.labels)["partition"] for each in notice.resolved] == ["0"]
    assert [dict(each.labels)["partition"] for each in notice.still] == ["1"]


def test_a_message_says_what_is_wrong_since_when_and_what_to_do(states: AlertStates) -> None:
    notice = states.update(facts(0, lost(0, 1) + FAILED))
    assert notice
    text = message(notice, "staging")
    assert text.title == "Retail Pipeline (staging): 2 firing: RetailDataLost, RetailDaysFailed"
    assert text.kind == "failure"
    assert text.body.splitlines()[:7] == [
        "FIRING: RetailDataLost (critical), since 2026-01-01 12:00:00 UTC",
        "Kafka deleted 7 records of tx[0] that were not stored.",
        "Kafka deleted 7 records of tx[1] that were not stored.",
        "Impact: These rows are in no figure until they are sent again.",
        "Causes: The topic's retention is shorter than the backlog, or somebody deleted records.",
        "Actions: Run `retail reconcile` with the files; it names the rows."
        " `retail produce FILE --again` sends them again.",
        "Runbook: docs/runbooks/group.md#retaildatalost",
    ]
    assert "\n\nFIRING: RetailDaysFailed (critical)" in text.body
    assert "2 days can't be summarised." in text.body


def test_a_message_that_all_is_over_is_a_success(states: AlertStates) -> None:
    states.update(facts(0, FAILED))
    states.update(facts(5, NO_FAILED))
    notice = states.update(facts(65, NO_FAILED))
    assert notice
    text = message(notice, "development")
    assert text.title == "Retail Pipeline (development): 1 resolved: RetailDaysFailed"
    assert text.kind == "success"
    assert text.body.splitlines() == [
        "RESOLVED: RetailDaysFailed (critical), since 2026-01-01 12:00:00 UTC,"
        " over at 2026-01-01 12:01:05 UTC",
        "Was: 2 days can't be summarised.",
    ]


def test_a_repeated_message_explains_again_and_says_what_is_no_longer_known(
    states: AlertStates,
) -> None:
    states.update(facts(0, FAILED))
    notice = states.update(facts(3600, (), "database"))
    assert notice
    body = message(notice, "development").body
    assert "STILL FIRING: RetailDaysFailed" in body and "Actions: " in body
    assert "2 days can't be summarised. (last known; it can't be read now)" in body
    assert body.endswith("Can't be read now:\ndatabase: no answer")


def test_of_many_instances_ten_are_named(states: AlertStates) -> None:
    notice = states.update(facts(0, lost(*range(1000))))
    assert notice
    body = message(notice, "development").body
    assert body.count("Kafka deleted") == 10 and "... and 990 more." in body


def test_a_warning_alone_is_no_failure(states: AlertStates) -> None:
    stale = (Sample(metrics.DIRTY_SECONDS, 500),)
    states.update(facts(0, stale))
    notice = states.update(facts(15, stale))
    assert notice and message(notice, "development").kind == "warning"
