"""Tallies: what one place holds by source, day and kind, in rows and in money.

Each of the three places (file, Kafka, MongoDB) is read once, in any order, and added to a tally of
its own. A tally keeps rows, units and exact money, and a checksum: the sum of the rows' hashes, so
that two changes that cancel each other out are seen too. Money is in millionths of a pound, the
finest that the contract allows, as a whole number.

The hashes are squared before they are added: a tuple's hash is so nearly linear in its last fields
that a penny more here and a penny less there would often add up to the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from retail_pipeline.domain.days import DAY_MS, to_milliseconds
from retail_pipeline.domain.money import from_micros, plain_text, text_to_micros
from retail_pipeline.domain.rejection import Rejection, Stage
from retail_pipeline.domain.transaction import Kind, Transaction, kind_of, split_row_id
from retail_pipeline.reconcile.rowset import Rows

_KINDS = {kind: kind.value for kind in Kind}
# The origin of a bucket's rows: never rejected, or rejected once and sent again.
PLAIN, REPLAYED = 0, 1
# Added to the above: Kafka no longer holds the row, or never did.
NOT_IN_KAFKA = 2


class Line(NamedTuple):
    """A row's fields, in a form that is the same in each place.

    ``moment`` is milliseconds since 1970, ``price`` and ``total`` millionths of a pound.
    """

    source: str
    row: int
    invoice: str
    stock: str
    description: str | None
    quantity: int
    moment: int
    price: int | Decimal
    customer: str | None
    country: str | None
    total: int | Decimal
    kind: str

    @property
    def day(self) -> int:
        """Days since 1970."""
        return self.moment // DAY_MS


class MisfiledDocument(NamedTuple):
    """A document whose id is not that of its source and row; ``line`` is None if unreadable."""

    id: str
    line: Line | None


class QuarantinedRow(NamedTuple):
    """A rejected row, in the dead-letter topic or in quarantine, under the row that it is about.

    ``id`` is its own identity: it differs from the row's where a record claims to be that row.
    ``comparable`` says whether ``raw`` is the file's own text.
    """

    id: str
    source: str
    row: int
    raw: str
    comparable: bool

    @classmethod
    def of(cls, rejection: Rejection) -> QuarantinedRow:
        """Return a rejected row of the dead-letter topic."""
        return cls.for_row(
            rejection.id, rejection.claims, rejection.raw, rejection.stage, rejection.truncated
        )

    @classmethod
    def for_row(
        cls, identity: str, claims: str | None, raw: str, stage: str | None, truncated: bool
    ) -> QuarantinedRow:
        """Return the rejected row under the row that it claims to be, or under its own."""
        source, row = row_of(claims or identity)
        return cls(identity, source, row, raw, stage == Stage.PRODUCER and not truncated)


@dataclass(slots=True)
class Tally:
    """Sums over rows; two are equal when they were made of the same rows."""

    rows: int = 0
    units: int = 0
    micros: int | Decimal = 0
    checksum: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.rows + other.rows,
            self.units + other.units,
            self.micros + other.micros,
            self.checksum + other.checksum,
        )

    @property
    def pounds(self) -> str:
        """The money in pounds, as exact decimal text."""
        return plain_text(from_micros(self.micros))


# (source, day, kind, origin)
Bucket = tuple[str, int, str, int]


@dataclass
class LineTally:
    """What one place holds: its rows, sums by bucket and by partition, repeated rows."""

    rows: Rows = field(default_factory=Rows)
    buckets: dict[Bucket, Tally] = field(default_factory=lambda: defaultdict(Tally))
    partitions: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    repeated: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        lines: Iterable[Line],
        rejected: Rows,
        kafka: Rows | None = None,
        partition_of: Callable[[str], int] | None = None,
    ) -> None:
        """Add rows; one that is there already counts as repeated only.

        ``rejected`` are rows that were in quarantine at some time; ``kafka``, where it is given,
        are those that the transactions topic holds. ``partition_of`` returns that of an invoice.
        """
        buckets, last = self.buckets, None
        for line in lines:
            source, row = line[0], line[1]
            if source != last:
                last, mine, bad = source, self.rows[source], rejected.get(source)
                there = None if kafka is None else kafka.of(source)
            if not mine.add(row):
                self.repeated[source] += 1
                continue
            origin = REPLAYED if bad is not None and row in bad else PLAIN
            if there is not None and row not in there:
                origin += NOT_IN_KAFKA
            tally = buckets[source, line[6] // DAY_MS, line[11], origin]
            tally.rows += 1
            tally.units += line[5]
            tally.micros += line[10]
            # To hash() -1 and -2 are the same.
            checksum = hash(line) + line[5] + int(line[10])
            tally.checksum += checksum * checksum
            if partition_of is not None and origin < NOT_IN_KAFKA:
                tally = self.partitions[partition_of(line[2])]
                tally.rows += 1
                tally.micros += line[10]

    def sums(self, origins: Iterable[int]) -> dict[tuple[str, int, str], Tally]:
        """Return the tallies by source, day and kind, over rows of these origins."""
        wanted, found = set(origins), dict[tuple[str, int, str], Tally]()
        for (source, day, kind, origin), tally in self.buckets.items():
            if origin in wanted and tally.rows:
                key = (source, day, kind)
                found[key] = found[key] + tally if key in found else tally
        return found


def as_line(transaction: Transaction) -> Line:
    """Return a record of Kafka as a line; its amount and kind are computed from its fields."""
    quantity = transaction.Quantity
    price = text_to_micros(transaction.UnitPrice)
    total = quantity * price
    return Line(
        transaction.source,
        transaction.row,
        transaction.InvoiceNo,
        transaction.StockCode,
        transaction.Description,
        quantity,
        to_milliseconds(transaction.InvoiceDate),
        price,
        transaction.CustomerID,
        transaction.Country,
        total,
        _KINDS[kind_of(transaction.InvoiceNo, total, quantity)],
    )


def checksum_of(value: Hashable) -> int:
    """Return what a value adds to a checksum."""
    checksum = hash(value)
    return checksum * checksum


def row_of(identity: str) -> tuple[str, int]:
    """Return the row of an identity; one that no row can have becomes a source of its own."""
    try:
        return split_row_id(identity)
    except ValueError:
        return identity, 0
