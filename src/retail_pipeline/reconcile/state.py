"""All that a full reconciliation has read, before it is compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.offsets import PartitionOffsets, total_lag
from retail_pipeline.domain.sample_source import is_sample
from retail_pipeline.domain.transaction import row_id
from retail_pipeline.reconcile.expected_returns import ReturnSums
from retail_pipeline.reconcile.expected_rollups import RollupSums
from retail_pipeline.reconcile.records import QuarantinedRow
from retail_pipeline.reconcile.rowset import Rows
from retail_pipeline.reconcile.tally import LineTally, checksum_of
from retail_pipeline.reconcile.texts import SHOWN


@dataclass
class QuarantineTally:
    """Rejected rows of one place, and a checksum over the texts that come from the file.

    ``own`` are those under the row's own identity, not under that of a record that claims it.
    """

    rows: Rows = field(default_factory=Rows)
    own: Rows = field(default_factory=Rows)
    comparable: Rows = field(default_factory=Rows)
    checksums: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    records: int = 0

    def add(self, rejected: QuarantinedRow) -> bool:
        """Add a rejected row; return whether it is new."""
        self.records += 1
        if rejected.id == row_id(rejected.source, rejected.row):
            self.own[rejected.source].add(rejected.row)
        if not self.rows[rejected.source].add(rejected.row):
            return False
        if rejected.comparable and self.comparable[rejected.source].add(rejected.row):
            self.checksums[rejected.source] += checksum_of((rejected.row, rejected.raw))
        return True


@dataclass
class FileTally(LineTally):
    """A file's rows; of those that are rejected or broken, a checksum over their texts."""

    names: dict[str, str] = field(default_factory=dict)
    broken: Rows = field(default_factory=Rows)
    checksums: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def good(self, source: str, row: int) -> bool:
        """Return whether a file has the row, and it is a valid one."""
        return self.rows.has(source, row) and not self.broken.has(source, row)


@dataclass
class ReconciliationState:
    """What each place holds, and what is in flight."""

    positions: list[PartitionOffsets]
    main_topic: str
    # MongoDB's manifests, and those sent to Kafka.
    manifests: dict[str, Manifest] = field(default_factory=dict)
    sent: dict[str, Manifest] = field(default_factory=dict)
    files: FileTally = field(default_factory=FileTally)
    kafka: LineTally = field(default_factory=LineTally)
    stored: LineTally = field(default_factory=LineTally)
    # Rows in the dead-letter topic, and records that can't be decoded.
    dead: QuarantineTally = field(default_factory=QuarantineTally)
    # Over the texts of what is both in that topic and in quarantine.
    dead_letter_checksums: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    quarantine: QuarantineTally = field(default_factory=QuarantineTally)
    purged: Rows = field(default_factory=Rows)
    # Rows that were in quarantine at some time, or that a file shows to be broken.
    rejected: Rows = field(default_factory=Rows)
    # Rows that came after what was stored when the reconciliation began; their (source, day); and
    # the sources with a rejected row among them that is valid in the file: its day is unknown.
    in_flight: Rows = field(default_factory=Rows)
    in_flight_days: set[tuple[str, int]] = field(default_factory=set)
    in_flight_undated: set[str] = field(default_factory=set)
    # Ids of documents whose ``_id`` is not that of their source and row.
    misfiled: list[str] = field(default_factory=list)
    misfiled_count: int = 0
    # Days that will be summarised, and days that can't be.
    pending_days: set[int] = field(default_factory=set)
    failed_days: list[FailedDay] = field(default_factory=list)
    # Rollups and returns: as they follow from the stored rows, and as they were found.
    expected_rollups: RollupSums = field(default_factory=RollupSums)
    rollups: RollupSums = field(default_factory=RollupSums)
    expected_returns: ReturnSums = field(default_factory=ReturnSums)
    returns: ReturnSums = field(default_factory=ReturnSums)
    records: Counter[tuple[str, int]] = field(default_factory=Counter)
    misplaced: int = 0
    # If true, nothing of the sample may be stored: its rows in files and Kafka are left out, and
    # those in Kafka are counted.
    sample_replaced: bool = False
    sample_records: int = 0
    came_meanwhile: int = 0

    @property
    def kafka_is_whole(self) -> bool:
        """Whether the topics still hold every record that was ever sent.

        Topics that were made again begin at 0 too, but they don't hold every manifest.
        """
        cut = any(position.first for position in self.positions)
        return not cut and self.manifests.keys() <= self.sent.keys()

    @property
    def lag(self) -> int:
        """Records that were not stored when the reconciliation began, or arrived since."""
        return self.came_meanwhile + total_lag(self.positions)

    def unsettled_days(self, part: str) -> set[int]:
        """Return the days whose rollup or returns, as ``part`` says, may lack rows."""
        failed = {each.number for each in self.failed_days if part in each.reasons}
        return {day for _, day in self.in_flight_days} | self.pending_days | failed

    def left_out(self, source: str) -> bool:
        """Return whether ``source`` is the sample, and other data has replaced it."""
        return self.sample_replaced and is_sample(source)

    def note_misfiled(self, ids: Sequence[str]) -> None:
        """Count documents under another id, and keep the first ids."""
        self.misfiled_count += len(ids)
        self.misfiled += ids[: SHOWN - len(self.misfiled)]

    @property
    def sources(self) -> list[str]:
        """Every source that any place has, in the order in which they were first read."""
        known = dict.fromkeys(self.manifests)
        for rows in (
            *(self.files.rows, self.kafka.rows, self.dead.rows, self.in_flight),
            *(self.stored.rows, self.quarantine.rows, self.purged),
        ):
            known.update(dict.fromkeys(source for source in sorted(rows) if rows[source]))
        known.update(dict.fromkeys(self.sent))
        return list(known)

    def name(self, source: str) -> str:
        """Return the name of a source's file; its identity, if no place has the name."""
        if known := self.manifests.get(source) or self.sent.get(source):
            return known.name
        return self.files.names.get(source, source)
