"""The producer: sends a source's validated rows to Kafka, with a checkpoint of acknowledged rows.

Rows are sent in chunks. The checkpoint moves past a chunk only when its barrier shows that all of
it is acknowledged. The number of chunks in flight is bounded, and so is the memory.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Protocol

import msgspec

from retail_pipeline.domain.checkpoint import Checkpoint
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.parsing import RowParser
from retail_pipeline.domain.rejection import Rejection, RowError, Stage
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.flows.ports import Barrier, Publisher
from retail_pipeline.flows.source import RawRow, Source, SourceFacts
from retail_pipeline.flows.throttle import Throttle

CHUNK_ROWS = 2_500
CHUNKS_IN_FLIGHT = 4
_SECONDS_BETWEEN_SAVES = 1.0


class Checkpoints(Protocol):
    """Where checkpoints are kept, by source."""

    def load(self, source: str) -> Checkpoint:
        """Return the checkpoint of ``source``, the empty one if there is none."""

    def save(self, source: str, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint of ``source``, durably."""


@dataclass
class Production:
    """One source on its way into Kafka."""

    source: Source
    publisher: Publisher
    checkpoints: Checkpoints
    throttle: Throttle
    stop: Event
    progress: Callable[[Checkpoint], None] = lambda checkpoint: None
    # Each row is sent as a replay: if an earlier run put it into quarantine, it leaves when stored.
    again: bool = False
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._facts: SourceFacts = self.source.facts
        self._window: deque[tuple[Barrier, Checkpoint]] = deque()
        self._saved_at = self.clock()

    def run(self) -> Checkpoint:
        """Send what is not acknowledged yet; return the checkpoint reached.

        The result is complete unless ``stop`` was set.

        Raises:
            TransientError: Kafka is away; another run continues from the checkpoint.
            PermanentError: Kafka refuses.
        """
        sent = acknowledged = self.checkpoints.load(self._facts.source)
        if acknowledged.complete:
            return acknowledged
        if sent.started_at is None:
            sent = msgspec.structs.replace(sent, started_at=datetime.now(UTC))
        self._report(sent)
        for sent in self._chunks(sent):
            self._window.append((self.publisher.barrier(), sent))
            while len(self._window) > CHUNKS_IN_FLIGHT or self._window and self._window[0][0].done:
                self._finish_oldest()
            if self.stop.is_set():
                break
        while self._window:
            self._finish_oldest()
        if not self.stop.is_set():
            sent = msgspec.structs.replace(sent, complete=True)
        self._report(sent)
        self.publisher.barrier().wait()
        self._save(sent)
        return sent

    def _chunks(self, start: Checkpoint) -> Iterator[Checkpoint]:
        """Send the rows after ``start``; yield the checkpoint after each chunk."""
        facts = self._facts
        parser = RowParser(facts.source, facts.date_order)
        read, rejected, chunk = start.rows_read, start.rows_rejected, 0
        row: RawRow | None = None
        limited, began = self.throttle.limited, self.clock()
        for row in self.source.rows(start.position):
            read += 1
            chunk += 1
            item = self._parse(parser, row)
            if limited:
                self.throttle.wait(item.InvoiceDate if isinstance(item, Transaction) else None)
            if isinstance(item, Transaction):
                self.publisher.send(item, item.id if self.again else None)
            else:
                rejected += 1
                self.publisher.reject(item)
            if chunk == CHUNK_ROWS or limited and self.clock() - began >= _SECONDS_BETWEEN_SAVES:
                yield _reached(start, row, read, rejected)
                chunk, began = 0, self.clock()
                parser.ingested_at = datetime.now(UTC)
            elif limited and self.stop.is_set():
                break
        yield _reached(start, row, read, rejected)

    def _parse(self, parser: RowParser, row: RawRow) -> Transaction | Rejection:
        if row.problem:
            reason, detail = row.problem
        else:
            try:
                return parser.parse(row.number, row.fields)
            except RowError as error:
                reason, detail = error.reason, error.detail
        return Rejection(
            source=self._facts.source,
            row=row.number,
            name=self._facts.name,
            reason=reason,
            detail=detail,
            raw=row.raw,
            stage=Stage.PRODUCER,
            rejected_at=datetime.now(UTC),
            encoding=row.encoding or self._facts.encoding,
            truncated=row.truncated,
        )

    def _finish_oldest(self) -> None:
        barrier, checkpoint = self._window.popleft()
        barrier.wait()
        self.progress(checkpoint)
        if self.clock() - self._saved_at >= _SECONDS_BETWEEN_SAVES:
            self._save(checkpoint)
            self._report(checkpoint)

    def _save(self, checkpoint: Checkpoint) -> None:
        self.checkpoints.save(self._facts.source, checkpoint)
        self._saved_at = self.clock()

    def _report(self, checkpoint: Checkpoint) -> None:
        now = datetime.now(UTC)
        self.publisher.send_manifest(
            Manifest(
                source=self._facts.source,
                name=self._facts.name,
                format=self._facts.format,
                encoding=self._facts.encoding,
                date_order=self._facts.date_order.value,
                bytes=self._facts.bytes,
                rows_read=checkpoint.rows_read,
                rows_sent=checkpoint.rows_sent,
                rows_rejected=checkpoint.rows_rejected,
                complete=checkpoint.complete,
                started_at=checkpoint.started_at or now,
                updated_at=now,
                layout=self._facts.layout,
            )
        )


def _reached(start: Checkpoint, row: RawRow | None, read: int, rejected: int) -> Checkpoint:
    return Checkpoint(
        position=row.position if row else start.position,
        rows_read=read,
        rows_sent=read - rejected,
        rows_rejected=rejected,
        started_at=start.started_at,
    )
