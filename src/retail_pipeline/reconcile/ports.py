"""What a reconciliation reads: ports that adapters and the tests' fakes implement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.offsets import PartitionOffsets
from retail_pipeline.domain.wire import Message
from retail_pipeline.reconcile.expected_rollups import RollupSums
from retail_pipeline.reconcile.records import (
    Line,
    MisfiledDocument,
    QuarantinedRow,
    ReturnDocument,
    Stored,
)
from retail_pipeline.reconcile.rowset import RowSet


class KafkaReader(Protocol):
    """Kafka, read beside the processors: no group, no commits.

    Every method raises TransientError when no broker answers in time, PermanentError when it
    refuses.
    """

    def positions(self) -> list[PartitionOffsets]:
        """Return the offsets of each partition of the three topics."""

    def records(
        self, spans: Iterable[PartitionOffsets]
    ) -> Iterator[tuple[PartitionOffsets, Sequence[Message]]]:
        """Yield the records of each span, from its first one up to its end, in pieces."""

    def partition_of(self, invoice: str) -> int:
        """Return the partition that an invoice's lines are sent to."""


class DatabaseReader(Protocol):
    """MongoDB, read as the monitor's user. It raises as :class:`KafkaReader` does."""

    def manifests(self) -> list[Manifest]:
        """Return the manifests: what producers read, one a source."""

    def sample_replaced(self) -> bool:
        """Return whether other data has replaced the sample, of which nothing is stored then."""

    def pending_days(self) -> set[int]:
        """Return the days (since 1970) whose summaries are out of date, and will be made."""

    def failed_days(self) -> list[FailedDay]:
        """Return the days that can't be summarised."""

    def lines(
        self, days: Iterable[int] | None = None
    ) -> Iterator[tuple[list[Line], list[MisfiledDocument]]]:
        """Yield the stored rows, in pieces, and documents under an id that is not their row's.

        No row comes in a later piece than one of a later day. ``days`` limits them to those days.
        """

    def quarantined(self) -> Iterator[QuarantinedRow]:
        """Yield the rows in quarantine."""

    def purged(self) -> Iterator[tuple[str, int]]:
        """Yield source and row of what was purged from quarantine."""

    def rollups(self, found: RollupSums) -> None:
        """Add the entries of the three rollups to ``found``."""

    def traded(self, days: Collection[int] | None = None) -> Iterator[Sequence[Stored]]:
        """Yield all rows that the match of a cancellation of goods may depend on.

        They are all sales and cancellations of one customer and stock code; of guests, the
        cancellations of one stock code and day. ``days`` are those of the cancellations.
        """

    def return_documents(self, days: Collection[int] | None = None) -> Iterator[ReturnDocument]:
        """Yield the documents of the returns; ``days`` are those of the cancellations."""

    def states(self, ids: Sequence[str]) -> dict[str, set[str]]:
        """Return, for each id, which of transactions, quarantine and purged hold it now."""

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of ids by source: of transactions, quarantine and purged, in order."""

    def claimed(self) -> dict[str, int]:
        """Return, by source, how many rows only a quarantined record claims to be."""

    def rollup_rows(self, without: Collection[int] = ()) -> dict[str, int]:
        """Return how many rows each rollup was made of, days (since 1970) left out."""

    def rows_on(self, days: Collection[int]) -> int:
        """Return how many rows are stored of these days (since 1970)."""


class File(Protocol):
    """A source's file, parsed by other code than the producer's."""

    @property
    def source(self) -> str:
        """The source's identity."""

    @property
    def name(self) -> str:
        """The file's name."""

    def lines(self, rejected: RowSet) -> Iterator[tuple[list[Line], list[tuple[int, str]]]]:
        """Yield its rows in pieces, and row and text of those that are ``rejected`` or broken."""
