"""The result of a full reconciliation: every difference by name, and the verdict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from retail_pipeline.domain.reconciliation import (
    Difference,
    Mode,
    PartitionAccount,
    Reconciliation,
    SourceAccount,
    verdict_of,
)
from retail_pipeline.reconcile.comparison import DetailReader, find_bucket_differences
from retail_pipeline.reconcile.differences import (
    Named,
    SourceRows,
    of_bucket,
    of_misfiled,
    of_returns,
    of_rollups,
    of_rows,
    rows_of,
)
from retail_pipeline.reconcile.rowset import RowSet
from retail_pipeline.reconcile.state import ReconciliationState
from retail_pipeline.reconcile.tally import Tally
from retail_pipeline.reconcile.texts import INCOMPLETE, of_failed_days


def evaluate(state: ReconciliationState, reader: DetailReader) -> Reconciliation:
    """Return the result; ``reader`` names what is behind a difference.

    ``at`` and ``seconds`` are left to the caller.
    """
    sources = [rows_of(state, source) for source in state.sources]
    unsent = {each.source for each in sources if each.unsent}
    buckets = find_bucket_differences(state, unsent)
    differences: list[Difference] = []
    named: Named = defaultdict(RowSet)
    for bucket, rows in zip(buckets, reader.rows(buckets), strict=True):
        differences += of_bucket(state, bucket, rows)
        for row in (*rows.missing, *rows.unknown):
            named[bucket.place, bucket.source].add(row)
    for each in sources:
        differences += of_rows(state, each, named, reader.database.states)
    differences += of_misfiled(state)
    differences += of_failed_days(state.failed_days)
    differences += of_rollups(state)
    differences += of_returns(state, reader.returns)
    notes = [*_notes(state, sources)]
    settled = not (state.lag or state.pending_days or notes)
    totals = _totals(state)
    return Reconciliation(
        by="retail reconcile",
        mode=Mode.FULL,
        verdict=verdict_of(differences, settled),
        at=datetime.now(UTC),
        seconds=0.0,
        lag=state.lag,
        pending_days=len(state.pending_days),
        sources=[_account(state, each, totals[each.source]) for each in sources],
        partitions=_partitions(state),
        differences=differences,
        difference_count=len(differences),
        notes=notes + _remarks(state),
    )


def _notes(state: ReconciliationState, sources: Iterable[SourceRows]) -> Iterator[str]:
    """Yield why the result is not final yet."""
    for each in sources:
        manifest, name = state.manifests.get(each.source), state.name(each.source)
        if each.unsent:
            yield f"{name}: {len(each.unsent):,} rows were not sent yet: `retail produce {name}`"
        elif manifest is not None and not manifest.complete:
            yield INCOMPLETE.format(name=name, rows=manifest.rows_read)


def _remarks(state: ReconciliationState) -> list[str]:
    """Return what a reader of the result has to know, though it is no fault."""
    remarks = []
    lost = sum(position.lost for position in state.positions)
    if lost:
        remarks.append(f"{lost:,} records were deleted from Kafka before they were stored")
    if not state.kafka_is_whole:
        remarks.append("Kafka no longer holds the oldest records: it is compared as far as it goes")
    if state.sample_records:
        remarks.append(
            f"other data has replaced the made-up sample: {state.sample_records:,} records of it"
            " in Kafka are left out"
        )
    if state.misplaced:
        remarks.append(
            f"records of orders ({state.misplaced:,}) are in another partition than the producer's:"
            " partitions are not compared with MongoDB"
        )
    return remarks


def _totals(state: ReconciliationState) -> dict[str, dict[str, Tally]]:
    """Return the sums over the stored rows by source and kind."""
    totals: dict[str, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    for (source, _, kind, _), tally in state.stored.buckets.items():
        totals[source][kind] += tally
    return totals


def _account(
    state: ReconciliationState, rows: SourceRows, kinds: dict[str, Tally]
) -> SourceAccount:
    source, manifest = rows.source, state.manifests.get(rows.source)
    stored = state.stored.rows.of(source)
    quarantined, own = state.quarantine.rows.of(source), state.quarantine.own.of(source)
    purged = state.purged.of(source)
    read = manifest.rows_read if manifest else None
    return SourceAccount(
        source=source,
        name=state.name(source),
        read=read,
        complete=bool(manifest and manifest.complete),
        stored=len(stored),
        # A record that claims a row counts only where that row has no other state.
        quarantined=len(own | (quarantined - stored - purged)),
        purged=len(purged),
        kinds={kind: tally.rows for kind, tally in sorted(kinds.items())},
        pounds=sum(kinds.values(), Tally()).as_sum().pounds,
        replayed=len(stored & state.dead.rows.of(source)),
        repeated=state.kafka.repeated[source],
        on_their_way=len(rows.on_their_way),
        file=bool(state.files.rows.of(source)),
    )


def _partitions(state: ReconciliationState) -> list[PartitionAccount]:
    comparable = not (state.misplaced or state.in_flight)
    accounts = []
    for position in state.positions:
        number, main = position.partition, position.topic == state.main_topic
        accounts.append(
            PartitionAccount(
                position=position,
                records=state.records[position.topic, number],
                in_kafka=state.kafka.partitions.get(number, Tally()).as_sum() if main else None,
                in_mongodb=(
                    state.stored.partitions.get(number, Tally()).as_sum()
                    if main and comparable
                    else None
                ),
            )
        )
    return accounts
