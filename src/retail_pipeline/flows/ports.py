"""What the flows need from the outside world; adapters and the tests' fakes provide it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.quarantined import Quarantined, Selection
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import Message, Refusal


@dataclass
class Batch:
    """Records taken in one poll, by topic, and the offsets that come after them.

    ``identities`` is what the broker took each topic for: one made anew has another.
    ``share`` tells which share of the partitions the member had: it changes with each rebalance,
    and is -1 where it is not known.
    """

    messages: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    next_offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    identities: dict[str, object] = field(default_factory=dict)
    share: int = -1

    def __len__(self) -> int:
        return sum(len(of_topic) for of_topic in self.messages.values())


class Consumer(Protocol):
    """A member of the processors' consumer group."""

    def poll(self) -> Batch:
        """Return the next batch, empty when none came in time.

        Raises:
            TransientError: no broker answers.
        """

    def commit(self, batch: Batch) -> None:
        """Commit the offsets after ``batch``; those of partitions that moved away are left.

        An offset never goes back, though a partition went away and came again.

        Raises:
            TransientError: no broker answers.
        """


class Barrier(Protocol):
    """Stands for all that was queued up to a moment."""

    @property
    def done(self) -> bool:
        """Whether a wait would return, or raise, at once."""

    def wait(self) -> None:
        """Block until all of it is acknowledged by the brokers.

        Raises:
            TransientError: it was not acknowledged in time.
            PermanentError: the broker refused a record.
        """


class Publisher(Protocol):
    """Queues records for Kafka; what is in flight is bounded by waiting for barriers."""

    def send(self, transaction: Transaction, replay_of: str | None = None) -> None:
        """Queue one transaction, in the partition that its invoice's lines share.

        ``replay_of`` names what it releases from quarantine once it is stored.
        """

    def reject(self, rejection: Rejection) -> None:
        """Queue one rejected row for the dead-letter topic."""

    def report(self, manifest: Manifest) -> None:
        """Queue one manifest."""

    def barrier(self) -> Barrier:
        """Return a barrier for all that was queued since the last one."""

    def close(self) -> None:
        """Give up what is not acknowledged, and the connections."""


class Store(Protocol):
    """Durable, idempotent writes: a row that is there already is left as it is.

    Every method raises TransientError when the database is away, PermanentError when it refuses.
    """

    def insert(self, transactions: Sequence[Transaction]) -> list[Refusal]:
        """Store transactions; return those that the validator refused."""

    def quarantine(self, rejections: Iterable[Rejection]) -> None:
        """Store rejected rows, but none whose row is stored as a transaction or was purged."""

    def release(self, rows: Iterable[str]) -> None:
        """Take rows that are stored out of quarantine, and out of what was purged."""

    def rejected_since(self, moment: datetime) -> int:
        """Return how many records the processors themselves rejected since ``moment``."""

    def record(self, manifests: Iterable[Manifest]) -> None:
        """Store manifests; one that says less than what is stored changes nothing."""

    def mark_dirty(self, days: Iterable[datetime]) -> None:
        """Note durably that the summaries of ``days`` (their first moments) are out of date."""


class SampleStore(Protocol):
    """What the database holds of the sample, and whether other data has replaced it.

    Every method raises TransientError when the database is away, PermanentError when it refuses.
    """

    def replaced(self) -> bool:
        """Return whether the sample was replaced, which is for good."""

    def stored(self) -> bool:
        """Return whether anything of the sample is stored."""

    def other_data(self) -> bool:
        """Return whether the database holds, or ever held, anything else."""

    def replace(self) -> int:
        """Note durably that the sample is replaced, then remove it; return its rows removed.

        The days that it had rows in are marked. It can be repeated at any time.
        """

    def remove(self, identities: Sequence[str]) -> None:
        """Remove documents of the sample, if they are there."""


class Summaries(Protocol):
    """The rollups, rebuilt a day at a time from the stored transactions.

    Every method raises TransientError when the database is away. What is wrong with one day is
    kept with that day, and raised by none.
    """

    def mark_outdated(self) -> int:
        """Have the days rebuilt that an older release summarised; return how many they are.

        Days that can't be rebuilt are tried again at once.
        """

    def rebuild_next(self) -> bool:
        """Rebuild one day that is out of date; return whether there was one.

        A day that rows still come in for waits until it is quiet, but not for long. One that
        can't be rebuilt waits for more rows, or for a while.
        """

    def pending(self) -> int:
        """Return how many days are out of date, and will be rebuilt soon."""

    def failed(self) -> list[FailedDay]:
        """Return the days that can't be rebuilt."""


class Quarantine(Protocol):
    """The rows in quarantine, for those who look at them, replay them or give them up.

    Every method raises TransientError when the database is away, PermanentError when it refuses.
    """

    def find(self, selection: Selection, limit: int | None = None) -> Iterator[Quarantined]:
        """Yield the rows that are meant, in the order of their identities, ``limit`` at most."""

    def manifest(self, source: str) -> Manifest | None:
        """Return what the producer said of a source."""

    def count_replays(self, ids: Sequence[str], run: str | None = None) -> None:
        """Count one replay more of each row; those that are sent wait for ``run``."""

    def waiting(self, run: str) -> int:
        """Return how many rows that ``run`` sent are not released yet."""

    def forget(self, ids: Sequence[str]) -> None:
        """Remove what is no row: manifests that are in their topic again."""

    def purge(self, rows: Sequence[Quarantined]) -> int:
        """Give rows up for good, leaving a tombstone each; return how many.

        Those that turn out to be stored just leave quarantine.
        """
