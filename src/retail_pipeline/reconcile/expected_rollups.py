"""The sums of the rollups: those that follow from rows, and those of the rollups' entries.

Beside the sums of each day and kind, a checksum covers the key of each entry (its invoice,
customer, country …). The checksums of an entry's rows add up to the entry's own, so neither side
has to group anything. Some figures need all rows of a day, one after the other: duplicate
lines, an invoice that counts once, the last of several descriptions. Only the latest day is kept
in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from retail_pipeline.domain.collections import DUPLICATES_ROLLUP, ORDERS_ROLLUP, PRODUCTS_ROLLUP
from retail_pipeline.domain.days import DAY_MS
from retail_pipeline.domain.fees import FEES
from retail_pipeline.reconcile.records import Line, content_of
from retail_pipeline.reconcile.tally import Tally, checksum_of

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
    """What was read of one day so far: lines and invoices by hash, products by checksum."""

    lines: set[int] = field(default_factory=set)
    invoices: set[int] = field(default_factory=set)
    names: dict[int, str | None] = field(default_factory=dict)

    def is_duplicate(self, line: Line) -> bool:
        """Return whether a line with the same fields was read before."""
        # hash(-1) == hash(-2): so the numbers are added.
        content = hash(content_of(line)) + line.Quantity + int(line.UnitPrice)
        if content in self.lines:
            return True
        self.lines.add(content)
        return False

    def gained(self, product: int, invoice: str, name: str | None) -> int:
        """Return what an invoice and a description add to the weight of a product's entry."""
        gain, pair, names = 0, hash((product, invoice)), self.names
        if pair not in self.invoices:
            self.invoices.add(pair)
            gain = _INVOICES
        if product not in names:
            names[product] = name
            return gain + hash(name)
        # Of several descriptions MongoDB takes the last one in their order; null comes first.
        before = names[product]
        if name is None or name == before or before is not None and name < before:
            return gain
        names[product] = name
        return gain + hash(name) - hash(before)


@dataclass
class RollupSums:
    """Sums by rollup, day and kind, and the number of rows in each day's document."""

    tallies: dict[tuple[str, int, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    documents: dict[tuple[str, int], int] = field(default_factory=dict)
    _days: dict[int, _Seen] = field(default_factory=lambda: defaultdict(_Seen))

    def summarise(self, lines: Iterable[Line]) -> None:
        """Add rows as a rebuild of the rollups does.

        ``lines`` may be in any order, but no day may come before the last one of the call before.
        """
        tallies, today, seen = self.tallies, None, _Seen()
        for line in lines:
            # Names are bound here as in LineTally.add.
            _, _, invoice, stock, name, units, moment, _, customer, country, micros, kind = line
            day, weight = moment // DAY_MS, _weight(1, units, micros)
            if day != today:
                today, seen = day, self._days[day]
            hour = moment % DAY_MS // _HOUR_MS
            order = _checksum(invoice, hour, customer, country, stock in FEES, kind)
            product = _checksum(stock, country, customer is None, kind)
            gained = seen.gained(product, invoice, name)
            for rollup, checksum in (
                (ORDERS_ROLLUP, order * weight),
                (PRODUCTS_ROLLUP, product * (weight + gained)),
            ):
                tally = tallies[rollup, day, kind]
                tally.rows += 1
                tally.units += units
                tally.micros += micros
                tally.checksum += checksum
            if seen.is_duplicate(line):
                key = invoice, stock, hour, customer, country, kind
                self.add(DUPLICATES_ROLLUP, day, key, (1, units, micros))
        for day in sorted(self._days)[:-1]:
            del self._days[day]

    def add_document(self, rollup: str, day: int, rows: object) -> None:
        """Add the number of rows that a day's document says it was made of."""
        count = rows if isinstance(rows, int) else 0
        self.documents[rollup, day] = self.documents.get((rollup, day), 0) + count

    def add(
        self,
        rollup: str,
        day: int,
        key: tuple[Hashable, ...],
        figures: tuple[int, int, int | Decimal],
        more: tuple[int | None, Hashable] | None = None,
    ) -> None:
        """Add an entry of a rollup's document: its key, and its rows, units and money.

        ``more`` are a product's number of invoices and its description.
        """
        rows, units, micros = figures
        weight = _weight(rows, units, micros)
        if more is not None:
            invoices, description = more
            weight += (invoices or 0) * _INVOICES + hash(description)
        # First of all: an entry that can't be hashed must change nothing.
        checksum = _checksum(*key) * weight
        *_, kind = key
        self.tallies[rollup, day, str(kind)] += Tally(rows, units, micros, checksum)
