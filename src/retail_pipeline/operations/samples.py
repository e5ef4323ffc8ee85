"""The values of the exporter's metrics, from one observation and the report on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from retail_pipeline.domain.heartbeat import StoredHeartbeat
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.reconciliation import Verdict
from retail_pipeline.operations import metrics
from retail_pipeline.operations.certificates import Certificate
from retail_pipeline.operations.health import Status
from retail_pipeline.operations.metrics import Gauge
from retail_pipeline.operations.observation import (
    DatabaseObservation,
    GroupObservation,
    Observation,
)
from retail_pipeline.operations.report import PartitionReport, Report
from retail_pipeline.operations.sales import SalesObservation
from retail_pipeline.operations.verdict import State

# A processor that died longer ago is no longer exported: each restart has a name of its own.
_HEARTBEATS_SECONDS = 600.0
_QUANTILES = ("0.5", "0.95", "0.99")


class Sample(NamedTuple):
    """A gauge's value; ``values`` are those of its labels."""

    metric: Gauge
    value: float
    values: tuple[str, ...] = ()


def samples(observation: Observation, report: Report) -> Iterator[Sample]:
    """Yield a sample for each value that is known; what could not be read has none."""
    yield Sample(metrics.OBSERVED_AT, observation.at.timestamp())
    for part in observation.parts:
        yield Sample(metrics.OBSERVED, part not in observation.problems, (part,))
    yield from _states(metrics.PIPELINE_STATE, State, report.verdict.state)
    if observation.group:
        yield from _of_group(observation.group, report.partitions)
    if observation.processors is not None:
        yield from _of_processors(observation.processors)
    if observation.dirty_days is not None:
        yield Sample(metrics.DIRTY_DAYS, observation.dirty_days)
    if observation.database:
        yield from _of_database(observation.database)
    yield from _of_sources(observation.sources or (), observation.at)
    if observation.host:
        yield Sample(metrics.DISK_FREE, observation.host.disk_free)
        yield Sample(metrics.DISK_SIZE, observation.host.disk_total)
    if observation.sales:
        yield from _of_sales(observation.sales)
    yield from _of_certificates(observation.certificates or (), observation.at)
    state = observation.reconciliation
    if state and state.verdict and state.at:
        yield from _states(metrics.RECONCILIATION, Verdict, state.verdict)
        yield Sample(metrics.RECONCILED_AT, state.at.timestamp())
    for name, finding in observation.findings.items():
        yield Sample(metrics.CHECK_OK, finding.status is Status.OK, (name,))


def _states(metric: Gauge, kind: Iterable[StrEnum], now: StrEnum) -> Iterator[Sample]:
    for each in kind:
        yield Sample(metric, each is now, (each.value,))


def _of_group(group: GroupObservation, partitions: Iterable[PartitionReport]) -> Iterator[Sample]:
    yield Sample(metrics.GROUP_MEMBERS, group.members)
    lost = {each.key: each.lost for each in group.partitions}
    for each in partitions:
        place = each.topic, str(each.partition)
        yield Sample(metrics.END_OFFSET, each.end, place)
        yield Sample(metrics.COMMITTED_OFFSET, each.committed, place)
        yield Sample(metrics.LAG, each.lag, place)
        yield Sample(metrics.LOST, lost[each.topic, each.partition], place)
        yield Sample(metrics.OWNED, each.owner is not None, place)
        age_s = each.age_s if each.lag else 0.0
        if age_s is not None:
            yield Sample(metrics.OLDEST_SECONDS, age_s, place)


def _of_processors(processors: Iterable[StoredHeartbeat]) -> Iterator[Sample]:
    known = list(processors)
    yield Sample(metrics.PROCESSORS_ALIVE, sum(each.alive for each in known))
    yield Sample(metrics.PROCESSORS_STALLED, sum(each.stalled for each in known))
    for each in known:
        if not each.stopped and each.age_s < _HEARTBEATS_SECONDS:
            yield Sample(metrics.HEARTBEAT_SECONDS, each.age_s, (each.name,))


def _of_sources(sources: Iterable[Manifest], at: datetime) -> Iterator[Sample]:
    newest: dict[str, Manifest] = {}
    for each in sources:
        # A file that was changed while it was sent is another source, and this one has no end.
        newest.setdefault(each.name, each)
    for name, source in newest.items():
        silent_s = 0.0 if source.complete else max(0.0, (at - source.updated_at).total_seconds())
        yield Sample(metrics.SOURCE_SILENT, silent_s, (name,))


def _of_certificates(certificates: Iterable[Certificate], at: datetime) -> Iterator[Sample]:
    for each in certificates:
        if (left_s := each.left_s(at)) is not None:
            yield Sample(metrics.CERTIFICATE_LEFT, left_s, (each.name,))


def _of_database(database: DatabaseObservation) -> Iterator[Sample]:
    yield Sample(metrics.STORED, database.stored)
    yield Sample(metrics.QUARANTINED, database.quarantined)
    yield Sample(metrics.FAILED_DAYS, database.failed_days)
    if database.dirty_s is not None:
        yield Sample(metrics.DIRTY_SECONDS, database.dirty_s)
    if database.last_stored_at:
        yield Sample(metrics.STORED_AT, database.last_stored_at.timestamp())
    if database.latencies_s:
        for quantile, latency in zip(_QUANTILES, database.latencies_s, strict=True):
            yield Sample(metrics.LATENCY, latency, (quantile,))


def _of_sales(sales: SalesObservation) -> Iterator[Sample]:
    for kind, sums in sales.by_kind.items():
        yield Sample(metrics.SALES, float(sums.amount), (kind.value,))
        yield Sample(metrics.LINES, sums.lines, (kind.value,))
        yield Sample(metrics.UNITS, sums.units, (kind.value,))
    if sales.latest_day:
        yield Sample(metrics.LATEST_DAY, sales.latest_day.timestamp())
