"""Each alert fires soon, is silent just below its threshold, resolves, and has a twin."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.paths import ROOT

RULES = ROOT / "monitoring" / "rules" / "retail.yml"
STEP = 15
# Something is wrong from BROKEN to FIXED; from GONE on the series no longer exist.
BROKEN, FIXED, GONE, END = 300, 900, 1500, 2400

TX = '{topic="tx",partition="0"}'


def broken(moment: int) -> bool:
    return BROKEN <= moment < FIXED


def gauge(well: float, ill: float) -> list[float]:
    """Return a gauge's values."""
    return [ill if broken(moment) else well for moment in range(0, GONE, STEP)]


def age(well: float, ill: float) -> list[float]:
    """Return the values of a moment that was ``well`` or ``ill`` seconds ago."""
    return [moment - (ill if broken(moment) else well) for moment in range(0, GONE, STEP)]


def counter(well: float, ill: float) -> list[float]:
    """Return the values of a counter that grows by ``well`` or ``ill`` at each step."""
    total, values = 0.0, []
    for moment in range(0, GONE, STEP):
        values.append(total)
        total += ill if broken(moment) else well
    return values


@dataclass(frozen=True)
class Case:
    """An alert, its series, and until when (in seconds after the change) it fires and resolves."""

    alert: str
    series: dict[str, list[float]]
    fires_s: int = 60
    resolves_s: int = 120
    # The series for which the twin fires; None if it is another alert's business.
    twin: str | None = ""
    # Series that never change, with their value.
    lasting: dict[str, float] = field(default_factory=dict)


def state(name: str) -> dict[str, list[float]]:
    return {f'retail_pipeline_state{{state="{name}"}}': gauge(0, 1)}


CASES = [
    Case("RetailStalled", state("stalled")),
    Case("RetailFallingBehind", state("falling behind"), fires_s=330),
    Case("RetailPartitionUnowned", {f"retail_partition_owned{TX}": gauge(1, 0)}),
    Case("RetailDataLost", {f"retail_partition_lost_records{TX}": gauge(0, 1)}),
    Case("RetailRewound", state("rewound")),
    Case(
        "RetailProducerHangs",
        {"retail_producer_last_cycle_timestamp_seconds": age(300, 301)},
        lasting={'up{job="retail-producer"}': 1},
    ),
    Case("RetailNoProcessor", {"retail_processors_alive": gauge(1, 0)}),
    Case("RetailProcessorWaits", {"retail_processors_stalled": gauge(0, 1)}),
    Case("RetailProcessorHangs", {"retail_processor_last_cycle_timestamp_seconds": age(30, 31)}),
    Case(
        "RetailProcessorCrashLoop",
        {
            'retail_processor_heartbeat_age_seconds{processor="a"}': gauge(16, 16),
            'retail_processor_heartbeat_age_seconds{processor="b"}': gauge(16, 16),
            'retail_processor_heartbeat_age_seconds{processor="c"}': gauge(15, 16),
        },
        twin=None,  # without a heartbeat there is no processor, which has an alert
    ),
    Case(
        "RetailDeadLetterShare",
        {
            "retail_processor_rows_quarantined_total": counter(5, 400),
            "retail_processor_rows_stored_total": counter(100, 100),
        },
        resolves_s=420,
        twin="retail_processor_rows_quarantined_total",
    ),
    Case(
        "RetailReconcileDiffers",
        {'retail_reconciliation_verdict{verdict="differ"}': gauge(0, 1)},
    ),
    Case(
        "RetailReconcileOld",
        {"retail_reconciliation_timestamp_seconds": age(900, 901)},
        fires_s=90,
    ),
    Case("RetailSummariesStale", {"retail_dirty_days_oldest_seconds": gauge(120, 121)}),
    Case("RetailDaysFailed", {"retail_failed_days": gauge(0, 1)}),
    Case("RetailNoNewRows", {"retail_last_stored_timestamp_seconds": age(86_400, 86_401)}),
    Case("RetailSourceSilent", {'retail_source_silent_seconds{source="a.csv"}': gauge(300, 301)}),
    Case(
        "RetailLatencyBudgetBurnt",
        {
            'retail_processor_delay_seconds_bucket{le="30.0"}': counter(9, 2),
            "retail_processor_delay_seconds_count": counter(10, 10),
        },
        fires_s=420,
        resolves_s=420,
        twin="retail_processor_delay_seconds",
    ),
    Case(
        "RetailCompletenessBudgetBurnt",
        {
            "retail_processor_rows_quarantined_total": counter(14, 100),
            "retail_processor_rows_stored_total": counter(1_000, 1_000),
        },
        resolves_s=420,
        twin="retail_processor_rows_stored_total",
    ),
    Case("RetailKafkaUnreadable", {'retail_observation_up{part="group"}': gauge(1, 0)}),
    Case("RetailMongoUnreadable", {'retail_observation_up{part="database"}': gauge(1, 0)}),
    Case("RetailZooKeeperAway", {'retail_observation_up{part="zookeeper"}': gauge(1, 0)}),
    *(
        Case(alert, {f'retail_check_ok{{check="{name}"}}': gauge(1, 0)})
        for alert, name in (
            ("RetailTopicsWrong", "topics"),
            ("RetailUserRefused", "users"),
            ("RetailSchemaWrong", "schema"),
            ("RetailDashboardAway", "dashboard"),
            ("RetailClockWrong", "clock"),
        )
    ),
    Case(
        "RetailDashboardFails",
        {"retail_dashboard_draw_failures_total": counter(0.3, 3)},
        resolves_s=240,
    ),
    Case("RetailDiskLow", {"retail_disk_free_bytes": gauge(2e9, 1.9e9)}),
    Case(
        "RetailCertificateExpires",
        {'retail_certificate_remaining_seconds{certificate="a"}': gauge(1_209_600, 1_209_599)},
        lasting={'retail_observation_up{part="certificates"}': 0},
    ),
    Case("RetailTargetDown", {'up{job="retail-processor"}': gauge(1, 0)}),
    Case("RetailExporterHangs", {"retail_observation_timestamp_seconds": age(60, 61)}),
]


def firing(alert: str, moment: int, expected: bool, **labels: str) -> dict[str, Any]:
    """Return a question: does an alert fire at ``moment``, in seconds?"""
    matchers = {"alertname": alert, "alertstate": "firing", **labels}
    chosen = ",".join(f'{name}="{value}"' for name, value in matchers.items())
    return {
        "expr": f"count(ALERTS{{{chosen}}}) > bool 0",
        "eval_time": f"{moment}s",
        "exp_samples": [{"labels": "{}", "value": 1}] if expected else [],
    }


def questions(case: Case) -> list[dict[str, Any]]:
    """Return what has to hold for an alert."""
    asked = [
        firing(case.alert, BROKEN - STEP, False),
        firing(case.alert, BROKEN + case.fires_s, True),
        firing(case.alert, FIXED - STEP, True),
        firing(case.alert, FIXED + case.resolves_s, False),
        firing(case.alert, END, False),
    ]
    if case.twin is not None:
        metric = case.twin or next(iter(case.series)).partition("{")[0]
        asked.append(firing("RetailMetricAbsent", GONE - STEP, False, metric=metric))
        asked.append(firing("RetailMetricAbsent", END, True, metric=metric))
    return asked


def promtool(*arguments: str | Path) -> str:
    """Run promtool; return its output.

    Raises:
        AssertionError: it found something wrong.
    """
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(
    series: dict[str, list[float]],
    asked: list[dict[str, Any]],
    folder: Path,
    lasting: dict[str, float] | None = None,
) -> None:
    """Let promtool answer questions about series, and others that never change."""
    values = {
        **{name: " ".join(f"{v:.12g}" for v in each) + " stale" for name, each in series.items()},
        **{name: f"{value}x{END // STEP}" for name, value in (lasting or {}).items()},
    }
    test = {
        "interval": f"{STEP}s",
        "input_series": [{"series": name, "values": each} for name, each in values.items()],
        "promql_expr_test": asked,
    }
    file = folder / "test.yml"
    # JSON is YAML.
    file.write_text(
        json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "15s", "tests": [test]})
    )
    promtool("test", "rules", file)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_alert_fires_resolves_and_is_silent_just_below_its_threshold(
    case: Case, tmp_path: Path
) -> None:
    check(case.series, questions(case), tmp_path, case.lasting)


def test_the_rules_are_free_of_errors_and_warnings() -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_every_alert_is_tested() -> None:
    [group] = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    alerts = {rule["alert"] for rule in group["rules"]}
    assert alerts - {case.alert for case in CASES} == {"RetailMetricAbsent", "RetailWatchdog"}


def test_the_watchdog_always_fires(tmp_path: Path) -> None:
    check({}, [firing("RetailWatchdog", moment, True) for moment in (0, BROKEN, END)], tmp_path)


@pytest.mark.parametrize(
    "metric",
    ["retail_certificate_remaining_seconds", "retail_producer_last_cycle_timestamp_seconds"],
)
def test_what_is_not_there_by_choice_is_not_missed(metric: str, tmp_path: Path) -> None:
    asked = [firing("RetailMetricAbsent", moment, False, metric=metric) for moment in (0, END)]
    # The twin works: another metric is missed.
    asked.append(firing("RetailMetricAbsent", END, True, metric="up"))
    check({}, asked, tmp_path)


def test_shares_of_a_few_rows_decide_nothing(tmp_path: Path) -> None:
    series = {
        "retail_processor_rows_quarantined_total": counter(0.9, 0.9),
        "retail_processor_rows_stored_total": counter(0, 0),
        'retail_processor_delay_seconds_bucket{le="30.0"}': counter(0, 0),
        "retail_processor_delay_seconds_count": counter(0.9, 0.9),
    }
    shares = ("DeadLetterShare", "LatencyBudgetBurnt", "CompletenessBudgetBurnt")
    asked = [
        firing(f"Retail{alert}", moment, False)
        for alert in shares
        for moment in range(BROKEN, GONE, 60)
    ]
    check(series, asked, tmp_path)
