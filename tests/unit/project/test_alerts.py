"""The alerts use metrics that exist, and each has a runbook."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from retail_pipeline.domain.reconciliation import Verdict
from retail_pipeline.operations import metrics
from retail_pipeline.operations.alerts import CONDITIONS as WITHOUT_PROMETHEUS
from retail_pipeline.operations.alerts import NEEDS_PROMETHEUS, Compares, rendered
from retail_pipeline.operations.checks import CHECKS
from retail_pipeline.operations.disk import LOW_DISK
from retail_pipeline.operations.metrics import CATALOGUE, Histogram
from retail_pipeline.operations.observation import OBSERVED_CHECKS
from retail_pipeline.operations.verdict import State
from tests.paths import ROOT
from tests.unit.operations.test_samples import PARTS
from tests.unit.project.test_docs import anchors

RULES: list[dict[str, Any]] = [
    rule
    for file in sorted((ROOT / "monitoring" / "rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
TWIN = next(rule for rule in RULES if rule["alert"] == "RetailMetricAbsent")
CONDITIONS = [rule for rule in RULES if rule is not TWIN]
ALL = {metric for of_process in CATALOGUE.values() for metric in of_process}
NAME = re.compile(r"\bretail_[a-z_]+")
# The values that each label can have in a rule.
VALUES = {
    "state": {*State},
    "verdict": {*Verdict},
    "part": {*PARTS},
    "check": {*OBSERVED_CHECKS},
    "le": {
        str(float(bound))
        for metric in ALL
        if isinstance(metric, Histogram)
        for bound in metric.buckets
    },
}
# What `retail health` has no check of.
OTHER_CHECKS = {"dead_letters", "data", "latency", "metrics"}
# For graphs and for people: no alert needs them.
WITHOUT_ALERT = {
    *(metrics.ROWS_READ, metrics.ROWS_SENT, metrics.ROWS_REJECTED, metrics.SOURCES_COMPLETED),
    *(metrics.ACKNOWLEDGED_AT, metrics.ROWS_DIVERTED),
    *(metrics.BATCH_SECONDS, metrics.PARTITIONS_ASSIGNED, metrics.DRAW_SECONDS),
    *(metrics.END_OFFSET, metrics.COMMITTED_OFFSET, metrics.LAG, metrics.OLDEST_SECONDS),
    *(metrics.GROUP_MEMBERS, metrics.DIRTY_DAYS, metrics.STORED, metrics.QUARANTINED),
    *(metrics.LATENCY, metrics.DISK_SIZE),
    *(metrics.SALES, metrics.LINES, metrics.UNITS, metrics.LATEST_DAY),
}


def series_of(metric: metrics.Metric) -> set[str]:
    """Return the names of a metric's series."""
    if isinstance(metric, Histogram):
        return {metric.name + end for end in ("_bucket", "_count", "_sum")}
    return {metric.name}


def named(expression: str) -> set[str]:
    """Return the names of the pipeline's series in an expression, without texts in quotes."""
    return set(NAME.findall(re.sub(r'"[^"]*"', "", expression)))


def test_every_metric_of_an_alert_is_exported() -> None:
    known = {name for metric in ALL for name in series_of(metric)}
    assert {name for rule in RULES for name in named(rule["expr"])} <= known


def test_a_metric_that_no_alert_uses_is_listed_here() -> None:
    used = {name for rule in CONDITIONS for name in named(rule["expr"])}
    assert {metric for metric in ALL if not series_of(metric) & used} == WITHOUT_ALERT


@pytest.mark.parametrize("rule", CONDITIONS, ids=lambda rule: rule["alert"])
def test_a_label_in_a_rule_has_a_value_that_is_exported(rule: dict[str, Any]) -> None:
    for label, value in re.findall(r'(\w+)="([^"]*)"', rule["expr"]):
        assert value in VALUES[label], f"{label}={value}"


def test_the_twin_fires_for_each_metric_without_which_an_alert_is_silent() -> None:
    used = {name.removesuffix("_bucket") for rule in CONDITIONS for name in named(rule["expr"])}
    twins = set(re.findall(r"absent\((\w+)", TWIN["expr"]))
    assert {name.removesuffix("_count") for name in twins} == {
        *(name.removesuffix("_count") for name in used - {metrics.HEARTBEAT_SECONDS.name}),
        "up",
    }
    # The label names the metric that is absent.
    for absent, label in re.findall(r'absent\((\w+).*?"metric", "(\w+)"', TWIN["expr"]):
        assert absent.removesuffix("_count") == label


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_its_runbook_has_a_heading_for_it(
    rule: dict[str, Any],
) -> None:
    texts = rule["annotations"]
    assert texts.keys() == {"summary", "impact", "causes", "actions", "runbook"}
    assert all(text.endswith(".") for name, text in texts.items() if name != "runbook")
    assert rule["labels"]["severity"] in {"critical", "warning", "none"}
    assert rule["alert"] == "RetailWatchdog" or rule["keep_firing_for"]
    assert rule["labels"]["check"] in {*CHECKS, *OTHER_CHECKS}
    path, _, anchor = texts["runbook"].partition("#")
    assert path == f"docs/runbooks/{rule['labels']['check']}.md"
    assert anchor == rule["alert"].lower()
    assert anchor in anchors(ROOT / path)


def test_the_disk_is_low_for_the_alert_and_the_health_check_alike() -> None:
    [expression] = [rule["expr"] for rule in RULES if rule["alert"] == "RetailDiskLow"]
    assert float(expression.rpartition("<")[2]) == LOW_DISK


def test_every_heading_of_a_runbook_is_an_alert() -> None:
    alerts = {rule["alert"] for rule in RULES}
    for page in (ROOT / "docs" / "runbooks").glob("*.md"):
        headings = re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE)
        assert set(headings) <= alerts, page.name


def test_each_alert_is_decided_by_retail_alert_or_named_with_the_reason_why_not() -> None:
    assert not WITHOUT_PROMETHEUS.keys() & NEEDS_PROMETHEUS.keys()
    assert WITHOUT_PROMETHEUS.keys() | NEEDS_PROMETHEUS.keys() == {rule["alert"] for rule in RULES}
    assert all(NEEDS_PROMETHEUS.values())


@pytest.mark.parametrize(
    ("name", "condition"),
    [pair for pair in WITHOUT_PROMETHEUS.items() if isinstance(pair[1], Compares)],
)
def test_retail_alert_and_prometheus_decide_by_the_same_comparison(
    name: str, condition: Compares
) -> None:
    [expression] = [rule["expr"] for rule in RULES if rule["alert"] == name]
    assert condition.expression == expression
    assert condition.part in {*PARTS, None}


@pytest.mark.parametrize("name", WITHOUT_PROMETHEUS)
def test_retail_alert_fills_in_each_summary(name: str) -> None:
    [summary] = [rule["annotations"]["summary"] for rule in RULES if rule["alert"] == name]
    metric = getattr(WITHOUT_PROMETHEUS[name], "metric", None)
    labels = tuple((label, "x") for label in (metric.labels if metric else ("metric",)))
    assert "{{" not in rendered(summary, labels, 1.0)
