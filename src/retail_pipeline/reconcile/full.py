"""The full reconciliation: every row of every place is read once and added to that place's tally.

Quarantine and the dead-letter topic are small, and how the rest is read depends on them: they come
first. Then file, Kafka and MongoDB follow, and at last the ends of Kafka's partitions once more, so
that records that arrived meanwhile count as in flight rather than lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import TypeVar

import msgspec

from retail_pipeline.domain.failed_days import failed_before_and_after
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.offsets import PartitionOffsets
from retail_pipeline.domain.reconciliation import Reconciliation
from retail_pipeline.domain.sample_source import is_sample
from retail_pipeline.domain.topics import Topics
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import MANIFEST, REJECTION, TRANSACTION, Message, decode
from retail_pipeline.reconcile.comparison import DetailReader
from retail_pipeline.reconcile.evaluate import evaluate
from retail_pipeline.reconcile.expected_returns import match_returns
from retail_pipeline.reconcile.ports import DatabaseReader, File, KafkaReader
from retail_pipeline.reconcile.records import QuarantinedRow, as_line
from retail_pipeline.reconcile.rowset import Rows
from retail_pipeline.reconcile.state import ReconciliationState
from retail_pipeline.reconcile.tally import checksum_of

ReportProgress = Callable[[str, int, int], None]
Sourced = TypeVar("Sourced", Manifest, QuarantinedRow, Transaction)


@dataclass
class FullReconciliation:
    """One full reconciliation; ``report`` is called with a place, its rows so far and in all."""

    kafka: KafkaReader
    database: DatabaseReader
    files: Sequence[File]
    topics: Topics
    report: ReportProgress = lambda place, rows, total: None
    clock: Callable[[], float] = time.monotonic

    def run(self) -> Reconciliation:
        """Read everything and compare it.

        Raises:
            TransientError, PermanentError: a server is away or refuses.
            SourceError: a file can't be read.
        """
        began = self.clock()
        state = self._gather()
        if self.database.sample_replaced() != state.sample_replaced:
            # It was replaced meanwhile, which happens once.
            state = self._gather()
        reader = DetailReader(self.kafka, self.database, self.files, self.topics, state)
        findings = evaluate(state, reader)
        return msgspec.structs.replace(
            findings, at=datetime.now(UTC), seconds=round(self.clock() - began, 3)
        )

    def _gather(self) -> ReconciliationState:
        state = ReconciliationState(self.kafka.positions(), self.topics.transactions)
        state.sample_replaced = self.database.sample_replaced()
        state.pending_days = self.database.pending_days()
        state.failed_days = self.database.failed_days()
        self._read_quarantine(state)
        self._read_small_topics(state, state.positions)
        for file in self.files:
            self._read_file(state, file)
        self._read_kafka(state)
        self._read_mongodb(state)
        self._read_what_came_meanwhile(state)
        return state

    def _read_quarantine(self, state: ReconciliationState) -> None:
        for manifest in _counted(state, self.database.manifests()):
            state.manifests[manifest.source] = manifest
        for quarantined in self.database.quarantined():
            state.quarantine.add(quarantined)
            state.rejected[quarantined.source].add(quarantined.row)
        for source, row in self.database.purged():
            state.purged[source].add(row)
            state.rejected[source].add(row)

    def _read_small_topics(
        self, state: ReconciliationState, spans: Iterable[PartitionOffsets]
    ) -> None:
        """Read the dead letters and the manifests."""
        small = [span for span in spans if span.topic != self.topics.transactions]
        for span, messages in self.kafka.records(small):
            settled, in_flight = _split(span, messages)
            for part, late in ((settled, False), (in_flight, True)):
                if span.topic == self.topics.manifests:
                    manifests, bad, probes = decode(part, MANIFEST)
                    for manifest in _counted(state, manifests):
                        if manifest.is_newer_than(state.sent.get(manifest.source)):
                            state.sent[manifest.source] = manifest
                else:
                    rejections, bad, probes = decode(part, REJECTION)
                    bad = rejections + bad
                state.records[span.topic, span.partition] += len(part) - len(probes)
                dead = _counted(state, map(QuarantinedRow.of, bad))
                state.sample_records += len(bad) - len(dead)
                for each in dead:
                    state.rejected[each.source].add(each.row)
                _add_dead_letters(state, dead, late)

    def _read_file(self, state: ReconciliationState, file: File) -> None:
        source, tally = file.source, state.files
        if state.left_out(source):
            return
        tally.names[source] = file.name
        comparable, rows = state.dead.comparable.of(source), 0
        for lines, broken in file.lines(comparable):
            tally.add(lines, state.rejected)
            for row, raw in broken:
                tally.rows[source].add(row)
                tally.broken[source].add(row)
                state.rejected[source].add(row)
                if row in comparable:
                    tally.checksums[source] += checksum_of((row, raw))
            rows += len(lines) + len(broken)
            manifest = state.manifests.get(source)
            self.report(file.name, rows, manifest.rows_read if manifest else rows)

    def _read_kafka(self, state: ReconciliationState) -> None:
        rows, partition_of = 0, self.kafka.partition_of
        spans = [span for span in state.positions if span.topic == self.topics.transactions]
        total = sum(span.end - span.first for span in spans)
        for span, messages in self.kafka.records(spans):
            settled, in_flight = _split(span, messages)
            transactions, bad, _ = decode(settled, TRANSACTION)
            records = len(transactions) + len(bad)
            lines = list(map(as_line, _counted(state, transactions)))
            state.sample_records += len(transactions) - len(lines)
            partition = span.partition
            invoices = {line.InvoiceNo for line in lines}
            state.misplaced += sum(partition_of(invoice) != partition for invoice in invoices)
            state.kafka.add(lines, state.rejected, None, lambda _: partition)
            _add_dead_letters(state, map(QuarantinedRow.of, bad), False)
            if in_flight:
                records += _add_in_flight(state, in_flight)
            state.records[span.topic, span.partition] += records
            rows += len(messages)
            self.report("Kafka", rows, total)

    def _read_mongodb(self, state: ReconciliationState) -> None:
        in_kafka = Rows()
        for source in [*state.kafka.rows, *state.in_flight]:
            in_kafka[source] = state.kafka.rows.of(source) | state.in_flight.of(source)
        rows, total = 0, sum(map(len, state.kafka.rows.values()))
        for lines, misfiled in self.database.lines():
            state.stored.add(lines, state.rejected, in_kafka, self.kafka.partition_of)
            state.note_misfiled([document.id for document in misfiled])
            # A rebuild adds up every document, whatever its id.
            others = [document.line for document in misfiled if document.line]
            state.expected_rollups.summarise(chain(lines, others))
            rows += len(lines)
            self.report("MongoDB", rows, max(rows, total))
        self.database.rollups(state.rollups)
        for traded in self.database.traded():
            state.expected_returns.add(match_returns(traded))
        state.returns.add(self.database.return_documents())

    def _read_what_came_meanwhile(self, state: ReconciliationState) -> None:
        state.pending_days |= self.database.pending_days()
        state.failed_days, others = failed_before_and_after(
            state.failed_days, self.database.failed_days()
        )
        state.pending_days |= others
        before = {each.key: each.end for each in state.positions}
        tail = [
            PartitionOffsets(
                topic=now.topic,
                partition=now.partition,
                first=before.get(now.key, now.first),
                end=now.end,
                committed=0,
            )
            for now in self.kafka.positions()
        ]
        state.came_meanwhile = sum(span.end - span.first for span in tail)
        self._read_small_topics(state, tail)
        for span, messages in self.kafka.records(
            span for span in tail if span.topic == self.topics.transactions
        ):
            _add_in_flight(state, messages)


def _split(
    span: PartitionOffsets, messages: Sequence[Message]
) -> tuple[Sequence[Message], Sequence[Message]]:
    """Return what was stored when the reconciliation began, and what came after it."""
    if messages[-1].offset < span.committed:
        return messages, ()
    settled = [message for message in messages if message.offset < span.committed]
    return settled, messages[len(settled) :]


def _counted(state: ReconciliationState, items: Iterable[Sourced]) -> list[Sourced]:
    """Return ``items`` without the sample's, if other data has replaced it."""
    if not state.sample_replaced:
        return list(items)
    return [item for item in items if not is_sample(item.source)]


def _add_in_flight(state: ReconciliationState, messages: Sequence[Message]) -> int:
    """Add what is not stored yet; return how many records it is, without probes."""
    transactions, bad, _ = decode(messages, TRANSACTION)
    for line in map(as_line, _counted(state, transactions)):
        state.in_flight[line.source].add(line.row)
        state.in_flight_days.add((line.source, line.day))
    _add_dead_letters(state, map(QuarantinedRow.of, bad), True)
    return len(transactions) + len(bad)


def _add_dead_letters(
    state: ReconciliationState, dead: Iterable[QuarantinedRow], in_flight: bool
) -> None:
    quarantine = state.quarantine.comparable
    for each in dead:
        if in_flight:
            state.in_flight[each.source].add(each.row)
            if state.files.good(each.source, each.row):
                state.in_flight_undated.add(each.source)
        elif state.dead.add(each) and quarantine.has(each.source, each.row):
            if each.comparable:
                state.dead_letter_checksums[each.source] += checksum_of((each.row, each.raw))
