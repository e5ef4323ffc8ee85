"""Sends rows from quarantine to Kafka again; the processor releases the rows that it stores.

A replay may be killed and run again: it sends what is still in quarantine, and a row that is sent
twice has one identity and is stored once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Event
from uuid import uuid4

from tenacity import Retrying

from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.quarantined import Quarantined
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.flows.lazy_publisher import LazyPublisher
from retail_pipeline.flows.ports import Publisher, Quarantine
from retail_pipeline.flows.reparse import QuarantineReparser, Reparsed, StillInvalid

CHUNK_ROWS = 500
# A row, and its text if it was edited.
Wanted = tuple[Quarantined, str | None]


@dataclass(frozen=True)
class Skipped:
    """Why a row was not tried."""

    detail: str


ReplayResult = Reparsed | StillInvalid | Skipped


@dataclass
class ReplayCounts:
    """The counts of a replay, in rows."""

    replayed: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    skipped: int = 0

    @property
    def seen(self) -> int:
        """All rows, whatever their verdict."""
        return self.replayed + self.broken.total() + self.skipped

    def add(self, verdict: ReplayResult) -> None:
        """Count one row."""
        if isinstance(verdict, StillInvalid):
            self.broken[verdict.reason] += 1
        elif isinstance(verdict, Skipped):
            self.skipped += 1
        else:
            self.replayed += 1


@dataclass
class Replay:
    """Sends rows in quarantine again.

    Args:
        connect: returns a publisher, when there is something to send; None for a dry run, which
            writes nothing.
        max_replays: number of replays after which a row is skipped; None for no limit.
        tell: is called with each row and its verdict, once that is final.
    """

    quarantine: Quarantine
    reparser: QuarantineReparser
    connect: Callable[[], Publisher] | None
    retry: Retrying
    stop: Event
    max_replays: int | None
    tell: Callable[[Quarantined, ReplayResult], None] = lambda row, verdict: None
    run_id: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        self._publisher = LazyPublisher(self.connect) if self.connect else None

    def run(self, rows: Iterable[Wanted]) -> ReplayCounts:
        """Replay ``rows``, or as many as are finished when ``stop`` is set.

        Raises:
            TransientError: a server is away; another run continues with what is left.
            PermanentError: a server refuses.
        """
        report = ReplayCounts()
        chunk: list[tuple[Quarantined, ReplayResult]] = []
        try:
            for row, edited in rows:
                chunk.append((row, self._evaluate(row, edited)))
                if len(chunk) == CHUNK_ROWS:
                    self._finish(chunk, report)
                    chunk = []
                if self.stop.is_set():
                    break
            self._finish(chunk, report)
        finally:
            if self._publisher:
                self._publisher.close()
        return report

    def _evaluate(self, row: Quarantined, edited: str | None) -> ReplayResult:
        if self.max_replays is not None and row.replays >= self.max_replays:
            return Skipped(f"replayed {row.replays} times already: --force tries again")
        return self.reparser.reparse(row, None if edited == row.raw else edited)

    def _finish(self, chunk: list[tuple[Quarantined, ReplayResult]], report: ReplayCounts) -> None:
        """Send a chunk's valid rows, and count the chunk only when Kafka has them."""
        if self._publisher and chunk:
            self.retry(self._send, chunk)
            self._note(chunk)
        for row, verdict in chunk:
            report.add(verdict)
            self.tell(row, verdict)

    def _send(self, chunk: list[tuple[Quarantined, ReplayResult]]) -> None:
        if not self._publisher or all(isinstance(v, StillInvalid | Skipped) for _, v in chunk):
            return
        with self._publisher.connected() as publisher:
            for row, verdict in chunk:
                if isinstance(verdict, Manifest):
                    publisher.send_manifest(verdict)
                elif isinstance(verdict, Transaction):
                    publisher.send(verdict, replay_of=row.id)
            publisher.barrier().wait()

    def _note(self, chunk: list[tuple[Quarantined, ReplayResult]]) -> None:
        manifests = [row.id for row, verdict in chunk if isinstance(verdict, Manifest)]
        broken = [row.id for row, verdict in chunk if isinstance(verdict, StillInvalid)]
        sent = [row.id for row, verdict in chunk if isinstance(verdict, Transaction)]
        self.retry(self.quarantine.count_replays, sent, self.run_id)
        self.retry(self.quarantine.count_replays, broken)
        self.retry(self.quarantine.forget, manifests)
