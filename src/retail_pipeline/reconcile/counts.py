"""The count check: a comparison of manifests and counts only, quick enough for a timer."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from retail_pipeline.domain.failed_days import failed_before_and_after
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.offsets import PartitionOffsets, total_lag
from retail_pipeline.domain.reconciliation import (
    Difference,
    Mode,
    PartitionAccount,
    Reconciliation,
    SourceAccount,
    Sum,
    verdict_of,
)
from retail_pipeline.domain.sample_source import is_sample
from retail_pipeline.domain.topics import Topics
from retail_pipeline.domain.wire import MANIFEST, REJECTION, TRANSACTION, decode
from retail_pipeline.reconcile.ports import DatabaseReader, KafkaReader
from retail_pipeline.reconcile.texts import (
    INCOMPLETE,
    MONGODB,
    advice_for,
    difference,
    missing_manifest,
    of_failed_days,
)

# Of more records than this it is not read whose they are, since a check must be quick: each missing
# row may then be one of them.
_MOST_READ = 10_000


@dataclass
class CountCheck:
    """One quick reconciliation, by counters and small reads, made in the name of ``by``."""

    kafka: KafkaReader
    database: DatabaseReader
    topics: Topics
    by: str = "retail reconcile"
    clock: Callable[[], float] = time.monotonic

    def run(self) -> Reconciliation:
        """Compare counts.

        Raises:
            TransientError, PermanentError: a server is away or refuses.
        """
        began = self.clock()
        # Kafka first: records that arrive later are found stored, never missing.
        positions = self.kafka.positions()
        pending, failed = self.database.pending_days(), self.database.failed_days()
        manifests = {each.source: each for each in self.database.manifests()}
        # Kafka still has the manifests of sources that MongoDB has lost whole.
        lost = self._lost(manifests, positions)
        manifests |= lost
        sources = self._sources(manifests)
        # Asked after the counts: the sample may have been replaced while they were made.
        if self.database.sample_replaced():
            manifests, lost = _without_sample(manifests), _without_sample(lost)
            sources = [each for each in sources if not is_sample(each.source)]
        # The days that failed are named one by one, and left out of the sums.
        days = [each.number for each in failed]
        rollups, left_out = self.database.rollup_rows(days), self.database.rows_on(days)
        # A count is wrong only if nothing changed it meanwhile.
        later = self.kafka.positions()
        came = sum(each.end for each in later) - sum(each.end for each in positions)
        lag = total_lag(positions) + came
        in_flight = None
        if 0 < lag <= _MOST_READ and any(_missing(each) > 0 for each in sources):
            in_flight = self._in_flight(positions, later)
        pending |= self.database.pending_days()
        failed, others = failed_before_and_after(failed, self.database.failed_days())
        pending |= others
        differences = [*_of_sources(sources, lag, in_flight, lost), *of_failed_days(failed)]
        if not lag and not pending:
            stored = sum(each.stored for each in sources)
            differences += _of_rollups(rollups, stored - left_out)
        notes = [
            INCOMPLETE.format(name=each.name, rows=each.rows_read)
            for each in manifests.values()
            if not each.complete
        ]
        return Reconciliation(
            mode=Mode.QUICK,
            verdict=verdict_of(differences, not (lag or pending or notes)),
            at=datetime.now(UTC),
            seconds=round(self.clock() - began, 3),
            lag=lag,
            pending_days=len(pending),
            sources=sources,
            partitions=[PartitionAccount(position=position) for position in positions],
            differences=differences,
            difference_count=len(differences),
            notes=notes,
            by=self.by,
        )

    def _lost(
        self, stored: dict[str, Manifest], positions: list[PartitionOffsets]
    ) -> dict[str, Manifest]:
        """Return manifests that are committed in Kafka, and missing or older in MongoDB."""
        lost: dict[str, Manifest] = {}
        spans = [
            msgspec.structs.replace(each, end=each.committed)
            for each in positions
            if each.topic == self.topics.manifests and each.committed > each.first
        ]
        for _, messages in self.kafka.records(spans):
            for manifest in decode(messages, MANIFEST).records:
                source = manifest.source
                if manifest.is_newer_than(lost.get(source) or stored.get(source)):
                    lost[source] = manifest
        return lost

    def _in_flight(
        self, before: list[PartitionOffsets], after: list[PartitionOffsets]
    ) -> Mapping[str, int]:
        """Return how many rows of each source came after what was committed ``before``.

        A record that can't be used may be of any source: it counts for each.
        """
        ends = {each.key: each.end for each in after}
        spans = [
            msgspec.structs.replace(each, first=each.oldest, end=ends.get(each.key, each.end))
            for each in before
            if each.topic != self.topics.manifests
        ]
        found: Counter[str] = Counter()
        unusable = 0
        for span, messages in self.kafka.records(spans):
            rejected = span.topic == self.topics.dead_letters
            rows = decode(messages, REJECTION) if rejected else decode(messages, TRANSACTION)
            found.update(each.source for each in rows.records)
            unusable += len(rows.rejections)
        return defaultdict(lambda: unusable, {each: n + unusable for each, n in found.items()})

    def _sources(self, manifests: dict[str, Manifest]) -> list[SourceAccount]:
        stored, quarantined, purged = self.database.counts().values()
        claimed = self.database.claimed()
        known = dict.fromkeys([*manifests, *stored, *quarantined, *purged, *claimed])
        accounts = []
        for source in known:
            manifest = manifests.get(source)
            accounts.append(
                SourceAccount(
                    source=source,
                    name=manifest.name if manifest else source,
                    read=manifest.rows_read if manifest else None,
                    complete=bool(manifest and manifest.complete),
                    stored=stored.get(source, 0),
                    quarantined=quarantined.get(source, 0) + claimed.get(source, 0),
                    purged=purged.get(source, 0),
                )
            )
        return accounts


def _without_sample(manifests: dict[str, Manifest]) -> dict[str, Manifest]:
    return {source: each for source, each in manifests.items() if not is_sample(source)}


def _accounted(source: SourceAccount) -> int:
    return source.stored + source.quarantined + source.purged


def _missing(source: SourceAccount) -> int:
    """Return how many rows were read and are not there; below 0: too many are there."""
    return source.read - _accounted(source) if source.read is not None else 0


def _of_sources(
    sources: list[SourceAccount],
    lag: int,
    in_flight: Mapping[str, int] | None,
    lost: Collection[str],
) -> Iterator[Difference]:
    """Yield each source with more rows missing than are in flight, or with too many.

    ``in_flight`` are the rows that are not stored yet, by source; None if only their number, the
    ``lag``, is known. ``lost`` are the sources whose manifest MongoDB lacks.
    """
    for each in sources:
        if each.read is None:
            continue
        missing = _missing(each)
        on_its_way = lag if in_flight is None else in_flight[each.source]
        if missing > on_its_way or (missing < 0 and each.complete and not lag):
            word = "missing" if missing > 0 else "too many"
            yield difference(
                "count",
                MONGODB,
                source=each.source,
                name=each.name,
                detail=f"{abs(missing):,} rows {word}:"
                f" {each.read:,} read, {_accounted(each):,} there",
                advice=advice_for("lost", MONGODB, each.name) if each.source in lost else None,
                expected=Sum(each.read),
                found=Sum(_accounted(each)),
                count=abs(missing),
            )
        elif each.source in lost:
            yield missing_manifest(each.source, each.name)


def _of_rollups(rollups: dict[str, int], stored: int) -> Iterator[Difference]:
    for rollup, rows in rollups.items():
        if rows != stored:
            yield difference("rollup", rollup, expected=Sum(stored), found=Sum(rows))
