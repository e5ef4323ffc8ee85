"""Metrics as Prometheus reads them."""

from __future__ import annotations

import socket
from contextlib import closing
from datetime import timedelta
from urllib.request import urlopen

import pytest
from prometheus_client import generate_latest

from retail_devstack.ports import pick
from retail_pipeline.adapters.prometheus import (
    PrometheusRecorder,
    as_text,
    samples_registry,
    serve,
)
from retail_pipeline.errors import PermanentError
from retail_pipeline.operations import metrics
from retail_pipeline.operations.metrics import CATALOGUE, Counter, Gauge, Histogram
from retail_pipeline.operations.observation import GroupObservation
from retail_pipeline.operations.report import Reporter
from retail_pipeline.operations.samples import Sample, samples
from retail_pipeline.operations.verdict import State
from tests.unit.operations.test_samples import NOW, heartbeat, observation, partition

PAGES = ("Overview", "Products", "Customers", "Returns and adjustments", "Live", "Data quality")


def series(text: str) -> list[str]:
    """Return the series of a text, each by its name and labels."""
    return [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]


def recorded(process: str) -> str:
    """Return what a process exports that has set each of its metrics."""
    recorder = PrometheusRecorder(CATALOGUE[process])
    for metric in CATALOGUE[process]:
        for values in [(page,) for page in PAGES] if metric.labels else [()]:
            match metric:
                case Counter():
                    recorder.add(metric, 1, *values)
                case Gauge():
                    recorder.set(metric, 1, *values)
                case Histogram():
                    recorder.observe(metric, 1, *values)
    return generate_latest(recorder.registry).decode()


def test_a_counter_begins_at_0_and_a_gauge_is_unknown_until_it_is_set() -> None:
    recorder = PrometheusRecorder(metrics.PROCESSOR)
    before = generate_latest(recorder.registry).decode()
    assert "\nretail_processor_rows_stored_total 0.0\n" in before
    assert "\nretail_processor_partitions_assigned NaN\n" in before
    recorder.add(metrics.ROWS_STORED, 5)
    recorder.set(metrics.PARTITIONS_ASSIGNED, 3)
    recorder.observe(metrics.BATCH_SECONDS, 0.2)
    after = generate_latest(recorder.registry).decode()
    assert "\nretail_processor_rows_stored_total 5.0\n" in after
    assert "\nretail_processor_partitions_assigned 3.0\n" in after
    assert '\nretail_processor_batch_seconds_bucket{le="0.25"} 1.0\n' in after


def test_a_metric_of_another_process_cannot_be_recorded() -> None:
    with pytest.raises(KeyError):
        PrometheusRecorder(metrics.PROCESSOR).add(metrics.ROWS_READ)


def test_each_question_gets_the_newest_samples() -> None:
    newest = iter((4, 5))
    port = pick(None)
    registry = samples_registry(lambda: [Sample(metrics.DIRTY_DAYS, next(newest))])
    serve(registry, "127.0.0.1", port)
    for days in (4, 5):
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        assert f"\nretail_dirty_days {days}.0\n" in text
        assert "# TYPE retail_dirty_days gauge\n" in text


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        registry = PrometheusRecorder(metrics.PRODUCER).registry
        with pytest.raises(PermanentError, match=rf"127.0.0.1:{port}.*set another METRICS_PORT"):
            serve(registry, "127.0.0.1", port)


def test_6_partitions_and_3_processors_are_at_most_500_series() -> None:
    places = [*(("tx", number) for number in range(6)), ("tx.dlq", 0), ("tx.manifests", 0)]
    group = GroupObservation(
        partitions=tuple(partition(number, topic=topic) for topic, number in places), members=3
    )
    # Each of the three was restarted twice within ten minutes.
    processors = tuple(heartbeat(f"retail-processor-{number}") for number in range(9))
    observed = observation(group=group, processors=processors, at=NOW + timedelta(seconds=1))
    exporter = as_text(lambda: samples(observed, Reporter().report(observed)))
    counts = {
        "exporter": len(series(exporter)) + 6,  # what the system knows of its process
        "processors": 3 * len(series(recorded("processor"))),
        "producer": len(series(recorded("producer"))),
        "dashboard": len(series(recorded("dashboard"))),
    }
    assert sum(line.startswith("retail_pipeline_state") for line in series(exporter)) == len(State)
    assert sum(counts.values()) <= 500, counts
