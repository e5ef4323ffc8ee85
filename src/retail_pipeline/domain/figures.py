"""What a report is made of: which transactions count, and the figures over them.

Money is in pounds sterling, exact; days and hours are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.errors import UsageError


class Customers(StrEnum):
    """Whose transactions count; a guest has no customer number."""

    EVERYONE = "everyone"
    KNOWN = "known"
    GUESTS = "guests"


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which transactions count, whatever their day.

    ``countries`` keeps those countries only; None among them stands for "no country given".
    ``products`` keeps those stock codes and ``kinds`` those kinds; an empty tuple keeps all.
    False leaves these lines out: ``guests``; ``cancellations``; ``adjustments`` with the fee codes
    (:mod:`retail_pipeline.domain.fees`); ``duplicates``, all but one of lines with equal fields.
    """

    countries: tuple[str | None, ...] = ()
    products: tuple[str, ...] = ()
    customers: Customers = Customers.EVERYONE
    kinds: tuple[Kind, ...] = ()
    guests: bool = True
    cancellations: bool = True
    adjustments: bool = True
    duplicates: bool = True

    @property
    def kept_kinds(self) -> tuple[Kind, ...]:
        """The kinds that count, by the kinds chosen and the switches."""
        left_out = {
            Kind.CANCELLATION: not self.cancellations,
            Kind.ADJUSTMENT: not self.adjustments,
        }
        return tuple(kind for kind in self.kinds or Kind if not left_out.get(kind))

    @property
    def kept_customers(self) -> tuple[bool, bool]:
        """Whether customers with a number count, and whether guests do."""
        everyone = self.customers is Customers.EVERYONE
        known = everyone or self.customers is Customers.KNOWN
        return known, self.guests and (everyone or self.customers is Customers.GUESTS)

    @property
    def has_cancellations(self) -> bool:
        """Whether cancellations count."""
        return Kind.CANCELLATION in self.kept_kinds

    def __post_init__(self) -> None:
        if not all(country is None or isinstance(country, str) for country in self.countries):
            raise UsageError("a country to filter by must be text")
        if not all(isinstance(code, str) for code in self.products):
            raise UsageError("a stock code to filter by must be text")


@dataclass(frozen=True)
class Selection(Filters):
    """Which transactions count: those of the days ``first`` to ``last``, both included."""

    first: date
    last: date


@dataclass(frozen=True)
class Figures:
    """Sums over the selected transactions, or over one country, day, week… of them.

    ``net`` is the amount of all kinds, ``gross`` of sales, ``cancelled`` of cancellations
    (negative) and ``adjusted`` of adjustments: net = gross + cancelled + adjusted. ``orders`` and
    ``cancellations`` are distinct invoices with a sale and a cancellation; ``units`` are sold;
    ``customers`` are distinct and known by a number, with a sale; ``lines`` are of all kinds.
    ``guest_gross`` is the part of ``gross`` that customers without a number bought.
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
    guest_gross: Decimal = Decimal(0)

    @property
    def units_per_order(self) -> float | None:
        """Units sold per order; None without an order."""
        return self.units / self.orders if self.orders else None

    @property
    def guest_share(self) -> float | None:
        """Guests' part of gross sales, 0.1 for a tenth; None without any."""
        return float(self.guest_gross / self.gross) if self.gross else None

    @property
    def average_order_value(self) -> Decimal | None:
        """Gross sales per order; None without an order."""
        return self.gross / self.orders if self.orders else None

    @property
    def cancellation_rate(self) -> float | None:
        """Cancellation invoices per order, 0.1 for one in ten; None without an order."""
        return self.cancellations / self.orders if self.orders else None


@dataclass(frozen=True)
class Status:
    """What the database holds in rows, and how many days are still to be summarised.

    ``failed_days`` can't be summarised, and are not among the others; ``summaries_error`` is why
    no day can be, if so.
    ``sample`` says whether the figures are made of the made-up sample.
    """

    stored: int
    quarantined: int
    pending_days: int
    last_stored_at: datetime | None
    failed_days: tuple[FailedDay, ...] = ()
    summaries_error: str | None = None
    sample: bool = False
