"""Every metric that the pipeline exports: name, type, unit, labels and help.

Names follow Prometheus' conventions: a counter ends with ``_total``, and the unit is a part of the
name. A metric that can't be read is absent, or NaN if it has no labels; it is never a made-up 0.
``make docs`` writes docs/metrics.md from this module.
"""

from __future__ import annotations

import msgspec


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric means; each distinct set of values of its ``labels`` is one series."""

    name: str
    unit: str
    help: str
    labels: tuple[str, ...] = ()


class Counter(Metric, frozen=True, kw_only=True):
    """A total since the process started; it only grows."""


class Gauge(Metric, frozen=True, kw_only=True):
    """A value that goes up and down."""


class Histogram(Metric, frozen=True, kw_only=True):
    """Counts of observed values, by upper bounds (``buckets``, in the unit)."""

    buckets: tuple[float, ...]


class Recorder:
    """Where a process records its metrics; this one records nothing, for no port is set.

    Call it once a batch or less often, never once a row. ``values`` are those of the metric's
    labels, in their order.
    """

    def add(self, metric: Counter, amount: float = 1, *values: str) -> None:
        """Add ``amount`` (not negative) to a counter."""

    def set(self, metric: Gauge, value: float, *values: str) -> None:
        """Set a gauge."""

    def observe(self, metric: Histogram, value: float, *values: str) -> None:
        """Count one value."""


# --- The producer -----------------------------------------------------------------------------
ROWS_READ = Counter(
    name="retail_producer_rows_read_total",
    unit="rows",
    help="Rows read and acknowledged by Kafka, valid or not.",
)
ROWS_SENT = Counter(
    name="retail_producer_rows_sent_total",
    unit="rows",
    help="Valid rows that Kafka has acknowledged.",
)
ROWS_REJECTED = Counter(
    name="retail_producer_rows_rejected_total",
    unit="rows",
    help="Rows that break the record contract; Kafka has acknowledged them as dead letters.",
)
SOURCES_COMPLETED = Counter(
    name="retail_producer_sources_completed_total",
    unit="sources",
    help="Files, or sheets of one, that were sent to their end.",
)
ACKNOWLEDGED_AT = Gauge(
    name="retail_producer_last_acknowledged_timestamp_seconds",
    unit="seconds",
    help="When Kafka last acknowledged rows, in seconds since 1970.",
)
PRODUCER_CYCLE_AT = Gauge(
    name="retail_producer_last_cycle_timestamp_seconds",
    unit="seconds",
    help="When the producer last worked or checked its folder, in seconds since 1970.",
)

# --- The processor ----------------------------------------------------------------------------
ROWS_STORED = Counter(
    name="retail_processor_rows_stored_total",
    unit="rows",
    help="Rows that were stored, or were stored already.",
)
ROWS_DIVERTED = Counter(
    name="retail_processor_rows_diverted_total",
    unit="rows",
    help="Records that this processor could not use and sent to the dead-letter topic.",
)
ROWS_QUARANTINED = Counter(
    name="retail_processor_rows_quarantined_total",
    unit="rows",
    help="Dead letters, of the producer too, that were stored in quarantine.",
)
BATCH_SECONDS = Histogram(
    name="retail_processor_batch_seconds",
    unit="seconds",
    help="Time from the fetch of a batch to the commit of its offsets.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
DELAY_SECONDS = Histogram(
    name="retail_processor_delay_seconds",
    unit="seconds",
    help="Time from reading a batch's first row in its file to the commit of the batch.",
    buckets=(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
PARTITIONS_ASSIGNED = Gauge(
    name="retail_processor_partitions_assigned",
    unit="partitions",
    help="Partitions of the transactions topic that this processor reads.",
)
PROCESSOR_CYCLE_AT = Gauge(
    name="retail_processor_last_cycle_timestamp_seconds",
    unit="seconds",
    help="When the processor last finished a cycle, in seconds since 1970.",
)

# --- The dashboard ----------------------------------------------------------------------------
DRAW_SECONDS = Histogram(
    name="retail_dashboard_draw_seconds",
    unit="seconds",
    help="Time to draw the body of a page, refreshes too.",
    labels=("page",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
DRAW_FAILURES = Counter(
    name="retail_dashboard_draw_failures_total",
    unit="draws",
    help="Draws that showed an error because the data could not be read.",
)

# --- The exporter: what `retail monitor` reads -----------------------------------------------
OBSERVED = Gauge(
    name="retail_observation_up",
    unit="boolean",
    help="1 if this part of the pipeline could be read, else 0; its figures are then absent.",
    labels=("part",),
)
OBSERVED_AT = Gauge(
    name="retail_observation_timestamp_seconds",
    unit="seconds",
    help="When the pipeline was last observed, in seconds since 1970.",
)
PIPELINE_STATE = Gauge(
    name="retail_pipeline_state",
    unit="boolean",
    help="1 for the state that `retail monitor` shows in its first line, 0 for the others.",
    labels=("state",),
)
END_OFFSET = Gauge(
    name="retail_partition_end_offset",
    unit="records",
    help="Offset after the last record of the partition.",
    labels=("topic", "partition"),
)
COMMITTED_OFFSET = Gauge(
    name="retail_partition_committed_offset",
    unit="records",
    help="Offset of the next record to store.",
    labels=("topic", "partition"),
)
LAG = Gauge(
    name="retail_partition_lag_records",
    unit="records",
    help="Records that no processor has stored yet.",
    labels=("topic", "partition"),
)
LOST = Gauge(
    name="retail_partition_lost_records",
    unit="records",
    help="Records that Kafka deleted before any processor stored them.",
    labels=("topic", "partition"),
)
OLDEST_SECONDS = Gauge(
    name="retail_partition_oldest_waiting_seconds",
    unit="seconds",
    help="Age of the record at the committed offset, as Kafka has it; 0 if no record waits.",
    labels=("topic", "partition"),
)
OWNED = Gauge(
    name="retail_partition_owned",
    unit="boolean",
    help="1 if a member of the consumer group has the partition, else 0.",
    labels=("topic", "partition"),
)
GROUP_MEMBERS = Gauge(
    name="retail_group_members",
    unit="members",
    help="Members of the consumer group.",
)
PROCESSORS_ALIVE = Gauge(
    name="retail_processors_alive",
    unit="processors",
    help="Processors with a recent heartbeat.",
)
PROCESSORS_STALLED = Gauge(
    name="retail_processors_stalled",
    unit="processors",
    help="Processors that are alive and wait for a server.",
)
HEARTBEAT_SECONDS = Gauge(
    name="retail_processor_heartbeat_age_seconds",
    unit="seconds",
    help="Age of a processor's last heartbeat, unless it stopped in good order or 10 minutes ago.",
    labels=("processor",),
)
DIRTY_DAYS = Gauge(
    name="retail_dirty_days",
    unit="days",
    help="Days whose summaries are to be rebuilt.",
)
DIRTY_SECONDS = Gauge(
    name="retail_dirty_days_oldest_seconds",
    unit="seconds",
    help="How long the oldest dirty day waits for a rebuild; 0 if there is none.",
)
FAILED_DAYS = Gauge(
    name="retail_failed_days",
    unit="days",
    help="Days that can't be summarised.",
)
STORED = Gauge(
    name="retail_stored_rows",
    unit="rows",
    help="Rows in the collection of transactions.",
)
QUARANTINED = Gauge(
    name="retail_quarantined_rows",
    unit="rows",
    help="Rows in quarantine.",
)
STORED_AT = Gauge(
    name="retail_last_stored_timestamp_seconds",
    unit="seconds",
    help="When the newest row was stored, in seconds since 1970.",
)
SOURCE_SILENT = Gauge(
    name="retail_source_silent_seconds",
    unit="seconds",
    help="How long nothing new came of a source that was begun; 0 if its end was reached."
    " Of the 5 sources that were begun last, each name once.",
    labels=("source",),
)
LATENCY = Gauge(
    name="retail_latency_seconds",
    unit="seconds",
    help="Percentiles of the time from file to database, of the 500 rows that were stored last.",
    labels=("quantile",),
)
DISK_FREE = Gauge(
    name="retail_disk_free_bytes",
    unit="bytes",
    help="Free space of the disk that has the exporter's STATE_DIR.",
)
DISK_SIZE = Gauge(
    name="retail_disk_size_bytes",
    unit="bytes",
    help="Size of the disk that has the exporter's STATE_DIR.",
)
CERTIFICATE_LEFT = Gauge(
    name="retail_certificate_remaining_seconds",
    unit="seconds",
    help="Time until a certificate expires, negative afterwards; absent without TLS.",
    labels=("certificate",),
)
RECONCILIATION = Gauge(
    name="retail_reconciliation_verdict",
    unit="boolean",
    help="1 for the verdict of the last count check, 0 for the others.",
    labels=("verdict",),
)
RECONCILED_AT = Gauge(
    name="retail_reconciliation_timestamp_seconds",
    unit="seconds",
    help="When the last count check ended, in seconds since 1970.",
)
CHECK_OK = Gauge(
    name="retail_check_ok",
    unit="boolean",
    help="1 if this check of `retail health` finds nothing wrong, else 0; absent if it can't be"
    " made.",
    labels=("check",),
)

SALES = Gauge(
    name="retail_summarised_amount_pounds",
    unit="pounds",
    help="Amount of all summarised rows, by kind; net sales are the sum of the kinds. The sums are"
    " exact, and rounded to a float of 15 digits only here.",
    labels=("kind",),
)
LINES = Gauge(
    name="retail_summarised_lines",
    unit="rows",
    help="Summarised rows, by kind.",
    labels=("kind",),
)
UNITS = Gauge(
    name="retail_summarised_units",
    unit="units",
    help="Units of all summarised rows, by kind; those of a cancellation are negative.",
    labels=("kind",),
)
LATEST_DAY = Gauge(
    name="retail_latest_day_timestamp_seconds",
    unit="seconds",
    help="Start of the latest summarised day, in seconds since 1970.",
)

PRODUCER = (
    *(ROWS_READ, ROWS_SENT, ROWS_REJECTED, SOURCES_COMPLETED),
    *(ACKNOWLEDGED_AT, PRODUCER_CYCLE_AT),
)
PROCESSOR = (
    *(ROWS_STORED, ROWS_DIVERTED, ROWS_QUARANTINED, BATCH_SECONDS, DELAY_SECONDS),
    *(PARTITIONS_ASSIGNED, PROCESSOR_CYCLE_AT),
)
DASHBOARD = (DRAW_SECONDS, DRAW_FAILURES)
EXPORTER = (
    *(OBSERVED, OBSERVED_AT, PIPELINE_STATE),
    *(END_OFFSET, COMMITTED_OFFSET, LAG, LOST, OLDEST_SECONDS, OWNED),
    *(GROUP_MEMBERS, PROCESSORS_ALIVE, PROCESSORS_STALLED, HEARTBEAT_SECONDS),
    *(DIRTY_DAYS, DIRTY_SECONDS, FAILED_DAYS, STORED, QUARANTINED, STORED_AT),
    *(SOURCE_SILENT, LATENCY, DISK_FREE, DISK_SIZE, CERTIFICATE_LEFT),
    *(RECONCILIATION, RECONCILED_AT, CHECK_OK),
    *(SALES, LINES, UNITS, LATEST_DAY),
)
# By the process that exports them.
CATALOGUE: dict[str, tuple[Metric, ...]] = {
    "producer": PRODUCER,
    "processor": PROCESSOR,
    "dashboard": DASHBOARD,
    "exporter": EXPORTER,
}
