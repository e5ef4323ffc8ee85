"""Which sales a cancellation undoes.

The data does not name the sale, so this rule finds it. A cancellation line of a known customer
undoes sale lines of the same customer and stock code that are not later than it: first those at the
same unit price, then those at other prices, the latest sale first. Its units may be spread over
several sales. A unit is undone at most once: cancellations are taken in order of time. Units that
undo no sale have a reason. Fee codes (:mod:`retail_pipeline.domain.fees`) are left out.

After a change of this rule, raise ``ROLLUP_VERSION`` (in the adapters' ``schema.py``): only then
are days that were matched before matched again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

from retail_pipeline.domain.transaction import Kind


class UnmatchedReason(StrEnum):
    """Why units of a cancellation undo no sale."""

    GUEST = "guest"
    NO_SALE = "no earlier sale"
    NO_UNITS = "more than was sold"
    NOT_NEGATIVE = "not a negative quantity"


class DuplicateMode(IntEnum):
    """When a part of a cancellation counts: always, or only with or without duplicate lines."""

    ALWAYS = 0
    WITH_DUPLICATES = 1
    WITHOUT_DUPLICATES = 2


@dataclass(frozen=True)
class TradedLine:
    """A sale or a cancellation of one customer and one stock code.

    ``units`` has the line's sign, below zero for what comes back; ``price`` is in pounds.
    ``content`` has the fields that are equal in exact duplicates.
    """

    id: str
    at: datetime
    kind: Kind
    units: int
    price: Decimal
    content: Hashable = None


@dataclass(frozen=True)
class Part:
    """Units of a cancellation that undo one sale, or, with a ``reason``, none."""

    units: int
    sale: TradedLine | None = None
    reason: UnmatchedReason | None = None


@dataclass
class _Sold:
    line: TradedLine
    left: int


def undone(lines: Iterable[TradedLine], *, guest: bool = False) -> dict[str, list[Part]]:
    """Return the parts of each cancellation, by its id, in order of time.

    ``lines`` are all sales and cancellations of one customer and stock code, in any order. Those
    of a ``guest`` undo nothing, since guests are not known. The units of a cancellation's parts
    add up to its own, as a positive number.
    """
    sold: list[_Sold] = []
    found: dict[str, list[Part]] = {}
    for line in in_order(lines):
        if line.kind is Kind.SALE:
            sold.append(_Sold(line, line.units))
        elif line.kind is Kind.CANCELLATION:
            found[line.id] = list(_parts(line, sold, guest))
            # The last one stays: it shows that there was a sale.
            sold = [each for each in sold if each.left] or sold[-1:]
    return found


def in_order(lines: Iterable[TradedLine]) -> list[TradedLine]:
    """Return lines in order of time; at the same moment a sale comes before a cancellation."""
    return sorted(lines, key=lambda line: (line.at, line.kind is Kind.CANCELLATION, line.id))


def without_duplicates(lines: Iterable[TradedLine]) -> list[TradedLine]:
    """Return one line of each set of exact duplicates, the one with the first id."""
    first: dict[Hashable, TradedLine] = {}
    for line in lines:
        known = first.get(line.content)
        if known is None or line.id < known.id:
            first[line.content] = line
    return list(first.values())


def _parts(line: TradedLine, sold: list[_Sold], guest: bool) -> Iterator[Part]:
    """Yield the parts of one cancellation, and take their units from ``sold``."""
    wanted = -line.units
    if wanted <= 0 or guest:
        yield Part(wanted, reason=UnmatchedReason.GUEST if guest else UnmatchedReason.NOT_NEGATIVE)
        return
    last_first = sold[::-1]
    at_its_price = [each for each in last_first if each.line.price == line.price]
    at_others = [each for each in last_first if each.line.price != line.price]
    for each in (*at_its_price, *at_others):
        units = min(wanted, each.left)
        if units:
            each.left -= units
            wanted -= units
            yield Part(units, each.line)
    if wanted:
        yield Part(wanted, reason=UnmatchedReason.NO_UNITS if sold else UnmatchedReason.NO_SALE)
