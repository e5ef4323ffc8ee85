"""What the flows need from the outside world; adapters and the tests' fakes provide it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.transaction import Transaction


@dataclass(frozen=True)
class Place:
    """Where a record lies in Kafka."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Message:
    """One record as the broker gave it."""

    place: Place
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Batch:
    """Records taken in one poll, by topic, and the offsets that come after them."""

    messages: dict[str, list[Message]] = field(default_factory=dict)
    next_offsets: dict[tuple[str, int], int] = field(default_factory=dict)

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

        Raises:
            TransientError: no broker answers.
        """


class Publisher(Protocol):
    """Sends records to Kafka; bounded in flight."""

    def send(self, transaction: Transaction) -> None:
        """Queue one transaction; blocks while too many are in flight."""

    def reject(self, rejection: Rejection) -> None:
        """Queue one rejected row for the dead-letter topic."""

    def report(self, manifest: Manifest) -> None:
        """Queue one manifest."""

    def settle(self) -> None:
        """Block until all that was queued is acknowledged.

        Raises:
            TransientError: the broker did not acknowledge in time.
            PermanentError: the broker refused a record.
        """


@dataclass(frozen=True)
class Refusal:
    """A transaction that MongoDB's validator refused, and its words."""

    transaction: Transaction
    detail: str


class Store(Protocol):
    """Durable, idempotent writes: a row that is there already is left as it is.

    Every method raises TransientError when the database is away, PermanentError when it refuses.
    """

    def insert(self, transactions: Sequence[Transaction]) -> list[Refusal]:
        """Store transactions; return those that the validator refused."""

    def quarantine(self, rejections: Iterable[Rejection]) -> None:
        """Store rejected rows."""

    def record(self, manifests: Iterable[Manifest]) -> None:
        """Store manifests; one that says less than what is stored changes nothing."""

    def mark(self, days: Iterable[date]) -> None:
        """Note durably that the summaries of ``days`` (UTC) are out of date."""


class Summaries(Protocol):
    """The rollups, rebuilt a day at a time from the stored transactions."""

    def rebuild_next(self, *, even_busy: bool = False) -> bool:
        """Rebuild one day that is out of date; return whether there was one.

        A day that rows still come in for waits until it is quiet, but not for long, unless
        ``even_busy``.
        """


@dataclass(frozen=True)
class RawRow:
    """One row of a file before it is parsed; ``problem`` is (reason, detail) if it can't be."""

    number: int
    fields: Sequence[str]
    raw: str
    problem: tuple[str, str] | None = None
    truncated: bool = False


class Source(Protocol):
    """A file (or a sheet of one) that was inspected and found to hold transactions."""

    source: str
    name: str

    def rows(self, after: int) -> Iterator[RawRow]:
        """Yield the rows whose number is greater than ``after``, in order."""
