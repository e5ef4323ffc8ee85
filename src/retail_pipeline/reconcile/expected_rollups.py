"""What the rollups must say, worked out from rows, and what they do say, from their entries.

Beside the sums of each day and kind, a mark covers what each entry is about (its invoice, customer,
country …): it adds up over an entry's rows to what the entry itself gives, so neither side has to
group anything. What only a whole day shows (a line that is there once more, an invoice that counts
once, the last of several descriptions) needs that day's rows in a row, and no more than that day is
remembered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from retail_pipeline.domain.collections import DUPLICATES_ROLLUP, ORDERS_ROLLUP, PRODUCTS_ROLLUP
from retail_pipeline.domain.fees import FEES
from retail_pipeline.reconcile.tally import DAY_MS, Line, Tally, checksum_of

_HOUR_MS = 3_600_000
# Large and odd: a change of units can't make up for one of money, or of invoices.
_UNITS, _MICROS, _INVOICES = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9


@lru_cache(maxsize=65_536)
def _checksum(*key: Hashable) -> int:
    return checksum_of(key)


def _weight(rows: int, units: int, micros: int | Decimal) -> int:
    return rows + units * _UNITS + int(micros * 1_000_000) * _MICROS


@dataclass(slots=True)
class _Seen:
    """What is known of one day's rows so far: lines and invoices by hash, products by mark."""

    lines: set[int] = field(default_factory=set)
    invoices: set[int] = field(default_factory=set)
    names: dict[int, str | None] = field(default_factory=dict)

    def again(self, line: Line) -> bool:
        """Return whether the same line, by all that the dataset says of it, was there before."""
        # To hash() -1 and -2 are the same.
        content = hash(line[2:10]) + line[5] + int(line[7])
        if content in self.lines:
            return True
        self.lines.add(content)
        return False

    def gained(self, product: int, invoice: str, name: str | None) -> int:
        """Return what the weight of a product's entry gains by an invoice and a description."""
        gain, pair, names = 0, hash((product, invoice)), self.names
        if pair not in self.invoices:
            self.invoices.add(pair)
            gain = _INVOICES
        if product not in names:
            names[product] = name
            return gain + hash(name)
        # Of several descriptions MongoDB takes the last one in their order; any comes after none.
        before = names[product]
        if name is None or name == before or before is not None and name < before:
            return gain
        names[product] = name
        return gain + hash(name) - hash(before)


@dataclass
class ExpectedRollups:
    """Sums by rollup, day and kind; and of how many rows each day's document says it was made."""

    tallies: dict[tuple[str, int, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    documents: dict[tuple[str, int], int] = field(default_factory=dict)
    _days: dict[int, _Seen] = field(default_factory=lambda: defaultdict(_Seen))

    def summarise(self, lines: Iterable[Line]) -> None:
        """Enter rows, as a rebuild of the rollups would take them.

        ``lines`` may be in any order, but of no day before the last one of the call before.
        """
        tallies, today, seen = self.tallies, None, _Seen()
        for line in lines:
            moment, units, micros, kind = line[6], line[5], line[10], line[11]
            day, weight = moment // DAY_MS, _weight(1, units, micros)
            if day != today:
                today, seen = day, self._days[day]
            hour = moment % DAY_MS // _HOUR_MS
            order = _checksum(line[2], hour, line[8], line[9], line[3] in FEES, kind)
            product = _checksum(line[3], line[9], line[8] is None, kind)
            gained = seen.gained(product, line[2], line[4])
            for rollup, mark in (
                (ORDERS_ROLLUP, order * weight),
                (PRODUCTS_ROLLUP, product * (weight + gained)),
            ):
                tally = tallies[rollup, day, kind]
                tally.rows += 1
                tally.units += units
                tally.micros += micros
                tally.checksum += mark
            if seen.again(line):
                key = line[2], line[3], hour, line[8], line[9], kind
                self.add(DUPLICATES_ROLLUP, day, key, (1, units, micros))
        for day in sorted(self._days)[:-1]:
            del self._days[day]

    def add_document(self, rollup: str, day: int, rows: object) -> None:
        """Enter of how many rows a day's document says that it was made."""
        said = rows if isinstance(rows, int) else 0
        self.documents[rollup, day] = self.documents.get((rollup, day), 0) + said

    def add(
        self,
        rollup: str,
        day: int,
        key: tuple[Hashable, ...],
        figures: tuple[int, int, int | Decimal],
        more: tuple[int | None, Hashable] | None = None,
    ) -> None:
        """Enter one entry of a rollup's document: its key, and its rows, units and money.

        ``more`` are a product's number of invoices and its description.
        """
        rows, units, micros = figures
        weight = _weight(rows, units, micros)
        if more is not None:
            weight += (more[0] or 0) * _INVOICES + hash(more[1])
        # First of all: an entry that can't be hashed shall leave no trace.
        mark = _checksum(*key) * weight
        tally = self.tallies[rollup, day, str(key[-1])]
        tally.rows += rows
        tally.units += units
        tally.micros += micros
        tally.checksum += mark
