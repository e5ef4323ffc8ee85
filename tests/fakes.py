"""Fakes of the ports: they keep what they are given in memory, and fail on request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from retail_pipeline.domain.checkpoint import START, Checkpoint, ResumePoint
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.probe import ReceivedProbe
from retail_pipeline.domain.rejection import Reason, Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import Refusal
from retail_pipeline.flows.ports import Batch
from retail_pipeline.flows.source import RawRow, SourceFacts

FIELDS = ("536365", "85123A", "LANTERN", "6", "2010-12-01 08:26:00", "2.55", "17850", "EIRE")


def transaction(row: int = 2, **changes: Any) -> Transaction:
    """Return a valid transaction."""
    sale = Transaction(
        source="abcdef0123456789",
        row=row,
        InvoiceNo="536365",
        StockCode="85123A",
        Quantity=6,
        InvoiceDate=datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
        UnitPrice="2.55",
        ingested_at=datetime(2026, 1, 1, tzinfo=UTC),
        Description="LANTERN",
        CustomerID="17850",
        Country="EIRE",
    )
    return msgspec.structs.replace(sale, **changes)


def rejection(row: int = 3, **changes: Any) -> Rejection:
    """Return a rejected row."""
    broken = Rejection(
        source="abcdef0123456789",
        row=row,
        name="retail.csv",
        reason=Reason.NOT_A_NUMBER,
        detail="Quantity is 'x', not a number",
        raw="536365,85123A,LANTERN,x",
        stage="producer",
        rejected_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return msgspec.structs.replace(broken, **changes)


def manifest(rows: int = 3, **changes: Any) -> Manifest:
    """Return a manifest of a source of which ``rows`` rows were read."""
    then = datetime(2026, 1, 1, tzinfo=UTC)
    read = Manifest(
        source="abcdef0123456789",
        name="retail.csv",
        format="csv",
        encoding="utf-8",
        date_order="month-first",
        bytes=1000,
        rows_read=rows,
        rows_sent=rows,
        rows_rejected=0,
        complete=False,
        started_at=then,
        updated_at=then,
    )
    return msgspec.structs.replace(read, **changes)


@dataclass
class Faults:
    """Raises the error that is planned for a step, once for each time it is planned."""

    planned: dict[str, list[Exception]] = field(default_factory=dict)

    def plan(self, step: str, *errors: Exception) -> None:
        self.planned.setdefault(step, []).extend(errors)

    def meet(self, step: str) -> None:
        if self.planned.get(step):
            raise self.planned[step].pop(0)


@dataclass
class FakeSource:
    """Rows in memory."""

    lines: Sequence[RawRow]
    name: str = "retail.csv"

    @classmethod
    def of(cls, count: int, broken: Iterable[int] = ()) -> FakeSource:
        """Return ``count`` rows from line 2 on, of which those numbered ``broken`` are."""
        bad = set(broken)
        return cls(
            [
                RawRow(number, FIELDS[:3] if number in bad else FIELDS, ",".join(FIELDS))
                for number in range(2, count + 2)
            ]
        )

    @property
    def facts(self) -> SourceFacts:
        return SourceFacts(
            source="abcdef0123456789",
            name=self.name,
            format="csv",
            encoding="utf-8",
            date_order=DateOrder.MONTH_FIRST,
            bytes=1000,
            lines=len(self.lines),
            layout="opaque",
        )

    def rows(self, after: ResumePoint = START) -> Iterator[RawRow]:
        positions = [START, *(line.position for line in self.lines)]
        yield from self.lines[positions.index(after) :]


@dataclass
class FakeBarrier:
    publisher: FakePublisher
    records: list[Any]

    @property
    def done(self) -> bool:
        return self.publisher.prompt

    def wait(self) -> None:
        self.publisher.faults.meet("acknowledge")
        self.publisher.unsettled -= 1
        self.publisher.acknowledged += self.records


@dataclass
class FakePublisher:
    """Records in memory; a barrier's wait acknowledges what was queued before it."""

    faults: Faults = field(default_factory=Faults)
    acknowledged: list[Any] = field(default_factory=list)
    queued: list[Any] = field(default_factory=list)
    replays: dict[str, str] = field(default_factory=dict)
    unsettled: int = 0
    most_unsettled: int = 0
    closed: bool = False
    prompt: bool = False

    def send(self, transaction: Transaction, replay_of: str | None = None) -> None:
        self.faults.meet("send")
        self.queued.append(transaction)
        if replay_of is not None:
            self.replays[transaction.id] = replay_of

    def reject(self, rejection: Rejection) -> None:
        self.faults.meet("reject")
        self.queued.append(rejection)

    def send_manifest(self, manifest: Manifest) -> None:
        self.queued.append(manifest)

    def barrier(self) -> FakeBarrier:
        records, self.queued = self.queued, []
        self.unsettled += 1
        self.most_unsettled = max(self.most_unsettled, self.unsettled)
        return FakeBarrier(self, records)

    def close(self) -> None:
        self.closed = True

    def of(self, kind: type) -> list[Any]:
        """Return what of ``kind`` is acknowledged."""
        return [record for record in self.acknowledged if isinstance(record, kind)]


@dataclass
class FakeCheckpoints:
    kept: dict[str, Checkpoint] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)

    def load(self, source: str) -> Checkpoint:
        return self.kept.get(source, Checkpoint())

    def save(self, source: str, checkpoint: Checkpoint) -> None:
        self.faults.meet("save")
        self.kept[source] = checkpoint


@dataclass(frozen=True)
class FakeMessage:
    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = (("schema_version", b"1"),)


@dataclass
class FakeConsumer:
    """A topic's log in memory, with a committed offset for each partition."""

    faults: Faults = field(default_factory=Faults)
    log: list[FakeMessage] = field(default_factory=list)
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    batch_rows: int = 100
    position: dict[tuple[str, int], int] = field(default_factory=dict)

    def add(self, topic: str, *values: Any, partition: int = 0) -> None:
        """Append records: bytes as they are, anything else as JSON."""
        for value in values:
            body = value if isinstance(value, bytes | None) else msgspec.json.encode(value)
            offset = sum((item.topic, item.partition) == (topic, partition) for item in self.log)
            self.log.append(FakeMessage(topic, partition, offset, body))

    def replay(self, topic: str, value: Any, identity: str) -> None:
        """Append a record that comes from quarantine, where its identity is ``identity``."""
        self.add(topic, value)
        headers = (*self.log[-1].headers, ("replay", identity.encode()))
        self.log[-1] = replace(self.log[-1], headers=headers)

    def probe(self, topic: str, value: Any, header: str = "probe") -> None:
        """Append a record that has the header of a probe, or another one."""
        self.add(topic, value)
        self.log[-1] = replace(self.log[-1], headers=[(header, b"1")])

    def restart(self) -> None:
        """Go back to what is committed, as a new process would."""
        self.position = dict(self.committed)

    def poll(self) -> Batch:
        self.faults.meet("poll")
        batch = Batch()
        for message in self.log:
            place = message.topic, message.partition
            if message.offset >= self.position.get(place, 0) and len(batch) < self.batch_rows:
                batch.messages[message.topic].append(message)
                batch.next_offsets[place] = message.offset + 1
        self.position |= batch.next_offsets
        return batch

    def commit(self, batch: Batch) -> None:
        self.faults.meet("commit")
        self.committed |= batch.next_offsets


@dataclass
class FakeStore:
    """Collections in memory, with unique identities; ``refuses`` plays the validator."""

    faults: Faults = field(default_factory=Faults)
    transactions: dict[str, Transaction] = field(default_factory=dict)
    quarantined: dict[str, Rejection] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    marked: list[datetime] = field(default_factory=list)
    probes: dict[str, ReceivedProbe] = field(default_factory=dict)
    purged: set[str] = field(default_factory=set)
    refuses: Callable[[Transaction], bool] = lambda transaction: False

    def insert(self, transactions: Sequence[Transaction]) -> list[Refusal]:
        self.faults.meet("insert")
        refused = [item for item in transactions if self.refuses(item)]
        for item in transactions:
            if item not in refused:
                self.transactions.setdefault(item.id, item)
        return [Refusal(item, "the validator refused Quantity") for item in refused]

    def quarantine(self, rejections: Iterable[Rejection]) -> None:
        self.faults.meet("quarantine")
        for item in rejections:
            self.quarantined.setdefault(item.id, item)
        self._drop(self.transactions.keys() | self.purged)

    def release(self, rows: Iterable[str]) -> None:
        self.faults.meet("release")
        stored = set(rows)
        self._drop(stored)
        self.purged -= stored

    def _drop(self, rows: Set[str]) -> None:
        for key, item in list(self.quarantined.items()):
            if (item.claims or key) in rows:
                del self.quarantined[key]

    def rejected_since(self, moment: datetime) -> int:
        self.faults.meet("rejected_since")
        return sum(
            item.stage == "processor" and item.rejected_at >= moment
            for item in self.quarantined.values()
        )

    def record(self, manifests: Iterable[Manifest]) -> None:
        self.faults.meet("record")
        for item in manifests:
            kept = self.manifests.get(item.source)
            if kept is None or (item.rows_read, item.complete) >= (kept.rows_read, kept.complete):
                self.manifests[item.source] = item

    def mark_dirty(self, days: Iterable[datetime]) -> None:
        self.faults.meet("mark")
        self.marked.extend(days)

    def keep_probes(self, probes: Sequence[ReceivedProbe]) -> None:
        self.faults.meet("probes")
        for item in probes:
            self.probes.setdefault(item.id, item)
