"""Grafana's dashboards: their queries ask for what is exported, and each panel explains itself.

`make test-grafana` checks their JSON against Grafana's types.
"""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest
import yaml

from retail_pipeline.domain.reconciliation import Verdict
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.operations.metrics import Histogram
from retail_pipeline.operations.verdict import State
from tests.paths import ROOT
from tests.unit.project.test_alerts import ALL, RULES, named, series_of
from tests.unit.project.test_docs_settings import used_by_compose

GRAFANA = ROOT / "monitoring" / "grafana"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((GRAFANA / "dashboards").glob("*.json"))
}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
]
EXPRESSIONS = [
    query["expr"]
    for dashboard in DASHBOARDS.values()
    for panel in dashboard["panels"]
    for query in panel["targets"]
]
# What Prometheus and its client export by themselves.
OF_PROMETHEUS = {"up", "ALERTS", "scrape_samples_scraped", "scrape_duration_seconds"}
OF_EACH_PROCESS = {
    *("process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"),
    *("process_open_fds", "process_max_fds"),
}
FUNCTIONS = {
    *("changes", "count", "delta", "histogram_quantile", "increase", "max", "rate", "sum"),
    *("time", "vector", "or"),
}
# The values that each label can have in a query.
VALUES = {
    "state": {*State},
    "verdict": {*Verdict},
    "kind": {*Kind},
    "alertstate": {"firing"},
    "alertname": {rule["alert"] for rule in RULES},
    "le": {str(float(each)) for m in ALL if isinstance(m, Histogram) for each in m.buckets},
}


def names(expression: str) -> set[str]:
    """Return the names of the series in an expression of PromQL."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\bby \([^)]*\)", "", expression)
    return set(re.findall(r"[A-Za-z_:][\w:]*", bare)) - FUNCTIONS


def test_there_are_three_dashboards_with_names_of_their_own() -> None:
    assert set(DASHBOARDS) == {"pipeline", "business", "infrastructure"}
    assert {each["uid"] for each in DASHBOARDS.values()} == {f"retail-{n}" for n in DASHBOARDS}


@pytest.mark.parametrize("panel", PANELS)
def test_every_series_of_a_panel_is_exported(panel: dict[str, Any]) -> None:
    known = {name for metric in ALL for name in series_of(metric)}
    for query in panel["targets"]:
        assert names(query["expr"])
        assert names(query["expr"]) <= known | OF_PROMETHEUS | OF_EACH_PROCESS


@pytest.mark.parametrize("panel", PANELS)
def test_a_label_in_a_query_has_a_value_that_is_exported(panel: dict[str, Any]) -> None:
    for query in panel["targets"]:
        for label, value in re.findall(r'(\w+)!?="([^"]*)"', query["expr"]):
            assert value in VALUES[label], f"{label}={value}"


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_has_a_unit_and_says_what_it_means(panel: dict[str, Any]) -> None:
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["title"] and panel["description"].endswith(".")
    if len(panel["targets"]) > 1:
        assert all(query["legendFormat"] for query in panel["targets"])
        assert len({query["refId"] for query in panel["targets"]}) == len(panel["targets"])


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_no_two_panels_overlap(dashboard: dict[str, Any]) -> None:
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_asks_the_data_source_that_is_set_up(panel: dict[str, Any]) -> None:
    file = GRAFANA / "provisioning" / "datasources" / "prometheus.yml"
    [source] = yaml.safe_load(file.read_text("utf-8"))["datasources"]
    expected = {"type": source["type"], "uid": source["uid"]}
    assert panel["datasource"] == expected
    assert all(query["datasource"] == expected for query in panel["targets"])


def test_every_metric_is_used_by_a_panel_or_an_alert() -> None:
    used = {name for text in EXPRESSIONS for name in names(text)}
    used |= {name for rule in RULES for name in named(rule["expr"])}
    assert {metric.name for metric in ALL if not series_of(metric) & used} == set()


def test_the_types_are_those_of_the_grafana_that_compose_starts() -> None:
    package = json.loads((GRAFANA / "check" / "package.json").read_text("utf-8"))
    assert package["devDependencies"]["@grafana/schema"] == used_by_compose()["GRAFANA_VERSION"]
