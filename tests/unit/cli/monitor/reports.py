"""Reports for tests of the monitor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from retail_pipeline.operations.observation import (
    DatabaseObservation,
    HostObservation,
    ServiceUsage,
)
from retail_pipeline.operations.report import PartitionReport, Report, SourceReport
from retail_pipeline.operations.verdict import State, Verdict

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def partition(number: int, lag: int) -> PartitionReport:
    """Return a partition of 5,000 records."""
    return PartitionReport(
        topic="retail_transactions",
        partition=number,
        committed=5_000 - lag,
        end=5_000,
        lag=lag,
        age_s=12.5 if lag else None,
        owner="retail-processor-shop-7",
        hot=number == 1,
    )


def report(seconds: int = 0, **changes: Any) -> Report:
    """Return the report of a pipeline that drains a backlog, ``seconds`` after START."""
    values: dict[str, Any] = {
        "at": START + timedelta(seconds=seconds),
        "verdict": Verdict(
            state=State.DRAINING,
            detail="90 records wait, 10 are stored each second",
            partitions=("retail_transactions[1]",),
            owners=("retail-processor-shop-7",),
            seconds_left=9.0,
        ),
        "lag": 90,
        "oldest_s": 12.5,
        "arriving": 0.0,
        "storing": 10.0,
        "members": 1,
        "processors": 1,
        "dirty_days": 3,
        "reconciliation": "complete",
        "reconciled_at": START - timedelta(seconds=20),
        "partitions": (partition(0, 0), partition(1, 90)),
        "problems": {},
        "rows_stored": 10.0,
        "rows_quarantined": 0.0,
        "database": DatabaseObservation(
            stored=4_321,
            quarantined=17,
            failed_days=0,
            last_stored_at=START,
            latencies_s=(0.25, 0.5, 0.75),
        ),
        "sources": (
            SourceReport(
                name="shop.csv", rows_read=4_400, rows_rejected=8, complete=False, updated_at=START
            ),
        ),
        "host": HostObservation(
            cores=2,
            cpu=150.0,
            memory_used=3_000_000_000,
            memory_total=8_000_000_000,
            disk_free=50_000_000_000,
            disk_total=100_000_000_000,
            received=2_000.0,
            sent=None,
            services=(ServiceUsage(name="kafka", pid=42, cpu=31.0, memory=400_000_000),),
        ),
    }
    return Report(**(values | changes))
