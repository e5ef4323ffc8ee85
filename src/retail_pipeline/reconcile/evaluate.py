"""From what a full look gathered to each difference by name, and to the verdict."""

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
from retail_pipeline.reconcile import advice
from retail_pipeline.reconcile.compare import DrillDown, find_gaps
from retail_pipeline.reconcile.differences import (
    SourceRows,
    States,
    as_sum,
    of_gap,
    of_rows,
    of_strays,
    rows_of,
)
from retail_pipeline.reconcile.rollup_differences import (
    ReturnDrill,
    of_failed_days,
    of_returns,
    of_rollups,
)
from retail_pipeline.reconcile.state import Evidence
from retail_pipeline.reconcile.tally import Tally, pounds


def judge(
    evidence: Evidence, drill: DrillDown, drill_returns: ReturnDrill, states: States
) -> Reconciliation:
    """Return the result; ``states`` tells where ids are now.

    ``drill`` finds the rows behind a gap, ``drill_returns`` the documents behind a day's returns.
    ``at`` and ``seconds`` are left to the caller.
    """
    sources = [rows_of(evidence, source) for source in evidence.sources]
    unsent = {each.source for each in sources if each.unsent}
    gaps = find_gaps(evidence, unsent)
    differences: list[Difference] = []
    named: dict[tuple[str, str], set[int]] = {}
    for gap, rows in zip(gaps, drill(gaps) if gaps else (), strict=True):
        differences += of_gap(evidence, gap, rows)
        named.setdefault((gap.place, gap.source), set()).update(rows.missing, rows.unknown)
    for each in sources:
        differences += of_rows(evidence, each, named, states)
    differences += of_strays(evidence)
    differences += of_failed_days(evidence.failed_days)
    differences += of_rollups(evidence)
    differences += of_returns(evidence, drill_returns)
    notes = [*_notes(evidence, sources)]
    settled = not (evidence.lag or evidence.pending_days or notes)
    totals = _totals(evidence)
    return Reconciliation(
        mode=Mode.FULL,
        verdict=verdict_of(differences, settled),
        at=datetime.now(UTC),
        seconds=0.0,
        lag=evidence.lag,
        pending_days=len(evidence.pending_days),
        sources=[_account(evidence, each, totals[each.source]) for each in sources],
        partitions=_partitions(evidence),
        differences=differences,
        difference_count=len(differences),
        notes=notes + _remarks(evidence),
    )


def _notes(evidence: Evidence, sources: Iterable[SourceRows]) -> Iterator[str]:
    """Yield why nothing can be final yet."""
    for each in sources:
        manifest, name = evidence.manifests.get(each.source), evidence.name(each.source)
        if each.unsent:
            yield f"{name}: {len(each.unsent):,} rows were not sent yet: `retail produce {name}`"
        elif manifest is not None and not manifest.complete:
            yield advice.INCOMPLETE.format(name=name, rows=manifest.rows_read)


def _remarks(evidence: Evidence) -> list[str]:
    """Return what has to be known to read the result, and is no fault."""
    remarks = []
    lost = sum(position.lost for position in evidence.positions)
    if lost:
        remarks.append(f"{lost:,} records were deleted from Kafka before they were stored")
    if not evidence.kafka_is_whole:
        remarks.append("Kafka no longer holds the oldest records: it is compared as far as it goes")
    if evidence.sample_records:
        remarks.append(
            f"other data has replaced the made-up sample: {evidence.sample_records:,} records of it"
            " in Kafka are left out"
        )
    if evidence.misplaced:
        remarks.append(
            f"{evidence.misplaced:,} orders lie in another partition than the producer chooses:"
            " partitions are not compared with MongoDB"
        )
    return remarks


def _totals(evidence: Evidence) -> dict[str, dict[str, Tally]]:
    """Return the sums over the stored rows by source and kind."""
    totals: dict[str, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    for (source, _, kind, _), tally in evidence.stored.buckets.items():
        totals[source][kind] += tally
    return totals


def _account(evidence: Evidence, rows: SourceRows, kinds: dict[str, Tally]) -> SourceAccount:
    source, manifest = rows.source, evidence.manifests.get(rows.source)
    stored = evidence.stored.rows.of(source)
    held, own = evidence.quarantine.rows.of(source), evidence.quarantine.own.of(source)
    purged = evidence.purged.of(source)
    read = manifest.rows_read if manifest else None
    return SourceAccount(
        source=source,
        name=evidence.name(source),
        read=read,
        complete=bool(manifest and manifest.complete),
        stored=len(stored),
        # A record that claims a row counts only where nothing else stands for that row.
        quarantined=len(own | (held - stored - purged)),
        purged=len(purged),
        kinds={kind: tally.rows for kind, tally in sorted(kinds.items())},
        pounds=str(pounds(sum(tally.micros for tally in kinds.values()))),
        replayed=len(stored & evidence.dead.rows.of(source)),
        repeated=evidence.kafka.repeated[source],
        on_their_way=len(rows.on_their_way),
        file=bool(evidence.files.rows.of(source)),
    )


def _partitions(evidence: Evidence) -> list[PartitionAccount]:
    comparable = not (evidence.misplaced or evidence.moving)
    accounts = []
    for position in evidence.positions:
        number, main = position.partition, position.topic == evidence.main_topic
        accounts.append(
            PartitionAccount(
                position=position,
                records=evidence.records[position.topic, number],
                in_kafka=as_sum(evidence.kafka.partitions.get(number, Tally())) if main else None,
                in_mongodb=(
                    as_sum(evidence.stored.partitions.get(number, Tally()))
                    if main and comparable
                    else None
                ),
            )
        )
    return accounts
