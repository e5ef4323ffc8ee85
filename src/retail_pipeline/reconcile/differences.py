"""The differences in rows: single rows, buckets, misfiled documents, counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from retail_pipeline.domain.days import date_of_number
from retail_pipeline.domain.reconciliation import Difference, Sum
from retail_pipeline.domain.transaction import row_id
from retail_pipeline.reconcile import advice
from retail_pipeline.reconcile.compare import BucketDifference, BucketRows
from retail_pipeline.reconcile.rowset import RowSet
from retail_pipeline.reconcile.state import KAFKA, MONGODB, SHOWN, ReconciliationState
from retail_pipeline.reconcile.tally import Tally

# Reading takes a while: rows found wrong are checked once more, unless they are too many.
_RECHECKED_AT_MOST = 1_000
States = Callable[[Sequence[str]], dict[str, set[str]]]


@dataclass(frozen=True)
class SourceRows:
    """One source's rows by what is wrong with them, or not."""

    source: str
    expected: RowSet
    accounted: RowSet
    missing: RowSet
    unknown: RowSet
    twice: RowSet
    not_in_kafka: RowSet
    unknown_to_file: RowSet
    unsent: RowSet
    on_their_way: RowSet


def rows_of(state: ReconciliationState, source: str) -> SourceRows:
    """Sort one source's rows by what is wrong with them."""
    file, in_flight = state.files.rows.of(source), state.in_flight.of(source)
    settled = state.kafka.rows.of(source) | state.dead.rows.of(source)
    in_kafka = settled | in_flight
    stored, purged = state.stored.rows.of(source), state.purged.of(source)
    quarantined, own = state.quarantine.rows.of(source), state.quarantine.own.of(source)
    accounted = stored | quarantined | purged
    manifest = state.manifests.get(source)
    unsent = RowSet()
    if manifest is None or not manifest.complete:
        unsent = file - in_kafka - accounted
    whole, none = state.kafka_is_whole, RowSet()
    expected = file | settled
    return SourceRows(
        source=source,
        expected=expected,
        accounted=accounted,
        missing=expected - accounted - in_flight - unsent,
        unknown=accounted - expected - in_flight if file or whole else none,
        twice=(stored & own) | (stored & purged) | (own & purged),
        not_in_kafka=file - in_kafka - unsent if whole else none,
        unknown_to_file=in_kafka - file if file else none,
        unsent=unsent,
        on_their_way=in_flight - accounted,
    )


def of_rows(
    state: ReconciliationState,
    rows: SourceRows,
    named: dict[tuple[str, str], set[int]],
    states: States,
) -> Iterator[Difference]:
    """Yield what is wrong with whole rows of one source, unless a bucket has named it."""
    source, name = rows.source, state.name(rows.source)
    in_mongodb = named.get((MONGODB, source), set())
    missing = _again(rows.missing, source, states, lambda found: not found)
    unknown = _again(rows.unknown, source, states, bool)
    twice = _again(rows.twice, source, states, lambda found: len(found) > 1)
    explained = bool(missing or unknown or state.misfiled)
    for what, place, ids, named_before in (
        ("missing", MONGODB, missing, in_mongodb),
        ("unknown", MONGODB, unknown, in_mongodb),
        ("two_states", MONGODB, twice, set()),
        ("missing", KAFKA, rows.not_in_kafka, named.get((KAFKA, source), set())),
        ("unknown", KAFKA, rows.unknown_to_file, named.get((KAFKA, source), set())),
    ):
        count = len(ids) - sum(row in ids for row in named_before)
        if count:
            rest = (row_id(source, row) for row in ids if row not in named_before)
            first = tuple(islice(rest, SHOWN))
            yield Difference(
                what=what,
                place=place,
                source=source,
                name=name,
                detail=advice.DETAIL[what].format(place=place),
                advice=advice.of(what, place, name),
                ids=first,
                more=count - len(first),
            )
    yield from _of_texts(state, rows)
    yield from _of_count(state, rows, explained)


def _again(
    rows: RowSet, source: str, states: States, is_wrong: Callable[[set[str]], bool]
) -> RowSet:
    """Return the rows that are still wrong; all of them where they are too many to check."""
    if not rows or len(rows) > _RECHECKED_AT_MOST:
        return rows
    by_id = {row_id(source, row): row for row in rows}
    still = RowSet()
    for identity, found in states(list(by_id)).items():
        if is_wrong(found):
            still.add(by_id[identity])
    return still


def _of_texts(state: ReconciliationState, rows: SourceRows) -> Iterator[Difference]:
    """Yield a difference where the texts of rejected rows differ between places."""
    source = rows.source
    dead, quarantine = state.dead, state.quarantine
    both_known = not (quarantine.comparable.of(source) - dead.comparable.of(source))
    if both_known and quarantine.checksums[source] != state.dead_letter_checksums[source]:
        yield _text_difference(state, source, MONGODB, "the dead-letter topic")
    broken = state.files.broken.of(source)
    if broken and not (dead.comparable.of(source) - broken):
        if dead.checksums[source] != state.files.checksums[source]:
            yield _text_difference(state, source, KAFKA, "the file")


def _text_difference(state: ReconciliationState, source: str, place: str, other: str) -> Difference:
    return Difference(
        what="changed",
        place=place,
        source=source,
        name=state.name(source),
        detail=f"rejected rows have other texts in {place} than in {other}",
        advice=advice.of("changed", place, state.name(source)),
    )


def missing_manifest(source: str, name: str) -> Difference:
    """Return the difference that MongoDB lacks the manifest of a source that Kafka has."""
    return Difference(
        what="count",
        place=MONGODB,
        source=source,
        name=name,
        detail="its manifest is in Kafka, but not in MongoDB",
        advice=advice.of("lost", MONGODB, name),
    )


def _of_count(
    state: ReconciliationState, rows: SourceRows, explained: bool
) -> Iterator[Difference]:
    """Yield a difference where a place has another number of rows than the producer read."""
    manifest, source = state.manifests.get(rows.source), rows.source
    name = state.name(source)
    sent = state.sent.get(source)
    if sent and sent.says_more(manifest) and not state.lag:
        yield missing_manifest(source, name)
    if manifest is None or not manifest.complete or explained:
        return
    places = [(MONGODB, rows.accounted | rows.on_their_way)]
    if state.kafka_is_whole:
        in_kafka = state.kafka.rows.of(source) | state.dead.rows.of(source)
        places.append((KAFKA, in_kafka | state.in_flight.of(source)))
    for place, found in places:
        if len(found) != manifest.rows_read:
            yield Difference(
                what="count",
                place=place,
                source=source,
                name=name,
                detail=f"{manifest.rows_read:,} rows were read, {place} has {len(found):,}",
                advice=advice.of("count", place, name),
                expected=Sum(manifest.rows_read),
                found=Sum(len(found)),
                more=abs(manifest.rows_read - len(found)),
            )


def of_bucket(
    state: ReconciliationState, bucket: BucketDifference, rows: BucketRows
) -> Iterator[Difference]:
    """Yield a difference for each way in which a bucket's rows differ; one if no row is known."""
    name = state.name(bucket.source)
    ways = {"missing": rows.missing, "unknown": rows.unknown, "changed": list(rows.changed)}
    known = [(what, found) for what, found in ways.items() if found]
    for what, found in known or [("changed", [])]:
        ids = [row_id(bucket.source, row) for row in found]
        detail = advice.DETAIL[what].format(place=bucket.place)
        if what == "changed" and found:
            detail = rows.changed[found[0]]
        yield Difference(
            what=what,
            place=bucket.place,
            source=bucket.source,
            name=name,
            day=date_of_number(bucket.day).isoformat(),
            kind=bucket.kind,
            detail=f"{detail} ({bucket.against} compared)",
            advice=advice.of(what, bucket.place, name),
            expected=as_sum(bucket.expected),
            found=as_sum(bucket.found),
            ids=tuple(ids[:SHOWN]),
            more=len(ids) - len(ids[:SHOWN]),
        )


def of_misfiled(state: ReconciliationState) -> Iterator[Difference]:
    """Yield one difference for all documents under an id that is not their row's."""
    if state.misfiled:
        yield Difference(
            what="doubled",
            place=MONGODB,
            detail=advice.DETAIL["doubled"],
            advice=advice.of("doubled", MONGODB, ""),
            ids=tuple(state.misfiled),
            more=state.misfiled_count - len(state.misfiled),
        )


def as_sum(tally: Tally) -> Sum:
    """Return a tally's rows and money in the form of a result."""
    return Sum(tally.rows, tally.pounds)
