"""Where the tallies of two places differ, and a second read that names the rows behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from retail_pipeline.domain.fields import DATE
from retail_pipeline.domain.topics import Topics
from retail_pipeline.domain.wire import TRANSACTION, decode
from retail_pipeline.reconcile.expected_returns import match_returns
from retail_pipeline.reconcile.ports import DatabaseReader, File, KafkaReader
from retail_pipeline.reconcile.records import Line, ReturnDocument, as_line, changed_fields
from retail_pipeline.reconcile.state import ReconciliationState
from retail_pipeline.reconcile.tally import NOT_IN_KAFKA, PLAIN, REPLAYED, LineTally, Tally
from retail_pipeline.reconcile.texts import FILE, KAFKA, MONGODB

_NOTHING = Tally()
# Of more days than these the sums are reported, but not each row.
_MOST_DAYS = 10
_MOST_ROWS = 200_000
Key = TypeVar("Key")
Found = dict[tuple[str, int], Line]
Sums = dict[tuple[str, int, str], Tally]


@dataclass(frozen=True)
class BucketDifference:
    """A bucket whose tally in ``place`` is not that in ``against``, which is taken as right."""

    place: str
    against: str
    source: str
    day: int
    kind: str
    expected: Tally
    found: Tally


@dataclass
class Details(Generic[Key]):
    """The rows by number, or returns by id, behind a difference; ``changed`` has what differs."""

    missing: list[Key] = field(default_factory=list)
    unknown: list[Key] = field(default_factory=list)
    changed: dict[Key, str] = field(default_factory=dict)

    def ways(self) -> list[tuple[str, list[Key], str | None]]:
        """Return the ways in which something differs: its name, its rows, and the first detail."""
        ways: list[tuple[str, list[Key], str | None]] = [
            ("missing", self.missing, None),
            ("unknown", self.unknown, None),
            ("changed", [*self.changed], next(iter(self.changed.values()), None)),
        ]
        return [way for way in ways if way[1]]


def find_bucket_differences(state: ReconciliationState, unsent: set[str]) -> list[BucketDifference]:
    """Return every bucket in which a place differs, leaving out rows in flight.

    ``unsent`` are the sources whose files were not sent whole yet.
    """
    stored, kafka, files = state.stored, state.kafka, state.files
    with_file = files.rows.keys() - unsent - state.in_flight_undated
    buckets: list[BucketDifference] = []
    every = (PLAIN, PLAIN + NOT_IN_KAFKA)
    for place, tally, origins in ((MONGODB, stored, every), (KAFKA, kafka, (PLAIN,))):
        if place == MONGODB or state.kafka_is_whole:
            found, expected = tally.sums(origins), files.sums((PLAIN,))
            buckets += [
                bucket
                for bucket in _compared(state, place, FILE, expected, found)
                if bucket.source in with_file
            ]
    named = {(bucket.source, bucket.day, bucket.kind) for bucket in buckets}
    for origin in (PLAIN, REPLAYED):
        found, expected = stored.sums((origin,)), kafka.sums((origin,))
        buckets += [
            bucket
            for bucket in _compared(state, MONGODB, KAFKA, expected, found)
            if (bucket.source, bucket.day, bucket.kind) not in named
        ]
    return sorted(
        buckets, key=lambda bucket: (bucket.day, bucket.source, bucket.kind, bucket.place)
    )


def _compared(
    state: ReconciliationState, place: str, against: str, expected: Sums, found: Sums
) -> Iterator[BucketDifference]:
    for key in expected.keys() | found.keys():
        source, day, kind = key
        right, real = expected.get(key, _NOTHING), found.get(key, _NOTHING)
        if right != real and (source, day) not in state.in_flight_days:
            yield BucketDifference(place, against, source, day, kind, right, real)


@dataclass
class DetailReader:
    """Reads a few days again, from the places that differ."""

    kafka: KafkaReader
    database: DatabaseReader
    files: Sequence[File]
    topics: Topics
    state: ReconciliationState

    def rows(self, buckets: Sequence[BucketDifference]) -> list[Details[int]]:
        """Return the rows behind each difference; those of the first few days only."""
        days = sorted({bucket.day for bucket in buckets})[:_MOST_DAYS]
        wanted = {(bucket.source, bucket.day) for bucket in buckets if bucket.day in days}
        places = {place for bucket in buckets for place in (bucket.place, bucket.against)}
        found = {place: self._collect(place, wanted) for place in places}
        return [
            (
                self._rows_of(bucket, found[bucket.against], found[bucket.place])
                if (bucket.source, bucket.day) in wanted
                else Details()
            )
            for bucket in buckets
        ]

    def returns(self, days: Sequence[int]) -> dict[int, Details[str]]:
        """Return the documents of the returns that differ now; those of the first few days only."""
        first = sorted(days)[:_MOST_DAYS]
        right: dict[str, ReturnDocument] = {}
        for traded in self.database.traded(first):
            # Of a customer and stock code there may be cancellations on other days too.
            right |= {each.id: each for each in match_returns(traded) if each.day in first}
        real = {each.id: each for each in self.database.return_documents(first)}
        found: dict[int, Details[str]] = {day: Details() for day in first}
        for identity in sorted(right.keys() | real.keys()):
            expected, other = right.get(identity), real.get(identity)
            if expected is None and other is not None:
                found[other.day].unknown.append(identity)
            elif expected is not None and other is None:
                found[expected.day].missing.append(identity)
            elif expected is not None and other is not None and expected != other:
                found[expected.day].changed[identity] = changed_fields(expected, other)
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
            for _, messages in self.kafka.records(span for span in spans if span.topic == topic):
                yield list(map(as_line, decode(messages, TRANSACTION).records))
        else:
            yield from (lines for lines, _ in self.database.lines(days))

    def _tally(self, place: str) -> LineTally:
        tallies = {FILE: self.state.files, KAFKA: self.state.kafka}
        return tallies.get(place, self.state.stored)

    def _rows_of(self, bucket: BucketDifference, right: Found, real: Found) -> Details[int]:
        """Compare one bucket row by row; a row that is now in another bucket counts as changed."""
        rows: Details[int] = Details()
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
                rows.changed[row] = f"its {DATE} is of another day"
        for (source, row), line in real.items():
            if (source, line.day, line.kind) == (bucket.source, bucket.day, bucket.kind):
                if not known.has(source, row):
                    rows.unknown.append(row)
        return rows
