"""File, Kafka and MongoDB in memory, to be damaged and reconciled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from retail_pipeline.domain.collections import (
    DUPLICATES_ROLLUP,
    ORDERS_ROLLUP,
    PRODUCTS_ROLLUP,
    ROLLUPS,
)
from retail_pipeline.domain.days import DAY_MS
from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.offsets import PartitionOffsets
from retail_pipeline.domain.reconciliation import (
    Difference,
    Mode,
    Reconciliation,
    SourceAccount,
    Verdict,
)
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.topics import Topics
from retail_pipeline.domain.transaction import Transaction, row_id
from retail_pipeline.domain.wire import Message
from retail_pipeline.reconcile.counts import CountCheck
from retail_pipeline.reconcile.expected_returns import match_returns
from retail_pipeline.reconcile.expected_rollups import RollupSums
from retail_pipeline.reconcile.full import FullReconciliation
from retail_pipeline.reconcile.ports import File
from retail_pipeline.reconcile.records import (
    Line,
    MisfiledDocument,
    QuarantinedRow,
    ReturnDocument,
    Stored,
    as_line,
    content_of,
)
from retail_pipeline.reconcile.rowset import RowSet
from tests.fakes import FakeMessage, manifest, rejection, transaction

TOPICS = Topics("t", "t.dlq", "t.manifests")
SOURCE = "abcdef0123456789"


@dataclass
class FakeFile:
    """The rows of one source; those in ``broken`` can't be parsed."""

    good: dict[int, Line]
    broken: dict[int, str]
    source: str = SOURCE
    name: str = "retail.csv"

    def lines(self, rejected: RowSet) -> Iterator[tuple[list[Line], list[tuple[int, str]]]]:
        good = [line for row, line in self.good.items() if row not in rejected]
        texts = [(row, "good text") for row in self.good if row in rejected]
        yield good, texts + list(self.broken.items())


@dataclass
class World:
    """Everything that agrees, until a test changes it."""

    file: FakeFile
    at_hand: File | None = None  # what is read in place of ``file``
    log: list[FakeMessage] = field(default_factory=list)
    first: dict[tuple[str, int], int] = field(default_factory=dict)
    committed: dict[tuple[str, int], int] = field(default_factory=dict)
    documents: dict[str, Line] = field(default_factory=dict)
    quarantine: dict[str, Rejection] = field(default_factory=dict)
    tombstones: set[str] = field(default_factory=set)
    read: list[Manifest] = field(default_factory=list)
    pending: set[int] = field(default_factory=set)
    failed: list[FailedDay] = field(default_factory=list)
    summarised: dict[str, Line] | None = None
    returns: dict[str, ReturnDocument] | None = None
    meanwhile: list[Any] = field(default_factory=list)
    replaced: bool = False

    @classmethod
    def of(cls, good: Sequence[Transaction], broken: Sequence[int] = ()) -> World:
        """Return a world that has taken in one file whole, its ``broken`` rows quarantined."""
        rejected = [rejection(row) for row in broken]
        lines = {each.row: as_line(each) for each in good}
        world = cls(FakeFile(lines, {each.row: each.raw for each in rejected}))
        for each in good:
            world.send(each)
        for dead in rejected:
            world.send(dead)
        total = len(good) + len(broken)
        read = manifest(total, rows_sent=len(good), rows_rejected=len(broken), complete=True)
        world.send(read)
        world.store()
        return world

    def send(self, item: Any, partition: int | None = None) -> None:
        """Append a record to its topic; bytes go to the transactions."""
        topics: dict[type, str] = {Rejection: TOPICS.dead_letters, Manifest: TOPICS.manifests}
        topic = topics.get(type(item), TOPICS.transactions)
        if partition is None:
            partition = self.partition_of(item.InvoiceNo) if isinstance(item, Transaction) else 0
        offset = sum((each.topic, each.partition) == (topic, partition) for each in self.log)
        body = item if isinstance(item, bytes) else msgspec.json.encode(item)
        self.log.append(FakeMessage(topic, partition, offset, body))

    def store(self) -> None:
        """Do what a processor would do with all that is in the log, and commit."""
        for message in self.log:
            place = message.topic, message.partition
            if message.offset < self.committed.get(place, 0) or message.value is None:
                continue
            if message.topic == TOPICS.transactions:
                item = msgspec.json.decode(message.value, type=Transaction)
                self.documents.setdefault(item.id, as_line(item))
                self.quarantine.pop(item.id, None)
            elif message.topic == TOPICS.dead_letters:
                dead = msgspec.json.decode(message.value, type=Rejection)
                if dead.id not in self.documents:
                    self.quarantine.setdefault(dead.id, dead)
            else:
                self.read = [msgspec.json.decode(message.value, type=Manifest)]
        self.commit()

    def commit(self) -> None:
        """Commit everything."""
        for position in self.positions():
            self.committed[position.topic, position.partition] = position.end

    def full(self, *, with_file: bool = True) -> Reconciliation:
        """Run a full reconciliation."""
        files: list[File] = [self.at_hand or self.file] if with_file else []
        return FullReconciliation(self, self, files, TOPICS).run()

    def quick(self) -> Reconciliation:
        """Run a count check."""
        return CountCheck(self, self, TOPICS).run()

    # What the ports promise.

    def positions(self) -> list[PartitionOffsets]:
        places = {(TOPICS.transactions, 0), (TOPICS.transactions, 1)}
        places |= {(TOPICS.dead_letters, 0), (TOPICS.manifests, 0)}
        ends = Counter((each.topic, each.partition) for each in self.log)
        return [
            PartitionOffsets(
                topic=topic,
                partition=partition,
                first=self.first.get((topic, partition), 0),
                end=ends[topic, partition],
                committed=self.committed.get((topic, partition), 0),
            )
            for topic, partition in sorted(places)
        ]

    def records(
        self, spans: Iterable[PartitionOffsets]
    ) -> Iterator[tuple[PartitionOffsets, Sequence[Message]]]:
        for span in spans:
            place = span.topic, span.partition
            found = [
                each
                for each in self.log
                if (each.topic, each.partition) == place and span.first <= each.offset < span.end
            ]
            if found:
                yield span, found

    def partition_of(self, invoice: str) -> int:
        return len(invoice) % 2

    def manifests(self) -> list[Manifest]:
        return self.read

    def sample_replaced(self) -> bool:
        return self.replaced

    def pending_days(self) -> set[int]:
        return set(self.pending)

    def failed_days(self) -> list[FailedDay]:
        return list(self.failed)

    def lines(
        self, days: Iterable[int] | None = None
    ) -> Iterator[tuple[list[Line], list[MisfiledDocument]]]:
        wanted = None if days is None else set(days)
        lines, misfiled = [], []
        for identity, line in sorted(self.documents.items(), key=lambda each: each[1].day):
            if wanted is not None and line.InvoiceDate // DAY_MS not in wanted:
                continue
            if identity == row_id(line.source, line.row):
                lines.append(line)
            else:
                misfiled.append(MisfiledDocument(identity, line))
        yield lines, misfiled
        while self.meanwhile and days is None:
            self.send(self.meanwhile.pop())

    def quarantined(self) -> Iterator[QuarantinedRow]:
        yield from map(QuarantinedRow.of, self.quarantine.values())

    def purged(self) -> Iterator[tuple[str, int]]:
        for each in self.tombstones:
            source, _, row = each.rpartition(":")
            yield source, int(row)

    def rollups(self, found: RollupSums) -> None:
        """Add what is summarised, grouped as MongoDB groups it."""
        by_entry: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
        made_of: Counter[int] = Counter()
        for each in self.lines_summarised().values():
            hour = each.InvoiceDate % DAY_MS // 3_600_000
            fee, guest = each.StockCode in FEES, each.CustomerID is None
            who = each.CustomerID, each.Country
            made_of[each.day] += 1
            by_entry[
                ORDERS_ROLLUP, each.day, (each.InvoiceNo, hour, *who, fee, each.kind), ()
            ].append(each)
            by_entry[
                PRODUCTS_ROLLUP, each.day, (each.StockCode, each.Country, guest, each.kind), ()
            ].append(each)
            line = (each.InvoiceNo, each.StockCode, hour, *who, each.kind)
            by_entry[DUPLICATES_ROLLUP, each.day, line, content_of(each)].append(each)
        for (rollup, day, key, _), lines in by_entry.items():
            counted, more = lines, None
            if rollup == PRODUCTS_ROLLUP:
                names = [each.Description for each in lines if each.Description is not None]
                more = len({each.InvoiceNo for each in lines}), max(names, default=None)
            if rollup == DUPLICATES_ROLLUP:
                counted = lines[1:]
            units, money = sum(each.Quantity for each in counted), sum(
                each.TotalAmount for each in counted
            )
            if counted:
                found.add(rollup, day, key, (len(counted), units, money), more)
        for rollup in ROLLUPS:
            for day, count in made_of.items():
                found.add_document(rollup, day, count)

    def lines_summarised(self) -> dict[str, Line]:
        return self.documents if self.summarised is None else self.summarised

    def traded(self, days: Collection[int] | None = None) -> Iterator[Sequence[Stored]]:
        yield from _traded(self.documents, days)

    def return_documents(self, days: Collection[int] | None = None) -> Iterator[ReturnDocument]:
        if self.returns is None:
            found = [
                each for lines in _traded(self.lines_summarised()) for each in match_returns(lines)
            ]
        else:
            found = list(self.returns.values())
        yield from (each for each in found if days is None or each.day in days)

    def states(self, ids: Sequence[str]) -> dict[str, set[str]]:
        places: dict[str, Collection[str]] = {
            "transactions": self.documents,
            "quarantine": {each.claims or each.id: each for each in self.quarantine.values()},
            "purged": dict.fromkeys(self.tombstones),
        }
        return {each: {name for name, found in places.items() if each in found} for each in ids}

    def counts(self) -> dict[str, dict[str, int]]:
        return {
            "transactions": _by_source(self.documents),
            "quarantine": _by_source(self.quarantine),
            "purged": _by_source(self.tombstones),
        }

    def claimed(self) -> dict[str, int]:
        known = self.documents.keys() | self.quarantine.keys() | self.tombstones
        claims = {each.claims for each in self.quarantine.values() if each.claims}
        return _by_source(claims - known)

    def rollup_rows(self, without: Collection[int] = ()) -> dict[str, int]:
        lines = [each for each in self.lines_summarised().values() if each.day not in without]
        return dict.fromkeys(ROLLUPS, len(lines))

    def rows_on(self, days: Collection[int]) -> int:
        return sum(each.day in days for each in self.documents.values())


def _traded(
    documents: dict[str, Line], days: Collection[int] | None = None
) -> Iterator[list[Stored]]:
    """Yield the rows of each customer and stock code that has a cancellation; of guests by day."""
    found: dict[tuple[object, ...], list[Stored]] = defaultdict(list)
    for identity, line in documents.items():
        guest = line.CustomerID is None
        if line.kind in ("sale", "cancellation")[guest:] and line.StockCode not in FEES:
            key = line.StockCode, line.CustomerID, line.day if guest else None
            found[key].append(Stored(identity, line))
    for traded in found.values():
        cancelled = {each.line.day for each in traded if each.line.kind == "cancellation"}
        if cancelled and (days is None or cancelled & set(days)):
            yield traded


def _by_source(ids: Iterable[str]) -> dict[str, int]:
    return dict(Counter(each.rpartition(":")[0] for each in ids))


def rows(count: int, first: int = 2) -> list[Transaction]:
    """Return so many valid rows, of several invoices."""
    return [transaction(row, InvoiceNo="5" * (1 + row % 3)) for row in range(first, first + count)]


def reconciliation(missing: int = 0, **changes: Any) -> Reconciliation:
    """Return a quick result of just now over 3,000 rows, so many of which are missing."""
    account = SourceAccount(
        source=SOURCE,
        name="retail.csv",
        read=3_000,
        complete=True,
        stored=2_990 - missing,
        quarantined=9,
        purged=1,
    )
    lost = Difference(what="count", place="MongoDB", detail="d", advice="a", more=missing)
    differences = [lost] if missing else []
    result = Reconciliation(
        mode=Mode.QUICK,
        verdict=Verdict.DIFFER if missing else Verdict.AGREE,
        at=datetime.now(UTC),
        seconds=0.2,
        lag=0,
        pending_days=0,
        sources=[account],
        partitions=[],
        differences=differences,
        difference_count=len(differences),
    )
    return msgspec.structs.replace(result, **changes)
