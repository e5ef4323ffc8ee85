"""What single lines of one product tell, beside the sums: prices paid, and what was bought along.

Money is in pounds sterling, exact; days and hours are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True)
class Prices:
    """The unit prices that one product sold at in the hour, day, week or month from ``start``.

    ``lowest`` and ``highest`` are of single lines. ``amount`` is what all its sale lines add up
    to, ``units`` how many were sold by them, and ``lines`` how many lines these are.
    """

    start: datetime
    lowest: Decimal
    highest: Decimal
    amount: Decimal
    units: int
    lines: int

    @property
    def mean(self) -> Decimal:
        """What a unit cost on average: each line's price counts as often as it sold units."""
        return self.amount / self.units


@dataclass(frozen=True)
class Basket:
    """What was on the same invoices as one product.

    ``orders`` is how many invoices with it were looked at, the latest first, and ``since`` the day
    of the oldest of them (None without any). ``every`` says whether these are all that there are.
    ``others`` gives, for all other products, on how many of these invoices they were, most first.
    """

    orders: int
    since: date | None
    every: bool
    others: tuple[tuple[str, int], ...]
