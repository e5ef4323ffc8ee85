"""Each difference by name: rows, buckets, misfiled documents, counts, rollups and returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from retail_pipeline.domain.collections import ORDERS_ROLLUP, RETURNS, ROLLUPS
from retail_pipeline.domain.reconciliation import Difference, Sum
from retail_pipeline.domain.transaction import Kind, row_id
from retail_pipeline.reconcile.comparison import BucketDifference, Details
from retail_pipeline.reconcile.rowset import RowSet
from retail_pipeline.reconcile.state import ReconciliationState
from retail_pipeline.reconcile.tally import Tally
from retail_pipeline.reconcile.texts import (
    KAFKA,
    MONGODB,
    SHOWN,
    difference,
    missing_manifest,
    text,
)

# Reading takes a while: rows found wrong are checked once more, unless they are too many.
_RECHECKED_AT_MOST = 1_000
States = Callable[[Sequence[str]], dict[str, set[str]]]
# The rows that buckets have named, by place and source.
Named = dict[tuple[str, str], RowSet]
ReadReturnDetails = Callable[[Sequence[int]], dict[int, Details[str]]]


@dataclass(frozen=True)
class SourceRows:
    """One source's rows by what is wrong with them, or not."""

    source: str
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
    state: ReconciliationState, rows: SourceRows, named: Named, states: States
) -> Iterator[Difference]:
    """Yield what is wrong with whole rows of one source, unless a bucket has named it."""
    source, name, none = rows.source, state.name(rows.source), RowSet()
    in_mongodb, in_kafka = (named.get((place, source), none) for place in (MONGODB, KAFKA))
    missing = _again(rows.missing, source, states, lambda found: not found)
    unknown = _again(rows.unknown, source, states, bool)
    twice = _again(rows.twice, source, states, lambda found: len(found) > 1)
    for what, place, others in (
        ("missing", MONGODB, missing - in_mongodb),
        ("unknown", MONGODB, unknown - in_mongodb),
        ("two_states", MONGODB, twice),
        ("missing", KAFKA, rows.not_in_kafka - in_kafka),
        ("unknown", KAFKA, rows.unknown_to_file - in_kafka),
    ):
        if others:
            ids = [row_id(source, row) for row in islice(others, SHOWN)]
            yield difference(what, place, source=source, name=name, ids=ids, count=len(others))
    yield from _of_texts(state, rows)
    yield from _of_count(state, rows, bool(missing or unknown or state.misfiled))


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
    source, wrong = rows.source, []
    dead, quarantine = state.dead, state.quarantine
    both_known = not (quarantine.comparable.of(source) - dead.comparable.of(source))
    if both_known and quarantine.checksums[source] != state.dead_letter_checksums[source]:
        wrong.append((MONGODB, "the dead-letter topic"))
    broken = state.files.broken.of(source)
    if broken and not (dead.comparable.of(source) - broken):
        if dead.checksums[source] != state.files.checksums[source]:
            wrong.append((KAFKA, "the file"))
    for place, other in wrong:
        detail = f"rejected rows have other texts in {place} than in {other}"
        yield difference("changed", place, source=source, name=state.name(source), detail=detail)


def _of_count(
    state: ReconciliationState, rows: SourceRows, explained: bool
) -> Iterator[Difference]:
    """Yield a difference where a place has another number of rows than the producer read."""
    manifest, source = state.manifests.get(rows.source), rows.source
    name = state.name(source)
    sent = state.sent.get(source)
    if sent and sent.is_newer_than(manifest) and not state.lag:
        yield missing_manifest(source, name)
    if manifest is None or not manifest.complete or explained:
        return
    places = [(MONGODB, rows.accounted | rows.on_their_way)]
    if state.kafka_is_whole:
        in_kafka = state.kafka.rows.of(source) | state.dead.rows.of(source)
        places.append((KAFKA, in_kafka | state.in_flight.of(source)))
    for place, found in places:
        if len(found) != manifest.rows_read:
            yield difference(
                "count",
                place,
                source=source,
                name=name,
                detail=f"{manifest.rows_read:,} rows were read, {place} has {len(found):,}",
                expected=Sum(manifest.rows_read),
                found=Sum(len(found)),
                count=abs(manifest.rows_read - len(found)),
            )


def of_bucket(
    state: ReconciliationState, bucket: BucketDifference, rows: Details[int]
) -> Iterator[Difference]:
    """Yield a difference for each way in which a bucket's rows differ; one if no row is known."""
    for what, found, detail in rows.ways() or [("changed", [], None)]:
        yield difference(
            what,
            bucket.place,
            source=bucket.source,
            name=state.name(bucket.source),
            day=bucket.day,
            kind=bucket.kind,
            detail=f"{detail or text(what, bucket.place)} ({bucket.against} compared)",
            expected=bucket.expected.as_sum(),
            found=bucket.found.as_sum(),
            ids=[row_id(bucket.source, row) for row in found],
        )


def of_misfiled(state: ReconciliationState) -> Iterator[Difference]:
    """Yield one difference for all documents under an id that is not their row's."""
    if state.misfiled:
        yield difference("doubled", MONGODB, ids=state.misfiled, count=state.misfiled_count)


def of_rollups(state: ReconciliationState) -> Iterator[Difference]:
    """Yield each day and kind whose rollup does not follow from the stored rows."""
    right, real = state.expected_rollups.tallies, state.rollups.tallies
    unsettled = {rollup: state.unsettled_days(rollup) for rollup in ROLLUPS}
    named = set[tuple[str, int]]()
    for rollup, day, kind in sorted(right.keys() | real.keys()):
        key = (rollup, day, kind)
        expected, found = right.get(key, Tally()), real.get(key, Tally())
        if day in unsettled[rollup] or expected == found:
            continue
        named.add((rollup, day))
        same = replace(expected, checksum=0) == replace(found, checksum=0)
        yield difference(
            "rollup",
            rollup,
            day=day,
            kind=kind,
            detail=text("rollup_entries" if same else "rollup", rollup),
            expected=expected.as_sum(),
            found=found.as_sum(),
        )
    yield from _of_documents(state, named, unsettled)


def _of_documents(
    state: ReconciliationState, named: set[tuple[str, int]], unsettled: dict[str, set[int]]
) -> Iterator[Difference]:
    """Yield each day's document that is missing, or names another number of rows than are stored.

    Its entries need not show it: most days have no duplicates. ``named`` are reported already.
    """
    stored: Counter[int] = Counter()
    for (rollup, day, _), tally in state.expected_rollups.tallies.items():
        if rollup == ORDERS_ROLLUP:
            stored[day] += tally.rows
    documents = state.rollups.documents
    right = {(rollup, day): rows for day, rows in stored.items() for rollup in ROLLUPS}
    for rollup, day in sorted(right.keys() | documents.keys()):
        expected, found = right.get((rollup, day), 0), documents.get((rollup, day), 0)
        if expected != found and day not in unsettled[rollup] and (rollup, day) not in named:
            yield difference(
                "rollup",
                rollup,
                day=day,
                detail=text("rollup_rows", rollup),
                expected=Sum(expected),
                found=Sum(found),
            )


def of_returns(state: ReconciliationState, read_details: ReadReturnDetails) -> Iterator[Difference]:
    """Yield a difference for each day and way in which returns do not follow from stored rows.

    Rows of a day may change how cancellations of later days are matched: days from the first
    unsettled one on are not compared. Documents found wrong are read once more before that.
    """
    right, real = state.expected_returns.days, state.returns.days
    first = min(state.unsettled_days(RETURNS), default=None)
    differing = [
        day
        for day in sorted(right.keys() | real.keys())
        if right.get(day) != real.get(day) and (first is None or day < first)
    ]
    details = read_details(differing) if differing else {}
    for day in differing:
        ways = details[day].ways() if day in details else [("changed", [], None)]
        for what, ids, detail in ways:
            yield difference(
                what,
                RETURNS,
                day=day,
                kind=Kind.CANCELLATION.value,
                detail=detail,
                expected=right.get(day, Tally()).as_sum(),
                found=real.get(day, Tally()).as_sum(),
                ids=ids,
            )
