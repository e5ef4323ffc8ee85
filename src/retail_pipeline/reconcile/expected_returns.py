"""What the returns must say, worked out from rows, and what they do say.

A document of the returns stands for one cancellation line. A book keeps none of them, only sums of
each day, and a mark over all that the documents say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from retail_pipeline.domain.returns import (
    Part,
    TradedLine,
    in_order,
    undone,
    without_duplicates,
)
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.reconcile.tally import Line, Tally, checksum_of, pounds

_EPOCH = datetime(1970, 1, 1)
_MONEY = {"amount", "UnitPrice"}


class Stored(NamedTuple):
    """A stored row under the id that it is stored under, which a return names."""

    id: str
    line: Line


class PartSaid(NamedTuple):
    """One of a document's parts: its units, and the sale that it undoes, or why there is none.

    What is read may be of any type; money is in millionths of a pound, dates in milliseconds.
    """

    units: object
    amount: object
    reason: object = None
    sale: object = None
    InvoiceNo: object = None
    InvoiceDate: object = None
    UnitPrice: object = None
    Country: object = None


class Returned(NamedTuple):
    """All that one document of the returns says, as far as it follows from rows.

    ``distinct_parts`` are None where they are as the parts are; ``day`` is that of ``InvoiceDate``.
    """

    id: str
    day: int
    InvoiceNo: object
    InvoiceDate: object
    StockCode: object
    CustomerID: object
    Country: object
    UnitPrice: object
    units: object
    amount: object
    lines: object
    parts: tuple[PartSaid, ...]
    distinct_parts: tuple[PartSaid, ...] | None

    def otherwise(self, found: Returned) -> str:
        """Return which fields of ``found`` are otherwise, and how."""
        right, real = dict(_flat("", self)), dict(_flat("", found))
        return "; ".join(
            f"{name} is {_said(name, real)}, {_said(name, right)} is right"
            for name in dict.fromkeys([*right, *real])
            if (name in right, right.get(name)) != (name in real, real.get(name))
        )


@dataclass
class ExpectedReturns:
    """Sums over documents by the day of their cancellation; rows are documents."""

    days: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, documents: Iterable[Returned]) -> None:
        """Enter what documents say."""
        for document in documents:
            units, amount = document.units, document.amount
            tally = self.days[document.day]
            tally.rows += 1
            tally.units += units if isinstance(units, int) else 0
            tally.micros += amount if isinstance(amount, int | Decimal) else 0
            # As a text: to hash() -1 and -2 are the same, and some types have no hash at all.
            tally.checksum += checksum_of(repr(document))


def returned_of(stored: Sequence[Stored]) -> Iterator[Returned]:
    """Yield what the document of each cancellation must say.

    ``stored`` are all sales and cancellations of one customer and stock code; of guests, the
    cancellations of one stock code and day. They may be in any order.
    """
    lines = dict(stored)
    traded = [_traded(each) for each in stored]
    guest = any(line.customer is None for line in lines.values())
    every = distinct = undone(traded, guest=guest)
    first = without_duplicates(traded)
    if len(first) < len(traded):
        distinct = undone(first, guest=guest)
    for made_of, cancellation in enumerate(in_order(traded), start=1):
        if cancellation.id not in every:
            continue
        line = lines[cancellation.id]
        parts, others = every[cancellation.id], distinct.get(cancellation.id, [])
        yield Returned(
            cancellation.id,
            line.day,
            line.invoice,
            line.moment,
            line.stock,
            line.customer,
            line.country,
            line.price,
            -line.quantity,
            line.quantity * line.price,
            made_of,
            _parts(parts, line, lines),
            None if others == parts else _parts(others, line, lines),
        )


def _traded(stored: Stored) -> TradedLine:
    line = stored.line
    at, price = _at(line.moment), _exact(line.price)
    return TradedLine(stored.id, at, Kind(line.kind), line.quantity, price, line[2:10])


def _parts(parts: Sequence[Part], line: Line, lines: Mapping[str, Line]) -> tuple[PartSaid, ...]:
    return tuple(
        (
            PartSaid(part.units, -part.units * line.price, str(part.reason))
            if part.sale is None
            else _of_sale(part.units, -part.units * line.price, part.sale.id, lines)
        )
        for part in parts
    )


def _of_sale(units: int, amount: object, identity: str, lines: Mapping[str, Line]) -> PartSaid:
    sale = lines[identity]
    return PartSaid(
        units, amount, None, identity, sale.invoice, sale.moment, sale.price, sale.country
    )


def _flat(prefix: str, said: Returned | PartSaid) -> Iterator[tuple[str, object]]:
    """Yield each field, those of parts under dotted names."""
    for name, value in said._asdict().items():
        if name in ("parts", "distinct_parts") and value is not None:
            yield f"{name}", f"{len(value)} of them"
            for place, part in enumerate(value):
                yield from _flat(f"{name}.{place}.", part)
        else:
            yield f"{prefix}{name}", value


def _said(name: str, fields: Mapping[str, object]) -> str:
    value = fields.get(name, "nothing")
    if name.rpartition(".")[2] in _MONEY and isinstance(value, int | Decimal):
        return str(pounds(value))
    return str(value)


@lru_cache(maxsize=16_384)
def _exact(amount: int | Decimal) -> Decimal:
    return pounds(amount)


@lru_cache(maxsize=1_024)
def _at(moment: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=moment)
