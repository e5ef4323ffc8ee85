"""Facts of one product's single lines: the prices paid, and what was bought along with it.

Money is in pounds sterling, exact; days and hours are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class Prices:
    """The unit prices that one product sold at in the hour, day, week or month from ``start``.

    ``lowest`` and ``highest`` are of single lines. ``amount`` and ``units`` are the sums of its
    sale lines, ``lines`` is their number.
    """

    start: datetime
    lowest: Decimal
    highest: Decimal
    amount: Decimal
    units: int
    lines: int

    @property
    def mean(self) -> Decimal:
        """The average price of a unit, weighted by the units of each line."""
        return self.amount / self.units


@dataclass(frozen=True)
class Basket:
    """The other products on the invoices of one product.

    ``orders`` is the number of its latest invoices that were read, and ``since`` the day of the
    oldest of them (None without any). ``every`` is true if all its invoices were read. ``others``
    has, for each other product, on how many of these invoices it is, most first.
    """

    orders: int
    since: date | None
    every: bool
    others: tuple[tuple[str, int], ...]
