"""Serves metrics to Prometheus; see :mod:`retail_pipeline.operations.metrics`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from retail_pipeline.errors import PermanentError
from retail_pipeline.operations.metrics import Counter, Gauge, Histogram, Metric, Recorder
from retail_pipeline.operations.samples import Sample

# A series more for each counter and histogram, which no rule and no panel uses.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs has no types


class PrometheusRecorder(Recorder):
    """Records the metrics of this process for ``registry``, and what the system knows of it.

    A counter begins at 0; a gauge is NaN, or absent if it has labels, until it is set.
    """

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self.registry = _registry()
        self._made = {metric: _made(metric, self.registry) for metric in metrics}

    def add(self, metric: Counter, amount: float = 1, *values: str) -> None:
        """Add to a counter."""
        self._of(metric, values).inc(amount)

    def set(self, metric: Gauge, value: float, *values: str) -> None:
        """Set a gauge."""
        self._of(metric, values).set(value)

    def observe(self, metric: Histogram, value: float, *values: str) -> None:
        """Count one value."""
        self._of(metric, values).observe(value)

    def _of(self, metric: Metric, values: tuple[str, ...]) -> Any:
        made = self._made[metric]
        return made.labels(*values) if values else made


class _Samples(Collector):
    """Exports what ``read`` returns at the moment when Prometheus asks."""

    def __init__(self, read: Callable[[], Iterable[Sample]]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families: dict[Metric, GaugeMetricFamily] = {}
        for metric, value, values in self._read():
            if metric not in families:
                families[metric] = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            families[metric].add_metric(values, float(value))
        yield from families.values()


def samples_registry(read: Callable[[], Iterable[Sample]]) -> CollectorRegistry:
    """Return a registry that exports what ``read`` returns whenever it is asked."""
    registry = _registry()
    registry.register(_Samples(read))
    return registry


def as_text(read: Callable[[], Iterable[Sample]]) -> str:
    """Return what ``read`` returns now, in Prometheus' text format."""
    return generate_latest(_Samples(read)).decode()


def serve(registry: CollectorRegistry, address: str, port: int) -> None:
    """Answer Prometheus at ``address``:``port``, in a thread that ends with the process.

    Raises:
        PermanentError: nothing can listen there.
    """
    try:
        prometheus_client.start_http_server(port, address, registry)
    except OSError as error:
        raise PermanentError(
            f"metrics can't be served at {address}:{port}: {error.strerror or error};"
            " each process needs a port of its own: set another METRICS_PORT, or unset it"
        ) from error


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def _made(metric: Metric, registry: CollectorRegistry) -> Any:
    shared = (metric.name, metric.help, metric.labels)
    match metric:
        case Counter():
            return prometheus_client.Counter(*shared, registry=registry)
        case Histogram(buckets=buckets):
            return prometheus_client.Histogram(*shared, registry=registry, buckets=buckets)
    gauge = prometheus_client.Gauge(*shared, registry=registry)
    if not metric.labels:
        gauge.set(math.nan)
    return gauge
