"""What a report is made of: which transactions count, and the figures over them.

Money is in pounds sterling, exact; days and hours are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from retail_pipeline.errors import UsageError


@dataclass(frozen=True)
class Selection:
    """Which transactions count: those of the days ``first`` to ``last``, both included.

    ``countries`` keeps those countries only; None among them stands for "no country given", and
    an empty tuple for every country.
    """

    first: date
    last: date
    countries: tuple[str | None, ...] = ()

    def __post_init__(self) -> None:
        if not all(country is None or isinstance(country, str) for country in self.countries):
            raise UsageError("a country to filter by must be text")


@dataclass(frozen=True)
class Figures:
    """Sums over the selected transactions, or over one country, day, week… of them.

    ``net`` is the amount of all kinds, ``gross`` of sales, ``cancelled`` of cancellations
    (negative) and ``adjusted`` of adjustments: net = gross + cancelled + adjusted. ``orders`` and
    ``cancellations`` are distinct invoices with a sale and a cancellation; ``units`` are sold;
    ``customers`` are distinct and known by a number, with a sale; ``lines`` are of all kinds.
    """

    net: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    cancelled: Decimal = Decimal(0)
    adjusted: Decimal = Decimal(0)
    orders: int = 0
    cancellations: int = 0
    units: int = 0
    customers: int = 0
    lines: int = 0

    @property
    def average_order_value(self) -> Decimal | None:
        """Gross sales per order; None without an order."""
        return self.gross / self.orders if self.orders else None

    @property
    def cancellation_rate(self) -> float | None:
        """Cancellation invoices per order, 0.1 for one in ten; None without an order."""
        return self.cancellations / self.orders if self.orders else None


@dataclass(frozen=True)
class ProductFigures:
    """Sums over one product's transactions; ``units`` are sold, ``name`` is as last sold."""

    code: str
    name: str | None
    net: Decimal
    units: int


@dataclass(frozen=True)
class Status:
    """What the database holds, and whether the summaries have caught up with it.

    ``first`` and ``last`` are the summarised days; ``pending_days`` are still to be summarised;
    ``version`` changes whenever the figures may have changed.
    """

    stored: int
    quarantined: int
    pending_days: int
    first: date | None
    last: date | None
    last_stored_at: datetime | None
    version: str


@dataclass(frozen=True)
class Contents:
    """What can be chosen from: the ``countries``, and the stored ``lines`` of each kind."""

    countries: tuple[str | None, ...]
    lines: dict[str, int]
