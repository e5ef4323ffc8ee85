"""A second read of the days that differ, to name the rows and returns behind a difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retail_pipeline.domain.topics import Topics
from retail_pipeline.domain.wire import TRANSACTION, decode
from retail_pipeline.reconcile.compare import BucketDifference, BucketRows, changed_fields
from retail_pipeline.reconcile.expected_returns import ReturnDocument, match_returns
from retail_pipeline.reconcile.ports import File, Log, Records
from retail_pipeline.reconcile.rollup_differences import ReturnRows
from retail_pipeline.reconcile.state import FILE, KAFKA, ReconciliationState
from retail_pipeline.reconcile.tally import Line, LineTally, as_line

# Of more days than these the sums are reported, but not each row.
_MOST_DAYS = 10
_MOST_ROWS = 200_000
Found = dict[tuple[str, int], Line]


@dataclass
class DetailReader:
    """Reads the rows of a few days again, from the places that differ."""

    log: Log
    records: Records
    files: Sequence[File]
    topics: Topics
    state: ReconciliationState

    def rows(self, buckets: Sequence[BucketDifference]) -> list[BucketRows]:
        """Return the rows behind each difference; those of the first few days only."""
        days = sorted({bucket.day for bucket in buckets})[:_MOST_DAYS]
        wanted = {(bucket.source, bucket.day) for bucket in buckets if bucket.day in days}
        places = {place for bucket in buckets for place in (bucket.place, bucket.against)}
        found = {place: self._collect(place, wanted) for place in places}
        return [
            (
                self._rows_of(bucket, found[bucket.against], found[bucket.place])
                if (bucket.source, bucket.day) in wanted
                else BucketRows()
            )
            for bucket in buckets
        ]

    def returns(self, days: Sequence[int]) -> dict[int, ReturnRows]:
        """Return the documents of the returns that differ now; those of the first few days only."""
        first = sorted(days)[:_MOST_DAYS]
        right: dict[str, ReturnDocument] = {}
        for traded in self.records.traded(first):
            # Of a customer and stock code there may be cancellations on other days too.
            right |= {each.id: each for each in match_returns(traded) if each.day in first}
        real = {each.id: each for each in self.records.return_documents(first)}
        found = {day: ReturnRows() for day in first}
        for identity in sorted(right.keys() | real.keys()):
            expected, other = right.get(identity), real.get(identity)
            if expected is None and other is not None:
                found[other.day].unknown.append(identity)
            elif expected is not None and other is None:
                found[expected.day].missing.append(identity)
            elif expected is not None and other is not None and expected != other:
                found[expected.day].changed[identity] = expected.differing_fields(other)
        return found

    def _collect(self, place: str, wanted: set[tuple[str, int]]) -> Found:
        found: Found = {}
        for lines in self._lines(place, {day for _, day in wanted}):
            for line in lines:
                if (line.source, line.day) in wanted and len(found) < _MOST_ROWS:
                    found.setdefault((line.source, line.row), line)
        return found

    def _lines(self, place: str, days: set[int]) -> Iterator[list[Line]]:
        if place == FILE:
            for file in self.files:
                rejected = self.state.dead.comparable.of(file.source)
                yield from (lines for lines, _ in file.lines(rejected))
        elif place == KAFKA:
            spans = self.state.positions
            topic = self.topics.transactions
            for _, messages in self.log.records(span for span in spans if span.topic == topic):
                yield list(map(as_line, decode(messages, TRANSACTION)[0]))
        else:
            yield from (lines for lines, _ in self.records.lines(days))

    def _tally(self, place: str) -> LineTally:
        tallies = {FILE: self.state.files, KAFKA: self.state.kafka}
        return tallies.get(place, self.state.stored)

    def _rows_of(self, bucket: BucketDifference, right: Found, real: Found) -> BucketRows:
        """Compare one bucket row by row; a row that is now in another bucket counts as changed."""
        rows = BucketRows()
        there, known = self._tally(bucket.place).rows, self._tally(bucket.against).rows
        for (source, row), line in right.items():
            if (source, line.day, line.kind) != (bucket.source, bucket.day, bucket.kind):
                continue
            other = real.get((source, row))
            if other is not None and other != line:
                rows.changed[row] = changed_fields(line, other)
            elif other is None and not there.has(source, row):
                rows.missing.append(row)
            elif other is None:
                rows.changed[row] = "its InvoiceDate is of another day"
        for (source, row), line in real.items():
            if (source, line.day, line.kind) == (bucket.source, bucket.day, bucket.kind):
                if not known.has(source, row):
                    rows.unknown.append(row)
        return rows
