"""What a reconciliation found: each source's rows, each difference, and the verdict."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from retail_pipeline.domain.offsets import PartitionOffsets


class Verdict(StrEnum):
    """Whether the places agree.

    UNSETTLED: no difference was found, but rows are in flight or summaries pending.
    """

    AGREE = "agree"
    UNSETTLED = "unsettled"
    DIFFER = "differ"


class Mode(StrEnum):
    """What was compared: counts only, or every row."""

    QUICK = "quick"
    FULL = "full"


class Sum(msgspec.Struct, frozen=True):
    """Rows, and their money in pounds sterling as exact decimal text (None: not compared)."""

    rows: int
    pounds: str | None = None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs between places.

    ``what`` is missing, unknown, changed, doubled, two_states, rollup, not_summarised or count;
    ``place`` is where it is wrong; ``ids`` are the first row ids, ``more`` how many more there are.
    """

    what: str
    place: str
    detail: str
    advice: str
    source: str | None = None
    name: str | None = None
    day: str | None = None
    kind: str | None = None
    expected: Sum | None = None
    found: Sum | None = None
    ids: tuple[str, ...] = ()
    more: int = 0


class SourceAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One source: ``read = stored + quarantined + purged`` when all is well.

    ``read`` is None without a manifest. ``kinds`` and ``pounds`` are of stored rows, in full
    mode. ``replayed`` rows were in quarantine once and are stored now; ``repeated`` records came
    through the topic more than once, which does no harm. ``on_their_way`` rows are not stored yet.
    """

    source: str
    name: str
    read: int | None
    complete: bool
    stored: int
    quarantined: int
    purged: int
    kinds: dict[str, int] = {}
    pounds: str | None = None
    replayed: int = 0
    repeated: int = 0
    on_their_way: int = 0
    file: bool = False


class PartitionAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One partition's rows: those in the topic, and those of the same orders in the database."""

    position: PartitionOffsets
    records: int = 0
    in_kafka: Sum | None = None
    in_mongodb: Sum | None = None


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole result: what ``--json`` prints, and what ``reconciliations`` keeps."""

    mode: Mode
    verdict: Verdict
    at: datetime
    seconds: float
    lag: int
    pending_days: int
    sources: list[SourceAccount]
    partitions: list[PartitionAccount]
    differences: list[Difference]
    difference_count: int = 0
    notes: list[str] = []
    by: str = ""

    @property
    def accounted(self) -> int:
        """Rows that are stored, quarantined or purged."""
        return sum(each.stored + each.quarantined + each.purged for each in self.sources)

    @property
    def wrong_rows(self) -> int:
        """How many rows the differences name, or count."""
        return sum(len(each.ids) + each.more for each in self.differences)


def verdict_of(differences: list[Difference], settled: bool) -> Verdict:
    """Return the verdict; ``settled`` says whether nothing is in flight or pending."""
    if differences:
        return Verdict.DIFFER
    return Verdict.AGREE if settled else Verdict.UNSETTLED
