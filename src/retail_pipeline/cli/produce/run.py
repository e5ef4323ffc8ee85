"""Runs one producer: inspects every file, streams them, and reports the totals."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from structlog.contextvars import bound_contextvars

from retail_pipeline import bootstrap
from retail_pipeline.adapters.sources.files import find_files, list_entries
from retail_pipeline.adapters.sources.registry import inspect
from retail_pipeline.cli.health import PRODUCER_HEARTBEAT
from retail_pipeline.cli.produce.folder_watch import FolderWatch
from retail_pipeline.cli.produce.sample_rule import SampleRule
from retail_pipeline.cli.progress import Progress
from retail_pipeline.domain.checkpoint import START, Checkpoint, ResumePoint
from retail_pipeline.errors import SourceError, TransientError
from retail_pipeline.flows.lazy_publisher import LazyPublisher
from retail_pipeline.flows.produce import Production
from retail_pipeline.flows.retry import StopAfterStalled, retrying
from retail_pipeline.flows.source import RawRow, ReadOptions, Source, SourceFacts
from retail_pipeline.flows.throttle import Throttle
from retail_pipeline.operations import metrics
from retail_pipeline.sample.generator import SAMPLE_ROWS, SAMPLE_SEED
from retail_pipeline.sample.writer import write_sample
from retail_pipeline.settings import Settings

if TYPE_CHECKING:
    from retail_pipeline.adapters.checkpoints import CheckpointFolder

log = logging.getLogger("producer")
_SECONDS_BETWEEN_SCANS = 2.0


@dataclass(frozen=True)
class Pass:
    """A repetition of a source, with its own identity: what --loop sends after the first pass."""

    original: Source
    number: int

    @property
    def facts(self) -> SourceFacts:
        """The source's facts under the identity of this pass."""
        facts = self.original.facts
        return replace(facts, source=f"{facts.source}-{self.number}")

    def rows(self, after: ResumePoint = START) -> Iterator[RawRow]:
        """Yield the source's rows."""
        return self.original.rows(after)


@dataclass
class Totals:
    """The rows that one run of the producer read, sent and rejected."""

    sources: int = 0
    read: int = 0
    sent: int = 0
    rejected: int = 0
    began: float = field(default_factory=time.monotonic)

    def add(self, before: Checkpoint, after: Checkpoint) -> None:
        """Add the rows between two checkpoints of a source."""
        self.sources += 1
        self.read += after.rows_read - before.rows_read
        self.sent += after.rows_sent - before.rows_sent
        self.rejected += after.rows_rejected - before.rows_rejected

    @property
    def fields(self) -> dict[str, int]:
        """The numbers, for the log."""
        return {
            "sources": self.sources,
            "read": self.read,
            "sent": self.sent,
            "rejected": self.rejected,
        }

    def __str__(self) -> str:
        seconds = max(time.monotonic() - self.began, 0.001)
        return (
            f"{self.read:,} rows read of {self.sources:,} source(s) in {seconds:,.1f} s"
            f" ({self.read / seconds:,.0f} rows/s): {self.sent:,} sent,"
            f" {self.rejected:,} to quarantine"
        )


@dataclass
class ProducerRun:
    """One producer from its start to its stop."""

    settings: Settings
    stop: Event
    reading: ReadOptions
    throttle: Throttle
    again: bool = False
    yes: bool = False
    give_up_after_s: float = 300.0
    totals: Totals = field(default_factory=Totals)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._publisher = LazyPublisher(
            lambda: bootstrap.publisher(self.settings, "retail-producer")
        )
        self._metrics = bootstrap.recorder(self.settings, metrics.PRODUCER)

    @cached_property
    def _checkpoints(self) -> CheckpointFolder:
        """The checkpoints of the present topic; the first use connects to Kafka."""
        return retrying(self.stop, self.give_up_after_s)(bootstrap.checkpoints, self.settings)

    @cached_property
    def _sample_rule(self) -> SampleRule:
        def sent() -> set[str]:
            self._checkpoints  # waits for Kafka, and for its topics
            retry = retrying(self.stop, self.give_up_after_s)
            return retry(bootstrap.sent_sources, self.settings)

        return SampleRule(self.settings, self.yes, sent)

    def files(self, names: list[str], loop: bool) -> None:
        """Stream the files that ``names`` stand for, again and again if ``loop``."""
        sources = [
            source for path in find_files(names, log.warning) for source in self._inspect(path)
        ]
        self._admit(sources)
        number = 1
        try:
            while not self.stop.is_set():
                for source in sources:
                    self._produce(source if number == 1 else Pass(source, number))
                if not loop:
                    break
                number += 1
        finally:
            self._finish()

    def watch(self, folder: Path, names: list[str], sample_if_empty: bool) -> None:
        """Stream ``names``, then each file that appears in ``folder``, until a stop."""
        files = find_files(names, log.warning)
        is_empty = not any(list_entries(folder))
        if sample_if_empty and is_empty and not files:
            files = self._sample()
        self._sample_rule.admit_folder(folder)
        sources = [source for path in files for source in self._inspect(path)]
        self._admit(sources)
        log.info("watching %s", folder)
        watched = FolderWatch(folder, self.clock)
        try:
            for source in sources:
                self._produce(source)
            while not self.stop.is_set():
                self._scan(watched)
                self._beat()
                self.stop.wait(_SECONDS_BETWEEN_SCANS)
        finally:
            self._finish()

    def _scan(self, watched: FolderWatch) -> None:
        """Stream the files that are due; one that can't be used does not delay the others."""
        for path in watched.ready():
            if self.stop.is_set():
                return
            try:
                sources = self._inspect(path, is_retry=watched.is_retry(path))
                self._admit(sources)
                for source in sources:
                    self._produce(source)
            except SourceError as error:
                watched.refused(path, error)
            else:
                watched.streamed(path)

    def _inspect(self, path: Path, is_retry: bool = False) -> Sequence[Source]:
        level = logging.DEBUG if is_retry else logging.INFO
        log.log(level, "inspecting %s", path.name, extra={"file": path.name})
        sources = inspect(path, self.reading)
        for source in sources:
            facts = source.facts
            extra = {"file": facts.name, "source": facts.source}
            log.info(
                "%s: %s, %s, %s dates, source %s",
                *(facts.name, facts.format, facts.encoding, facts.date_order, facts.source),
                extra={**extra, "format": facts.format, "bytes": facts.bytes},
            )
            if not facts.date_order_known:
                log.warning(
                    "%s: every date fits both orders, %s is assumed; --date-order sets the other",
                    *(facts.name, facts.date_order),
                    extra=extra,
                )
        return sources

    def _admit(self, sources: Sequence[Source]) -> None:
        """Keep the sample and other data apart; completely sent sources need no check."""
        self._sample_rule.admit(
            [
                source
                for source in sources
                if self.again or not self._checkpoints.load(source.facts.source).complete
            ]
        )

    def _sample(self) -> list[Path]:
        """Return the sample's file, or nothing if the sample may not be streamed."""
        if why := self._sample_rule.why_no_sample():
            log.info("no file there, and no sample is streamed: %s", why)
            return []
        path = self.settings.state_dir / f"sample-{SAMPLE_ROWS}-{SAMPLE_SEED}.csv"
        if not path.exists():
            log.info(
                "no file there: making a sample of %d rows",
                SAMPLE_ROWS,
                extra={"rows": SAMPLE_ROWS},
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            write_sample(path, SAMPLE_ROWS, SAMPLE_SEED)
        return [path]

    def _produce(self, source: Source) -> None:
        """Stream one source; after a transient error, resume at its checkpoint."""
        if not self.stop.is_set():
            with bound_contextvars(source=source.facts.source):
                self._produce_rows(source)

    def _produce_rows(self, source: Source) -> None:
        checkpoints, facts = self._checkpoints, source.facts
        if self.again:
            checkpoints.forget(facts.source)
        before = checkpoints.load(facts.source)
        if before.complete:
            log.info(
                "%s: all %s rows were sent already; --again sends them again",
                *(facts.name, f"{before.rows_read:,}"),
                extra={"file": facts.name, "rows": before.rows_read},
            )
            return
        stop_after_stalled = StopAfterStalled(self.give_up_after_s, self.clock)
        furthest = before
        with Progress(facts.name, facts.lines) as progress:

            def report(checkpoint: Checkpoint) -> None:
                nonlocal furthest
                # Rows that are sent again after a failure are no progress.
                if checkpoint.rows_read > furthest.rows_read:
                    self._acknowledged(furthest, checkpoint)
                    furthest = checkpoint
                    stop_after_stalled.renew()
                progress.show(checkpoint)
                self._beat()

            try:
                after = retrying(self.stop, stop_after_stalled=stop_after_stalled)(
                    self._attempt, source, report
                )
            except TransientError:
                if not self.stop.is_set():
                    raise
                after = checkpoints.load(facts.source)
        self.totals.add(before, after)
        self._metrics.add(metrics.SOURCES_COMPLETED, after.complete)

    def _attempt(self, source: Source, report: Callable[[Checkpoint], None]) -> Checkpoint:
        with self._publisher.connected() as publisher:
            return Production(
                *(source, publisher, self._checkpoints, self.throttle, self.stop, report),
                again=self.again,
            ).run()

    def _acknowledged(self, before: Checkpoint, after: Checkpoint) -> None:
        """Record the rows between two checkpoints of a source."""
        self._metrics.add(metrics.ROWS_READ, after.rows_read - before.rows_read)
        self._metrics.add(metrics.ROWS_SENT, after.rows_sent - before.rows_sent)
        self._metrics.add(metrics.ROWS_REJECTED, after.rows_rejected - before.rows_rejected)
        self._metrics.set(metrics.ACKNOWLEDGED_AT, time.time())

    def _beat(self) -> None:
        heartbeat = self.settings.state_dir / PRODUCER_HEARTBEAT
        heartbeat.parent.mkdir(parents=True, exist_ok=True)
        heartbeat.touch()
        self._metrics.set(metrics.PRODUCER_CYCLE_AT, time.time())

    def _finish(self) -> None:
        self._publisher.close()
        log.info("%s", self.totals, extra=self.totals.fields)
