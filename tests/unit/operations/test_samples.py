"""What the exporter exports of an observation: all that is known, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from retail_pipeline.domain.heartbeat import StoredHeartbeat
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.reconciliation import Verdict
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.operations import metrics
from retail_pipeline.operations.certificates import Certificate
from retail_pipeline.operations.health import Finding, Status
from retail_pipeline.operations.metrics import EXPORTER, Gauge
from retail_pipeline.operations.observation import (
    OBSERVED_CHECKS,
    DatabaseObservation,
    GroupObservation,
    HostObservation,
    Observation,
    PartitionObservation,
    ReconciliationState,
)
from retail_pipeline.operations.report import Reporter
from retail_pipeline.operations.sales import SalesObservation, Sums
from retail_pipeline.operations.samples import samples
from tests import fakes

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PARTS = (
    *("group", "host", "zookeeper", "certificates"),
    *("processors", "dirty_days", "reconciliation", "database", "sources", "sales"),
    *OBSERVED_CHECKS,
)


def partition(number: int, **changes: Any) -> PartitionObservation:
    """Return a partition in which 7 records wait, the oldest for 30 seconds."""
    whole = PartitionObservation(
        topic="tx",
        partition=number,
        first=0,
        end=10,
        committed=3,
        owner="a",
        waiting_since=NOW - timedelta(seconds=30),
    )
    return msgspec.structs.replace(whole, **changes)


def heartbeat(name: str, **changes: Any) -> StoredHeartbeat:
    """Return the heartbeat of a processor that works."""
    whole = StoredHeartbeat(name=name, started_at=NOW, at=NOW, age_s=1.5)
    return msgspec.structs.replace(whole, **changes)


def manifest(**changes: Any) -> Manifest:
    """Return the report on a source whose end was reached."""
    updated_at = NOW - timedelta(hours=1)
    whole: dict[str, Any] = {"name": "a.csv", "complete": True, "updated_at": updated_at}
    return fakes.manifest(10, **{**whole, **changes})


def observation(**changes: Any) -> Observation:
    """Return an observation of a pipeline of which everything is known."""
    whole = Observation(
        at=NOW,
        group=GroupObservation(partitions=(partition(0),), members=2),
        processors=(heartbeat("a"),),
        dirty_days=4,
        database=DatabaseObservation(
            stored=100,
            quarantined=5,
            failed_days=0,
            dirty_s=12.5,
            last_stored_at=NOW - timedelta(seconds=60),
            latencies_s=(1.0, 2.0, 3.0),
        ),
        sources=(manifest(),),
        host=HostObservation(
            cores=2,
            cpu=None,
            memory_used=1,
            memory_total=2,
            disk_free=30,
            disk_total=100,
            received=None,
            sent=None,
            services=(),
        ),
        reconciliation=ReconciliationState(Verdict.AGREE, NOW - timedelta(seconds=90)),
        zookeeper="standalone",
        sales=SalesObservation(
            by_kind={Kind.SALE: Sums(2, 12, Decimal("15.300001"))},
            latest_day=datetime(2011, 12, 9, tzinfo=UTC),
        ),
        certificates=(Certificate(name="MongoDB db:1", expires_at=NOW + timedelta(days=90)),),
        topics=Finding(Status.OK, "as expected"),
        users=Finding(Status.OK, "signed in"),
        schema=Finding(Status.OK, "in place"),
        clock=Finding(Status.OK, "differs by 0.0 s"),
        parts=PARTS,
    )
    return msgspec.structs.replace(whole, **changes)


def exported(observed: Observation) -> dict[tuple[Gauge, tuple[str, ...]], float]:
    """Return the samples, each by its metric and labels."""
    found = list(samples(observed, Reporter().report(observed)))
    by_series = {(each.metric, each.values): each.value for each in found}
    assert len(by_series) == len(found), "a series is exported twice"
    assert all(len(metric.labels) == len(values) for metric, values in by_series)
    return by_series


def names(observed: Observation) -> set[Gauge]:
    """Return the metrics that have a sample."""
    return {metric for metric, _ in exported(observed)}


def test_everything_that_is_known_is_exported() -> None:
    found = exported(observation())
    assert {metric for metric, _ in found} == set(EXPORTER)
    assert found[metrics.LAG, ("tx", "0")] == 7
    assert found[metrics.OLDEST_SECONDS, ("tx", "0")] == 30
    assert found[metrics.PIPELINE_STATE, ("waiting",)] == 1
    assert sum(found[key] for key in found if key[0] is metrics.PIPELINE_STATE) == 1
    assert found[metrics.RECONCILIATION, ("agree",)] == 1
    assert found[metrics.RECONCILIATION, ("differ",)] == 0
    assert found[metrics.CERTIFICATE_LEFT, ("MongoDB db:1",)] == 90 * 86_400
    assert found[metrics.STORED_AT, ()] == NOW.timestamp() - 60
    assert found[metrics.SALES, ("sale",)] == 15.300001
    assert found[metrics.UNITS, ("sale",)] == 12 and found[metrics.LINES, ("sale",)] == 2
    assert all(found[metrics.OBSERVED, (part,)] == 1 for part in PARTS)


def test_a_check_is_exported_as_ok_or_not_and_absent_if_it_does_not_apply() -> None:
    found = exported(
        observation(
            topics=Finding(Status.WARN, "tx: retention.ms is 5"),
            users=Finding(Status.FAIL, "retail_writer: can't sign in"),
            dashboard=None,
        )
    )
    checks = {values: value for (metric, values), value in found.items() if "check" in metric.name}
    assert checks == {("topics",): 0, ("users",): 0, ("schema",): 1, ("clock",): 1}


def test_what_could_not_be_read_is_absent_and_not_zero() -> None:
    nothing = Observation(at=NOW, parts=PARTS, problems=dict.fromkeys(PARTS, "away"))
    found = exported(nothing)
    assert {metric for metric, _ in found} == {
        *(metrics.OBSERVED, metrics.OBSERVED_AT, metrics.PIPELINE_STATE)
    }
    assert all(found[metrics.OBSERVED, (part,)] == 0 for part in PARTS)
    assert found[metrics.PIPELINE_STATE, ("unknown",)] == 1


def test_the_age_of_a_waiting_record_is_absent_while_unknown_and_0_if_none_waits() -> None:
    group = GroupObservation(
        partitions=(
            partition(0, waiting_since=None),
            partition(1, waiting_since=None, committed=10),
        ),
        members=1,
    )
    found = exported(observation(group=group))
    assert (metrics.OLDEST_SECONDS, ("tx", "0")) not in found
    assert found[metrics.OLDEST_SECONDS, ("tx", "1")] == 0


def test_a_partition_without_owner_and_lost_records_are_exported() -> None:
    group = GroupObservation(partitions=(partition(0, owner=None, first=5),), members=0)
    found = exported(observation(group=group))
    assert found[metrics.OWNED, ("tx", "0")] == 0
    assert found[metrics.LOST, ("tx", "0")] == 2


def test_a_processor_that_stopped_in_good_order_or_died_long_ago_has_no_heartbeat() -> None:
    known = (
        heartbeat("works"),
        heartbeat("waits", quiet_s=20.0),
        heartbeat("died", age_s=60.0),
        heartbeat("stopped", stopped=True),
        heartbeat("forgotten", age_s=3_600.0),
    )
    found = exported(observation(processors=known))
    ages = {values: age for (metric, values), age in found.items() if "age" in metric.name}
    assert ages == {("works",): 1.5, ("waits",): 1.5, ("died",): 60.0}
    assert found[metrics.PROCESSORS_ALIVE, ()] == 2
    assert found[metrics.PROCESSORS_STALLED, ()] == 1


def test_before_the_first_count_check_there_is_no_verdict() -> None:
    before = names(observation(reconciliation=ReconciliationState()))
    assert before == set(EXPORTER) - {metrics.RECONCILIATION, metrics.RECONCILED_AT}


def test_a_source_is_silent_from_its_last_report_until_its_end_is_reached() -> None:
    newest_first = (
        manifest(name="half.csv", complete=False),
        manifest(name="ahead.csv", complete=False, updated_at=NOW + timedelta(seconds=5)),
        manifest(name="whole.csv"),
    )
    found = exported(observation(sources=newest_first))
    silent = {values: value for (metric, values), value in found.items() if "silent" in metric.name}
    assert silent == {("half.csv",): 3600, ("ahead.csv",): 0, ("whole.csv",): 0}


def test_of_a_file_that_was_changed_only_the_newest_source_counts() -> None:
    found = exported(observation(sources=(manifest(), manifest(source="s0", complete=False))))
    assert found[metrics.SOURCE_SILENT, ("a.csv",)] == 0
