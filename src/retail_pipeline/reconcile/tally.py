"""Tallies: what one place holds by source, day and kind, in rows and in money.

Each of the three places (file, Kafka, MongoDB) is read once, in any order, and added to a tally of
its own. A tally keeps rows, units and exact money, and a checksum: the sum of the rows' hashes, so
that two changes that cancel each other out are seen too.

The hashes are squared before they are added: a tuple's hash is so nearly linear in its last fields
that a penny more here and a penny less there would often add up to the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from retail_pipeline.domain.days import DAY_MS
from retail_pipeline.domain.money import from_micros, plain_text
from retail_pipeline.domain.reconciliation import Sum
from retail_pipeline.reconcile.records import Line
from retail_pipeline.reconcile.rowset import Rows

# The origin of a bucket's rows: never rejected, or rejected once and sent again.
PLAIN, REPLAYED = 0, 1
# Added to the above: Kafka no longer holds the row, or never did.
NOT_IN_KAFKA = 2


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

    def as_sum(self) -> Sum:
        """Return the rows and the money in the form of a result."""
        return Sum(self.rows, plain_text(from_micros(self.micros)))


# (source, day, kind, origin)
Bucket = tuple[str, int, str, int]


@dataclass
class LineTally:
    """What one place holds: its rows, sums by bucket and by partition, and repeated rows."""

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
            # Unpacked once: seven fields by name would take longer, at every row.
            source, row, invoice, _, _, units, moment, _, _, _, micros, kind = line
            if source != last:
                last, mine, bad = source, self.rows[source], rejected.get(source)
                there = None if kafka is None else kafka.of(source)
            if not mine.add(row):
                self.repeated[source] += 1
                continue
            origin = REPLAYED if bad is not None and row in bad else PLAIN
            if there is not None and row not in there:
                origin += NOT_IN_KAFKA
            tally = buckets[source, moment // DAY_MS, kind, origin]
            tally.rows += 1
            tally.units += units
            tally.micros += micros
            # hash(-1) == hash(-2): so the numbers are added.
            checksum = hash(line) + units + int(micros)
            tally.checksum += checksum * checksum
            if partition_of is not None and origin < NOT_IN_KAFKA:
                tally = self.partitions[partition_of(invoice)]
                tally.rows += 1
                tally.micros += micros

    def sums(self, origins: Iterable[int]) -> dict[tuple[str, int, str], Tally]:
        """Return the tallies by source, day and kind, over rows of these origins."""
        wanted, found = set(origins), dict[tuple[str, int, str], Tally]()
        for (source, day, kind, origin), tally in self.buckets.items():
            if origin in wanted and tally.rows:
                key = (source, day, kind)
                found[key] = found[key] + tally if key in found else tally
        return found


def checksum_of(value: Hashable) -> int:
    """Return what a value adds to a checksum."""
    checksum = hash(value)
    return checksum * checksum
