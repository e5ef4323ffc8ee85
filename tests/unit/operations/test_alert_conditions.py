"""Each alert fires in time, is silent just below its threshold, resolves, and waits for data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from retail_pipeline.bootstrap import alert_rules
from retail_pipeline.errors import UsageError
from retail_pipeline.operations import metrics
from retail_pipeline.operations.alert_states import AlertStates, Notice
from retail_pipeline.operations.alerts import CONDITIONS, Facts, duration, parse_rules, rendered
from retail_pipeline.operations.certificates import RENEW_S
from retail_pipeline.operations.samples import Sample

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEP = 5
RULES = {rule.alert: rule for rule in alert_rules()}
TX = ("tx", "0")


def state(ill: str) -> tuple[Sample, ...]:
    return tuple(
        Sample(metrics.PIPELINE_STATE, each == ill, (each,))
        for each in ("stalled", "falling behind", "rewound", "unknown", "caught up")
    )


def observed(**parts: int) -> tuple[Sample, ...]:
    return tuple(Sample(metrics.OBSERVED, value, (part,)) for part, value in parts.items())


def checked(name: str, well: bool) -> tuple[Sample, ...]:
    return (Sample(metrics.CHECK_OK, well, (name,)),)


def verdict(now: str) -> tuple[Sample, ...]:
    return tuple(
        Sample(metrics.RECONCILIATION, each == now, (each,))
        for each in ("agree", "unsettled", "differ")
    )


def ago(metric: metrics.Gauge, seconds: float) -> tuple[Sample, ...]:
    """Return the sample of a moment; at the time of ``facts``, which adds its own."""
    return (Sample(metric, seconds),)


def heartbeats(*ages: float) -> tuple[Sample, ...]:
    return tuple(Sample(metrics.HEARTBEAT_SECONDS, age, (name,)) for name, age in zip("abc", ages))


@dataclass(frozen=True)
class Case:
    """An alert, the samples just below its threshold and above it, and what has to be read."""

    alert: str
    well: tuple[Sample, ...]
    ill: tuple[Sample, ...]
    part: str | None


CASES = [
    Case("RetailStalled", state("caught up"), state("stalled"), "group"),
    Case("RetailFallingBehind", state("caught up"), state("falling behind"), "group"),
    Case("RetailRewound", state("caught up"), state("rewound"), "group"),
    Case(
        "RetailPartitionUnowned",
        (Sample(metrics.OWNED, True, TX),),
        (Sample(metrics.OWNED, False, TX),),
        "group",
    ),
    Case(
        "RetailDataLost",
        (Sample(metrics.LOST, 0, TX),),
        (Sample(metrics.LOST, 1, TX),),
        "group",
    ),
    Case(
        "RetailNoProcessor",
        (Sample(metrics.PROCESSORS_ALIVE, 1),),
        (Sample(metrics.PROCESSORS_ALIVE, 0),),
        "processors",
    ),
    Case(
        "RetailProcessorWaits",
        (Sample(metrics.PROCESSORS_STALLED, 0),),
        (Sample(metrics.PROCESSORS_STALLED, 1),),
        "processors",
    ),
    Case(
        "RetailProcessorCrashLoop",
        heartbeats(16, 16, 15),
        heartbeats(16, 16, 16),
        "processors",
    ),
    Case("RetailReconcileDiffers", verdict("unsettled"), verdict("differ"), "reconciliation"),
    Case(
        "RetailReconcileOld",
        ago(metrics.RECONCILED_AT, 900),
        ago(metrics.RECONCILED_AT, 901),
        "reconciliation",
    ),
    Case(
        "RetailSummariesStale",
        (Sample(metrics.DIRTY_SECONDS, 120),),
        (Sample(metrics.DIRTY_SECONDS, 121),),
        "database",
    ),
    Case(
        "RetailDaysFailed",
        (Sample(metrics.FAILED_DAYS, 0),),
        (Sample(metrics.FAILED_DAYS, 1),),
        "database",
    ),
    Case(
        "RetailNoNewRows",
        ago(metrics.STORED_AT, 86_400),
        ago(metrics.STORED_AT, 86_401),
        "database",
    ),
    Case(
        "RetailSourceSilent",
        (Sample(metrics.SOURCE_SILENT, 300, ("a.csv",)), Sample(metrics.SOURCE_SILENT, 0, ("b",))),
        (Sample(metrics.SOURCE_SILENT, 301, ("a.csv",)), Sample(metrics.SOURCE_SILENT, 0, ("b",))),
        "sources",
    ),
    Case("RetailTopicsWrong", checked("topics", True), checked("topics", False), "topics"),
    Case("RetailUserRefused", checked("users", True), checked("users", False), "users"),
    Case("RetailSchemaWrong", checked("schema", True), checked("schema", False), "schema"),
    Case(
        "RetailDashboardAway",
        (*checked("dashboard", True), *checked("users", False)),
        checked("dashboard", False),
        "dashboard",
    ),
    Case("RetailClockWrong", checked("clock", True), checked("clock", False), "clock"),
    Case("RetailKafkaUnreadable", observed(group=1, host=0), observed(group=0, host=1), None),
    Case("RetailMongoUnreadable", observed(database=1), observed(database=0), None),
    Case("RetailZooKeeperAway", observed(zookeeper=1), observed(zookeeper=0), None),
    Case(
        "RetailDiskLow",
        (Sample(metrics.DISK_FREE, 2e9),),
        (Sample(metrics.DISK_FREE, 2e9 - 1),),
        "host",
    ),
    Case(
        "RetailCertificateExpires",
        (Sample(metrics.CERTIFICATE_LEFT, RENEW_S, ("MongoDB db:27017",)),),
        (Sample(metrics.CERTIFICATE_LEFT, RENEW_S - 1, ("MongoDB db:27017",)),),
        "certificates",
    ),
]
MOMENTS = {metrics.RECONCILED_AT, metrics.STORED_AT}


def facts(second: float, samples: tuple[Sample, ...], *unread: str) -> Facts:
    """Return what is known ``second`` seconds after the start; moments are given by their age."""
    at = NOW + timedelta(seconds=second)
    known = (
        each._replace(value=at.timestamp() - each.value) if each.metric in MOMENTS else each
        for each in samples
    )
    return Facts(at, tuple(known), dict.fromkeys(unread, "no answer"))


def states_of(alert: str) -> AlertStates:
    return AlertStates([RULES[alert]], timedelta(hours=4))


def test_every_condition_is_tested_here() -> None:
    assert {case.alert for case in CASES} == CONDITIONS.keys() - {"RetailMetricAbsent"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_in_its_time_and_resolves_in_its_time(case: Case) -> None:
    states, rule = states_of(case.alert), RULES[case.alert]
    fires_s = int(rule.holds_for.total_seconds())
    stays_s = int(rule.resolves_after.total_seconds())
    assert all(states.update(facts(-second, case.well)) is None for second in range(600, 0, -STEP))
    for second in range(0, fires_s, STEP):
        assert states.update(facts(second, case.ill)) is None, f"too soon, at {second} s"
    fired = states.update(facts(fires_s, case.ill))
    assert fired and len(fired.fired) == 1 and not fired.resolved
    fixed_s = fires_s + STEP
    for second in range(fixed_s, fixed_s + stays_s, STEP):
        assert states.update(facts(second, case.well)) is None, f"too soon, at {second} s"
    over = states.update(facts(fixed_s + stays_s, case.well))
    assert over and len(over.resolved) == 1 and not over.firing
    assert over.resolved[0].since == NOW


@pytest.mark.parametrize("case", [case for case in CASES if case.part], ids=lambda c: c.alert)
def test_what_can_t_be_read_neither_fires_an_alert_nor_resolves_one(case: Case) -> None:
    states, rule = states_of(case.alert), RULES[case.alert]
    assert case.part
    for second in range(0, 900, STEP):
        assert states.update(facts(second, (), case.part)) is None
    fires_s = 900 + int(rule.holds_for.total_seconds())
    notices = [states.update(facts(s, case.ill)) for s in range(900, fires_s + 1, STEP)]
    assert [bool(notice) for notice in notices[:-1]] == [False] * (len(notices) - 1)
    assert notices[-1]
    for second in range(fires_s + STEP, fires_s + 3600, STEP):
        assert states.update(facts(second, (), case.part)) is None


def test_a_pending_alert_starts_again_after_a_time_that_could_not_be_read() -> None:
    states, ill = states_of("RetailStalled"), state("stalled")
    assert states.update(facts(0, ill)) is None
    assert states.update(facts(10, (), "group")) is None
    assert states.update(facts(20, ill)) is None
    assert states.update(facts(30, ill)) is None
    assert states.update(facts(35, ill)) is not None


def test_parts_that_can_t_be_read_have_an_alert_unless_a_server_s_alert_says_it() -> None:
    rule = RULES["RetailMetricAbsent"]

    def after_3_minutes(*unread: str) -> Notice | None:
        states = states_of(rule.alert)
        notices = [states.update(facts(second, (), *unread)) for second in range(0, 180, STEP)]
        return next(filter(None, notices), None)

    found = after_3_minutes("reconciliation")
    assert found and [dict(each.labels)["metric"] for each in found.fired] == [
        "retail_reconciliation_verdict",
        "retail_reconciliation_timestamp_seconds",
    ]
    assert after_3_minutes("database", "reconciliation", "processors", "group") is None
    assert after_3_minutes("group", "topics") is None


def test_durations_are_those_of_prometheus() -> None:
    assert duration("15s") == timedelta(seconds=15)
    assert duration("1d2h3m4s") == timedelta(days=1, hours=2, minutes=3, seconds=4)
    for text in ("", "5", "soon", "5 m"):
        with pytest.raises(UsageError, match="is no duration"):
            duration(text)


@pytest.mark.parametrize("text", [b"groups: 5", b"[", b"groups: [{rules: [{alert: A}]}]"])
def test_a_rules_file_that_can_t_be_used_is_refused(text: bytes) -> None:
    with pytest.raises(UsageError, match="the rules of the alerts can't be used"):
        parse_rules(text)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("{{ $value }} days", 1234, "1,234 days"),
        ("for {{ $value | humanizeDuration }}", 15.25, "for 15.25s"),
        ("for {{ $value | humanizeDuration }}", 90, "for 1m 30s"),
        ("for {{ $value | humanizeDuration }}", -90, "for -1m 30s"),
        ("for {{ $value | humanizeDuration }}", 90_061, "for 1d 1h 1m 1s"),
        ("{{ $value | humanize1024 }}B", 1.5e9, "1.397GiB"),
        ("{{ $value | humanize1024 }}B", 512, "512B"),
        ("{{ $labels.topic }}[{{ $labels.partition }}]", 0, "tx[3]"),
    ],
)
def test_a_text_shows_labels_and_value_as_prometheus_does(
    text: str, value: float, expected: str
) -> None:
    assert rendered(text, (("topic", "tx"), ("partition", "3")), value) == expected
