"""The ports that several flows share; a port of one flow is beside that flow.

Adapters and the fakes of the tests implement them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.probe import ReceivedProbe
from retail_pipeline.domain.quarantined import Quarantined, QuarantineSelection
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import Message, Refusal


@dataclass
class Batch:
    """The records of one poll, by topic, and the offsets that come after them.

    ``assignment`` is the number of this consumer's assignment of partitions: each rebalance, and
    each topic that is created again, begins a new one. It is -1 if it is not known.
    """

    messages: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    next_offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    assignment: int = -1

    @property
    def offsets(self) -> dict[str, int]:
        """The offsets after the batch by ``topic-partition``, for the log."""
        return {f"{topic}-{number}": at for (topic, number), at in self.next_offsets.items()}

    def __len__(self) -> int:
        return sum(len(of_topic) for of_topic in self.messages.values())


class Consumer(Protocol):
    """A member of the processors' consumer group."""

    def poll(self) -> Batch:
        """Return the next batch, empty if no record came in time.

        Raises:
            TransientError: no broker answers.
        """

    def commit(self, batch: Batch) -> None:
        """Commit the offsets after ``batch``, unless there was a rebalance since it was fetched.

        Its records then come again, here or at another member. A committed offset never goes back.

        Raises:
            TransientError: no broker answers.
        """


class Barrier(Protocol):
    """The records queued between two calls of :meth:`Publisher.barrier`."""

    @property
    def done(self) -> bool:
        """Whether ``wait`` would return, or raise, at once."""

    def wait(self) -> None:
        """Block until the brokers have acknowledged all of them.

        Raises:
            TransientError: they were not acknowledged in time.
            PermanentError: the broker refused a record.
        """


class Publisher(Protocol):
    """Queues records for Kafka; callers wait for barriers to bound what is in flight."""

    def send(self, transaction: Transaction, replay_of: str | None = None) -> None:
        """Queue one transaction, in the same partition as its invoice's other lines.

        ``replay_of`` is the id of the row in quarantine that it releases once it is stored.
        """

    def reject(self, rejection: Rejection) -> None:
        """Queue one rejected row for the dead-letter topic."""

    def send_manifest(self, manifest: Manifest) -> None:
        """Queue one manifest."""

    def barrier(self) -> Barrier:
        """Return a barrier for all records queued since the last one."""

    def close(self) -> None:
        """Drop what is not acknowledged, and close the connections."""


class Store(Protocol):
    """Durable, idempotent writes: a row that exists already is not changed.

    Every method raises TransientError when the database is away, PermanentError when it refuses.
    """

    def insert(self, transactions: Sequence[Transaction]) -> list[Refusal]:
        """Store transactions; return those that the validator refused."""

    def quarantine(self, rejections: Iterable[Rejection]) -> None:
        """Store rejected rows, except rows that are stored as transactions or were purged."""

    def release(self, rows: Iterable[str]) -> None:
        """Remove stored rows from quarantine, and the notes of those that were purged before."""

    def rejected_since(self, moment: datetime) -> int:
        """Return how many rows in quarantine since ``moment`` were rejected by processors."""

    def record(self, manifests: Iterable[Manifest]) -> None:
        """Store manifests; one that reports less than the stored one changes nothing."""

    def mark_dirty(self, days: Iterable[datetime]) -> None:
        """Mark ``days`` (their first moments) durably: their summaries are out of date."""

    def keep_probes(self, probes: Sequence[ReceivedProbe]) -> None:
        """Store probes for a while, apart from all rows."""


class SampleStore(Protocol):
    """What is stored of the sample, and whether other data has replaced it.

    Every method raises TransientError when the database is away, PermanentError when it refuses.
    """

    def replaced(self) -> bool:
        """Return whether the sample was replaced; it never comes back."""

    def stored(self) -> bool:
        """Return whether anything of the sample is stored."""

    def other_data(self) -> bool:
        """Return whether the database has, or ever had, any other data."""

    def replace(self) -> int:
        """Note durably that the sample is replaced, remove it, and return how many rows it had.

        The days of its rows are marked. The call may be repeated at any time.
        """

    def remove(self, identities: Sequence[str]) -> None:
        """Remove documents of the sample, if they exist."""


class Rollups(Protocol):
    """The rollups, rebuilt a day at a time from the stored transactions.

    Every method raises TransientError when the database is away. An error of a single day is
    stored with that day, not raised.
    """

    def mark_outdated(self) -> int:
        """Mark the days that an older release summarised; return how many there are.

        Days that failed are tried again at once.
        """

    def rebuild_next(self) -> bool:
        """Rebuild one day that is out of date; return whether there was one.

        A day that still receives rows waits briefly until none come. A day that failed waits for
        more rows, or for a while.
        """

    def pending(self) -> int:
        """Return how many days are out of date and will be rebuilt soon."""

    def failed(self) -> list[FailedDay]:
        """Return the days that can't be rebuilt."""


class Quarantine(Protocol):
    """The rows in quarantine, to be read, replayed or purged.

    Every method raises TransientError when the database is away, PermanentError when it refuses.
    """

    def find(
        self, selection: QuarantineSelection, limit: int | None = None
    ) -> Iterator[Quarantined]:
        """Yield at most ``limit`` of the selected rows, in the order of their ids."""

    def manifest(self, source: str) -> Manifest | None:
        """Return the manifest of a source."""

    def count_replays(self, ids: Sequence[str], run: str | None = None) -> None:
        """Add one replay to each row; rows that were sent are tagged with ``run``."""

    def waiting(self, run: str) -> int:
        """Return how many rows sent by ``run`` are not released yet."""

    def forget(self, ids: Sequence[str]) -> None:
        """Remove replayed manifests from quarantine: processors release rows only."""

    def purge(self, rows: Sequence[Quarantined]) -> int:
        """Remove rows for good, with a tombstone for each; return how many.

        Rows that are stored as transactions leave quarantine without a tombstone.
        """
