"""The catalogue names each metric that code sets, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from retail_pipeline.operations import metrics
from retail_pipeline.operations.metrics import CATALOGUE, Counter, Gauge, Histogram, Metric
from tests.paths import ROOT

SOURCE = ROOT / "src"
CONSTANTS = {name: value for name, value in vars(metrics).items() if isinstance(value, Metric)}
ALL = [metric for of_process in CATALOGUE.values() for metric in of_process]
# The call that sets each type of metric, and the class of a sample.
SETTERS = {Counter: {"add"}, Gauge: {"set", "Sample", "_states"}, Histogram: {"observe"}}


@cache
def calls() -> frozenset[tuple[str, str]]:
    """Return each call in the code whose first argument is ``metrics.NAME``: function, NAME."""
    return frozenset(_calls())


def _calls() -> Iterator[tuple[str, str]]:
    for module in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr=function) | ast.Name(id=function),
                    args=[ast.Attribute(value=ast.Name(id="metrics"), attr=name), *_],
                ):
                    yield function, name


@pytest.mark.parametrize("name", CONSTANTS)
def test_every_metric_is_exported_by_one_process_and_set_by_code(name: str) -> None:
    metric = CONSTANTS[name]
    assert ALL.count(metric) == 1
    assert (SETTERS[type(metric)]) & {function for function, called in calls() if called == name}


def test_code_sets_nothing_that_the_catalogue_lacks() -> None:
    setters = set().union(*SETTERS.values())
    named = {name for function, name in calls() if function in setters}
    assert named <= CONSTANTS.keys()


def test_metrics_are_made_from_the_catalogue_alone() -> None:
    users = {
        module.relative_to(SOURCE).as_posix()
        for module in SOURCE.rglob("*.py")
        if "prometheus_client" in module.read_text("utf-8")
    }
    assert users == {"retail_pipeline/adapters/prometheus.py"}


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_name_follows_the_conventions_of_prometheus(metric: Metric) -> None:
    assert re.fullmatch(r"retail(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == isinstance(metric, Counter)
    assert ("_seconds" in metric.name) == (metric.unit == "seconds")
    assert metric.unit and metric.help.endswith(".")
    assert all(
        re.fullmatch(r"[a-z]+", label) and label not in {"le", "job"} for label in metric.labels
    )


def test_no_two_metrics_have_one_name() -> None:
    assert len({metric.name for metric in ALL}) == len(ALL)
