"""The processor: writes batches from Kafka to MongoDB and commits their offsets last.

Each step is idempotent, since a row has one identity whoever stores it. A crash between two steps
costs a repetition and nothing else.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple

from tenacity import Retrying

from retail_pipeline.domain.periods import floor
from retail_pipeline.domain.probe import ReceivedProbe
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.topics import Topics
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import MANIFEST, REJECTION, TRANSACTION, decode, refused, replays
from retail_pipeline.errors import PermanentError
from retail_pipeline.flows.dead_letter_limit import DeadLetterLimit
from retail_pipeline.flows.lazy_publisher import LazyPublisher
from retail_pipeline.flows.ports import Batch, Consumer, Publisher, Store

log = logging.getLogger(__name__)
_BATCHES_IN_FLIGHT = 2
log = logging.getLogger(__name__)


class _InFlight(NamedTuple):
    """A batch that is being written; ``fetched_at`` is by the monotonic clock."""

    batch: Batch
    fetched_at: float
    written: Future[tuple[Counts, datetime | None]]


class DeadLetters(LazyPublisher):
    """Publishes rejected rows."""

    def __init__(self, connect: Callable[[], Publisher]) -> None:
        super().__init__(connect)
        # A barrier covers the records of all writers: they take turns.
        self._turn = Lock()

    def send(self, rejections: Sequence[Rejection]) -> None:
        """Return when the dead-letter topic holds all ``rejections``."""
        with self._turn, self.connected() as publisher:
            for rejection in rejections:
                publisher.reject(rejection)
            publisher.barrier().wait()


@dataclass
class Counts:
    """What one processor did since it started; ``stored`` includes rows that were stored before.

    ``diverted`` are the records that it sent to the dead-letter topic.
    """

    stored: int = 0
    diverted: int = 0
    quarantined: int = 0
    batches: int = 0

    def add(self, other: Counts) -> None:
        """Add the counts of ``other``."""
        self.stored += other.stored
        self.diverted += other.diverted
        self.quarantined += other.quarantined
        self.batches += other.batches


@dataclass(frozen=True)
class CommittedBatch:
    """A batch whose offsets were committed, ``seconds`` after it was fetched.

    ``read_at`` is when the producer read the first of its rows; None if it has no usable row.
    """

    counts: Counts
    seconds: float
    read_at: datetime | None


@dataclass
class Processor:
    """Writes each batch: inserts rows, publishes dead letters, fills the quarantine, marks days.

    Two batches are written while a third one is fetched, so that neither Python nor MongoDB waits
    for the other. Their offsets are committed in the order of the batches. If a rebalance moves
    partitions meanwhile, their new owner finds the rows stored. ``committed`` is called after each
    commit.
    """

    consumer: Consumer
    store: Store
    dead_letters: DeadLetters
    topics: Topics
    retry: Retrying
    limit: DeadLetterLimit = field(default_factory=DeadLetterLimit)
    committed: Callable[[CommittedBatch], None] = lambda batch: None
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self._writers = ThreadPoolExecutor(_BATCHES_IN_FLIGHT, thread_name_prefix="writer")
        self._in_flight: deque[_InFlight] = deque()

    def step(self) -> int:
        """Fetch one batch and finish the written ones; return how many records were fetched.

        Raises:
            TransientError: a server is away, and the retries are over.
            PermanentError: a server refuses.
        """
        batch = self.retry(self.consumer.poll)
        if not batch:
            self.finish()
            return 0
        # Counted first: from then on the batch belongs to its writer, and its topics may change.
        fetched = len(batch)
        written = self._writers.submit(self._write, batch)
        self._in_flight.append(_InFlight(batch, time.monotonic(), written))
        queue = self._in_flight
        while len(queue) > _BATCHES_IN_FLIGHT or queue and queue[0].written.done():
            self._finish_oldest()
        return fetched

    def finish(self) -> None:
        """Wait until all batches in flight are written, and commit their offsets.

        Raises:
            TransientError, PermanentError: as :meth:`step`; what is not written is not committed.
        """
        while self._in_flight:
            self._finish_oldest()

    def close(self) -> None:
        """End the writer threads, and close the connection for dead letters."""
        self._writers.shutdown(cancel_futures=True)
        self.dead_letters.close()

    def _finish_oldest(self) -> None:
        batch, fetched_at, written = self._in_flight.popleft()
        counts, read_at = written.result()
        self.counts.add(counts)
        with _logged_with(batch):
            self.retry(self.consumer.commit, batch)
            text = "batch written: %d rows stored or already there, %d quarantined"
            log.debug(text, counts.stored, counts.quarantined)
        self.committed(CommittedBatch(counts, time.monotonic() - fetched_at, read_at))

    def _write(self, batch: Batch) -> tuple[Counts, datetime | None]:
        with _logged_with(batch):
            return self._write_rows(batch)

    def _write_rows(self, batch: Batch) -> tuple[Counts, datetime | None]:
        messages = batch.messages[self.topics.transactions]
        transactions, rejections, probes = decode(messages, TRANSACTION)
        rows = len(transactions) + len(rejections)
        refusals = self.retry(self.store.insert, transactions)
        replayed = replays(messages)
        for refusal in refusals:
            rejections.append(refused(refusal, replayed.pop(refusal.transaction.id, None)))
        if replayed:
            self.retry(self.store.release, list(replayed))
        self._divert(rejections, rows)
        read_at = transactions[0].ingested_at if transactions else None
        quarantined = self._quarantine(batch)
        self.retry(self.store.mark_dirty, touched_days(transactions))
        self._keep(probes)
        stored = len(transactions) - len(refusals)
        return Counts(stored, len(rejections), quarantined, batches=1), read_at

    def _divert(self, rejections: Sequence[Rejection], records: int) -> None:
        """Send rejections to the dead-letter topic, unless there are too many."""
        if not rejections:
            self.limit.count(records, rejections)
            return
        already = 0
        if self.limit.rows:
            already = self.retry(self.store.rejected_since, self.limit.begins)
        self.limit.count(records, rejections, already)
        self.retry(self.dead_letters.send, rejections)

    def _keep(self, probes: Sequence[ReceivedProbe]) -> None:
        """Store probes, last of all: a stored probe shows that its batch was written.

        A refusal stops no processor: whoever sent the probe sees that it is not there.
        """
        if not probes:
            return
        try:
            self.retry(self.store.keep_probes, probes)
        except PermanentError as error:
            log.warning("%s probes are not stored: %s", len(probes), error)

    def _quarantine(self, batch: Batch) -> int:
        """Store dead letters and manifests; return how many records went to quarantine."""
        dead, unreadable, _ = decode(batch.messages[self.topics.dead_letters], REJECTION)
        manifests, worse, _ = decode(batch.messages[self.topics.manifests], MANIFEST)
        # A broken record of these topics goes straight to quarantine. In the dead-letter topic it
        # would be read and rejected again without end.
        quarantined = dead + unreadable + worse
        if quarantined:
            self.retry(self.store.quarantine, quarantined)
        if manifests:
            self.retry(self.store.record, manifests)
        return len(quarantined)


def touched_days(transactions: Iterable[Transaction]) -> set[datetime]:
    """Return the UTC days of the transactions' invoices, as their first moments."""
    moments = {transaction.InvoiceDate for transaction in transactions}
    return {floor(moment.astimezone(UTC), "day") for moment in moments}


def _logged_with(batch: Batch) -> AbstractContextManager[None]:
    """Add the offsets of ``batch`` to the log lines."""
    # Only here: the commands that process nothing do without it, and start sooner.
    from structlog.contextvars import bound_contextvars

    return bound_contextvars(offsets=batch.offsets)
