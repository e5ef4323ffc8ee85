"""``retail process``: runs one processor from its start to its stop."""

from __future__ import annotations

import logging
import os
import socket
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING

import typer
from msgspec.structs import replace

from retail_pipeline.cli.common import start
from retail_pipeline.domain.failed_days import NO_DAY, WHAT_TO_DO, FailedDay, in_words
from retail_pipeline.domain.heartbeat import ProcessorHeartbeat
from retail_pipeline.domain.offsets import total_lag
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.flows.heartbeat import HeartbeatTimer
from retail_pipeline.flows.retry import retrying
from retail_pipeline.flows.rollup_worker import RollupWorker
from retail_pipeline.operations import metrics
from retail_pipeline.settings import Settings

if TYPE_CHECKING:
    from retail_pipeline.adapters.kafka.consumer import GroupConsumer
    from retail_pipeline.flows.process import CommittedBatch, Processor

log = logging.getLogger("processor")
_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_NOTES = 1.0
# How long each background thread may take to end; one that a server never answers is left.
_SECONDS_TO_END = 2.5
# A processor is considered up to date while at most this many batches wait in Kafka.
_BATCHES_BEHIND = 2


def process(
    until_idle: float | None = typer.Option(
        None,
        min=0.1,
        metavar="SECONDS",
        help="Stop when no record came for this time and everything is stored and summarised.",
    ),
) -> None:
    """Store records from Kafka in MongoDB, until SIGTERM or Ctrl-C.

    Several processors share the partitions; more processors than partitions bring no gain.

    Examples:

      retail process

      retail process --until-idle 5
    """
    settings, stop = start("processor")
    try:
        ProcessorRun(settings, stop, until_idle).run()
    except TransientError:
        # It was stopped while it waited for the broker.
        if not stop.is_set():
            raise


@dataclass
class ProcessorRun:
    """One processor from its start to its stop."""

    settings: Settings
    stop: Event
    until_idle: float | None

    def __post_init__(self) -> None:
        from retail_pipeline.bootstrap import ProcessorParts, recorder

        self._name = f"retail-processor-{socket.gethostname()}-{os.getpid()}"
        self._retry = retrying(self.stop)
        self._parts = ProcessorParts(self.settings, self._name)
        self._metrics = recorder(self.settings, metrics.PROCESSOR)
        self._logged_at = self._busy_at = time.monotonic()
        self._logged_rows = 0
        self._first = ProcessorHeartbeat(name=self._name, started_at=datetime.now(UTC))
        self._heartbeat = HeartbeatTimer(self._parts.heartbeats, self._first, self.stop)
        self._noted_at = 0.0
        self._behind = Event()
        self._rollup_worker = RollupWorker(self._parts.rollups, self._retry, self._behind)
        self._failed_days: list[FailedDay] = []
        self._beating = True

    def run(self) -> None:
        """Process until ``stop`` is set, or until all is done and ``until_idle`` seconds passed.

        Raises:
            PermanentError: rows can't be stored; or, at the end of a run with ``until_idle``, days
                can't be summarised.
        """
        settings, parts = self.settings, self._parts
        consumer = self._retry(parts.consumer)
        self._retry(parts.store.prepare)
        processor = parts.processor(consumer, self._retry, self._committed)
        log.info(
            "processing %s as %s",
            *(settings.kafka_topic, settings.kafka_group),
            extra={
                "topic": settings.kafka_topic,
                "group": settings.kafka_group,
                "client": self._name,
            },
        )
        workers = [*self._rollup_worker.workers(self.stop), self._heartbeat]
        if settings.reconcile_every_s:
            workers.append(parts.reconciler(self.stop))
        for worker in workers:
            worker.start()
        try:
            while not self.stop.is_set() and not self._cycle(processor, consumer):
                pass
            processor.finish()
            self._note(processor, consumer)
        except TransientError:
            # It was stopped while a server was away: the batch is not committed, and comes again.
            if not self.stop.is_set():
                raise
        finally:
            self.stop.set()
            for worker in workers:
                worker.join(timeout=_SECONDS_TO_END)
            processor.close()
            consumer.close()
            parts.client.close()
            log.info("stopped; %s", _summary(processor), extra=asdict(processor.counts))
        if self._failed_days:
            raise PermanentError(f"{in_words(self._failed_days)}; {WHAT_TO_DO}")

    def _cycle(self, processor: Processor, consumer: GroupConsumer) -> bool:
        """Process one batch; return whether nothing is left to do."""
        records = processor.step()
        now = time.monotonic()
        self._beat()
        self._metrics.set(metrics.PROCESSOR_CYCLE_AT, time.time())
        if now - self._noted_at >= _SECONDS_BETWEEN_NOTES:
            self._noted_at = now
            self._note(processor, consumer)
        # While it waits for its partitions, after another's end, it can't know whether rows remain.
        if records or not consumer.settled:
            self._busy_at = now
        if records and now - self._logged_at >= _SECONDS_BETWEEN_LINES:
            rate = (processor.counts.stored - self._logged_rows) / (now - self._logged_at)
            self._logged_at, self._logged_rows = now, processor.counts.stored
            extra = {**asdict(processor.counts), "rows_per_s": round(rate)}
            log.info("%s; %.0f rows/s", _summary(processor), rate, extra=extra)
        if self.until_idle is None or now - self._busy_at < self.until_idle:
            return False
        # A slow broker may need longer for a large record.
        if not self._retry(consumer.at_end):
            self._busy_at = now
            return False
        return self._summarised()

    def _summarised(self) -> bool:
        """Return whether no dirty day is left; note the days that can't be summarised.

        Raises:
            PermanentError: no day can be summarised.
        """
        if self._rollup_worker.failure:
            raise PermanentError(NO_DAY.format(error=self._rollup_worker.failure))
        if self._retry(self._parts.rollups.pending):
            return False
        self._failed_days = self._retry(self._parts.rollups.failed)
        return True

    def _note(self, processor: Processor, consumer: GroupConsumer) -> None:
        """Note progress and lag; only the processor's own thread may use the consumer."""
        progress = consumer.progress()
        waiting = total_lag(progress)
        if waiting > _BATCHES_BEHIND * self.settings.processor_batch_rows:
            self._behind.set()
        else:
            self._behind.clear()
        self._metrics.set(metrics.PARTITIONS_ASSIGNED, len(progress))
        failure = self._rollup_worker.failure
        self._heartbeat.note(
            replace(
                self._first,
                stored=processor.counts.stored,
                quarantined=processor.counts.quarantined,
                partitions=consumer.partitions,
                progress=progress,
                summaries_error=str(failure) if failure else None,
            )
        )

    def _committed(self, batch: CommittedBatch) -> None:
        """Record a committed batch."""
        counts = batch.counts
        self._metrics.add(metrics.ROWS_STORED, counts.stored)
        self._metrics.add(metrics.ROWS_DIVERTED, counts.diverted)
        self._metrics.add(metrics.ROWS_QUARANTINED, counts.quarantined)
        self._metrics.observe(metrics.BATCH_SECONDS, batch.seconds)
        if batch.read_at:
            delay = datetime.now(UTC) - batch.read_at
            self._metrics.observe(metrics.DELAY_SECONDS, max(0.0, delay.total_seconds()))

    def _beat(self) -> None:
        """Touch the heartbeat file: its age is the time since the last cycle.

        If it can't be touched, rows are still stored; the health check then reports its age.
        """
        path = self.settings.heartbeat_file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            if self._beating:
                log.warning("the heartbeat file %s can't be touched: %s", path, error)
            self._beating = False
        else:
            self._beating = True


def _summary(processor: Processor) -> str:
    counts = processor.counts
    return (
        f"{counts.stored:,} rows stored or already there, {counts.quarantined:,} quarantined,"
        f" {counts.batches:,} batches"
    )
