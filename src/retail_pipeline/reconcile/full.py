"""The full look: every row of every place is read once and entered into that place's book.

What is small and decides how the rest is read comes first: quarantine, the dead-letter topic. Then
file, Kafka, MongoDB; and in the end once more Kafka's ends, so that what came in meanwhile is known
to be on its way rather than lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import TypeVar

import msgspec

from retail_pipeline.domain.failed_days import throughout
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.offsets import Position
from retail_pipeline.domain.reconciliation import Reconciliation
from retail_pipeline.domain.sample_source import is_sample
from retail_pipeline.domain.topics import Topics
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import MANIFEST, REJECTION, TRANSACTION, Message, decode
from retail_pipeline.reconcile.details import Drill
from retail_pipeline.reconcile.evaluate import judge
from retail_pipeline.reconcile.expected_returns import returned_of
from retail_pipeline.reconcile.ports import File, Log, Records
from retail_pipeline.reconcile.rowset import Rows
from retail_pipeline.reconcile.state import Evidence
from retail_pipeline.reconcile.tally import Held, as_line, mark_of

Tell = Callable[[str, int, int], None]
Sourced = TypeVar("Sourced", Manifest, Held, Transaction)


@dataclass
class FullLook:
    """One full reconciliation; ``tell`` hears of each place read, the rows so far, and of all."""

    log: Log
    records: Records
    files: Sequence[File]
    topics: Topics
    tell: Tell = lambda place, rows, total: None
    clock: Callable[[], float] = time.monotonic

    def run(self) -> Reconciliation:
        """Look at everything and judge it.

        Raises:
            TransientError, PermanentError: a server is away or refuses: nothing can be said.
            SourceError: a file can't be read.
        """
        began = self.clock()
        evidence = self._gather()
        if self.records.sample_replaced() != evidence.sample_replaced:
            # It was replaced meanwhile, which happens once.
            evidence = self._gather()
        drill = Drill(self.log, self.records, self.files, self.topics, evidence)
        findings = judge(evidence, drill.rows, drill.returns, self.records.states)
        return msgspec.structs.replace(
            findings, at=datetime.now(UTC), seconds=round(self.clock() - began, 3)
        )

    def _gather(self) -> Evidence:
        evidence = Evidence(self.log.positions(), self.topics.transactions)
        evidence.sample_replaced = self.records.sample_replaced()
        evidence.pending_days = self.records.pending_days()
        evidence.failed_days = self.records.failed_days()
        self._read_quarantine(evidence)
        self._read_small_topics(evidence, evidence.positions)
        for file in self.files:
            self._read_file(evidence, file)
        self._read_transactions(evidence, evidence.positions)
        self._read_records(evidence)
        self._read_what_came_meanwhile(evidence)
        return evidence

    def _read_quarantine(self, evidence: Evidence) -> None:
        for manifest in _counted(evidence, self.records.manifests()):
            evidence.manifests[manifest.source] = manifest
        for held in self.records.quarantined():
            evidence.quarantine.enter(held)
            evidence.rejected[held.source].add(held.row)
        for source, row in self.records.purged():
            evidence.purged[source].add(row)
            evidence.rejected[source].add(row)

    def _read_small_topics(self, evidence: Evidence, spans: Iterable[Position]) -> None:
        """Read the dead letters and the manifests."""
        small = [span for span in spans if span.topic != self.topics.transactions]
        for span, messages in self.log.records(small):
            evidence.records[span.topic, span.partition] += len(messages)
            settled, moving = _split(span, messages)
            for part, still in ((settled, False), (moving, True)):
                if span.topic == self.topics.manifests:
                    manifests, bad = decode(part, MANIFEST)
                    for manifest in _counted(evidence, manifests):
                        _keep(evidence.sent, manifest)
                else:
                    rejections, bad = decode(part, REJECTION)
                    bad = rejections + bad
                dead = _counted(evidence, map(Held.of, bad))
                evidence.sample_records += len(bad) - len(dead)
                for held in dead:
                    evidence.rejected[held.source].add(held.row)
                _enter_dead(evidence, dead, still)

    def _read_file(self, evidence: Evidence, file: File) -> None:
        source, book = file.source, evidence.files
        if evidence.left_out(source):
            return
        book.names[source] = file.name
        comparable, rows = evidence.dead.comparable.of(source), 0
        for lines, broken in file.lines(comparable):
            book.enter(lines, evidence.rejected)
            for row, raw in broken:
                book.rows[source].add(row)
                book.broken[source].add(row)
                evidence.rejected[source].add(row)
                if row in comparable:
                    book.marks[source] += mark_of((row, raw))
            rows += len(lines) + len(broken)
            manifest = evidence.manifests.get(source)
            self.tell(file.name, rows, manifest.rows_read if manifest else rows)

    def _read_transactions(self, evidence: Evidence, spans: Iterable[Position]) -> None:
        rows, home = 0, self.log.home
        spans = [span for span in spans if span.topic == self.topics.transactions]
        total = sum(span.end - span.first for span in spans)
        for span, messages in self.log.records(spans):
            evidence.records[span.topic, span.partition] += len(messages)
            settled, moving = _split(span, messages)
            transactions, bad = decode(settled, TRANSACTION)
            lines = list(map(as_line, _counted(evidence, transactions)))
            evidence.sample_records += len(transactions) - len(lines)
            partition = span.partition
            invoices = {line.invoice for line in lines}
            evidence.misplaced += sum(home(invoice) != partition for invoice in invoices)
            evidence.kafka.enter(lines, evidence.rejected, None, lambda _: partition)
            _enter_dead(evidence, map(Held.of, bad), False)
            if moving:
                _enter_moving(evidence, moving)
            rows += len(messages)
            self.tell("Kafka", rows, total)

    def _read_records(self, evidence: Evidence) -> None:
        in_kafka = Rows()
        for source in [*evidence.kafka.rows, *evidence.moving]:
            in_kafka[source] = evidence.kafka.rows.of(source) | evidence.moving.of(source)
        rows, total = 0, sum(map(len, evidence.kafka.rows.values()))
        for lines, strays in self.records.lines():
            evidence.stored.enter(lines, evidence.rejected, in_kafka, self.log.home)
            evidence.note_strays([stray.id for stray in strays])
            # Whatever a document calls itself, a rebuild adds it up.
            others = [each.line for each in strays if each.line]
            evidence.expected_rollups.summarise(chain(lines, others))
            rows += len(lines)
            self.tell("MongoDB", rows, max(rows, total))
        self.records.rollups(evidence.rollups)
        for traded in self.records.traded():
            evidence.expected_returns.enter(returned_of(traded))
        evidence.returns.enter(self.records.returned())

    def _read_what_came_meanwhile(self, evidence: Evidence) -> None:
        evidence.pending_days |= self.records.pending_days()
        evidence.failed_days, others = throughout(evidence.failed_days, self.records.failed_days())
        evidence.pending_days |= others
        before = {(each.topic, each.partition): each.end for each in evidence.positions}
        tail = [
            Position(
                topic=now.topic,
                partition=now.partition,
                first=before.get((now.topic, now.partition), now.first),
                end=now.end,
                committed=0,
            )
            for now in self.log.positions()
        ]
        evidence.came_meanwhile = sum(span.end - span.first for span in tail)
        self._read_small_topics(evidence, tail)
        for span, messages in self.log.records(
            span for span in tail if span.topic == self.topics.transactions
        ):
            _enter_moving(evidence, messages)


def _split(
    span: Position, messages: Sequence[Message]
) -> tuple[Sequence[Message], Sequence[Message]]:
    """Tell what was stored when the look began from what may not have been."""
    if messages[-1].offset < span.committed:
        return messages, ()
    settled = [message for message in messages if message.offset < span.committed]
    return settled, messages[len(settled) :]


def _counted(evidence: Evidence, items: Iterable[Sourced]) -> list[Sourced]:
    """Return ``items`` without the sample's, if other data has replaced it."""
    if not evidence.sample_replaced:
        return list(items)
    return [item for item in items if not is_sample(item.source)]


def _enter_moving(evidence: Evidence, messages: Sequence[Message]) -> None:
    transactions, bad = decode(messages, TRANSACTION)
    for line in map(as_line, _counted(evidence, transactions)):
        evidence.moving[line.source].add(line.row)
        evidence.moving_days.add((line.source, line.day))
    _enter_dead(evidence, map(Held.of, bad), True)


def _enter_dead(evidence: Evidence, dead: Iterable[Held], moving: bool) -> None:
    quarantine = evidence.quarantine.comparable
    for held in dead:
        if moving:
            evidence.moving[held.source].add(held.row)
            if evidence.files.good(held.source, held.row):
                evidence.moving_undated.add(held.source)
        elif evidence.dead.enter(held) and quarantine.has(held.source, held.row):
            if held.comparable:
                evidence.dead_marks[held.source] += mark_of((held.row, held.raw))


def _keep(kept: dict[str, Manifest], manifest: Manifest) -> None:
    if manifest.says_more(kept.get(manifest.source)):
        kept[manifest.source] = manifest
