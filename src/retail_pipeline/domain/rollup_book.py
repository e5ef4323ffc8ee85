"""What the rollups must say, worked out from rows, and what they do say, from their entries.

Beside the sums of each day and kind, a mark covers what each entry is about (its invoice, customer,
country …): it adds up over an entry's rows to what the entry itself gives, so neither side has to
group anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.ledger import DAY_MS, Line, Tally, mark_of

ORDERS, PRODUCTS = "rollup_orders_daily", "rollup_products_daily"
_HOUR_MS = 3_600_000
# Large and odd: a change of units can't make up for one of money.
_UNITS, _MICROS = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F


@lru_cache(maxsize=65_536)
def _mark(*key: Hashable) -> int:
    return mark_of(key)


def _weight(rows: int, units: int, micros: int | Decimal) -> int:
    return rows + units * _UNITS + int(micros * 1_000_000) * _MICROS


@dataclass
class RollupBook:
    """Sums by rollup, day and kind."""

    tallies: dict[tuple[str, int, str], Tally] = field(default_factory=lambda: defaultdict(Tally))

    def summarise(self, lines: Iterable[Line]) -> None:
        """Enter rows, as a rebuild of both rollups would take them."""
        tallies = self.tallies
        for line in lines:
            moment, units, micros, kind = line[6], line[5], line[10], line[11]
            day, weight = moment // DAY_MS, _weight(1, units, micros)
            hour = moment % DAY_MS // _HOUR_MS
            for rollup, mark in (
                (ORDERS, _mark(line[2], hour, line[8], line[9], line[3] in FEES, kind)),
                (PRODUCTS, _mark(line[3], line[9], line[8] is None, kind)),
            ):
                tally = tallies[rollup, day, kind]
                tally.rows += 1
                tally.units += units
                tally.micros += micros
                tally.mark += mark * weight

    def enter(
        self,
        rollup: str,
        day: int,
        key: tuple[Hashable, ...],
        figures: tuple[int, int, int | Decimal],
    ) -> None:
        """Enter one entry of a rollup's document: its key, and its rows, units and money."""
        rows, units, micros = figures
        tally = self.tallies[rollup, day, str(key[-1])]
        tally.rows += rows
        tally.units += units
        tally.micros += micros
        tally.mark += _mark(*key) * _weight(rows, units, micros)
