"""What the documents of the returns must be, worked out from rows, and what they are.

There is one document for each cancellation line. A tally keeps none of them, only the sums of each
day and a checksum over all their fields.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from retail_pipeline.domain.days import EPOCH
from retail_pipeline.domain.money import from_micros, plain_text
from retail_pipeline.domain.returns import (
    Part,
    TradedLine,
    in_order,
    undone,
    without_duplicates,
)
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.reconcile.tally import Line, Tally, checksum_of

_MONEY = {"amount", "UnitPrice"}


class Stored(NamedTuple):
    """A stored row and its ``_id``, which documents of the returns refer to."""

    id: str
    line: Line


class ReturnPart(NamedTuple):
    """A part of a document: its units, and the sale that it undoes, or the reason why none.

    A field that was read may be of any type. Money is in millionths of a pound, a date in
    milliseconds since 1970.
    """

    units: object
    amount: object
    reason: object = None
    sale: object = None
    InvoiceNo: object = None
    InvoiceDate: object = None
    UnitPrice: object = None
    Country: object = None


class ReturnDocument(NamedTuple):
    """A document of the returns, as far as it follows from rows.

    ``distinct_parts`` is None where it would equal ``parts``; ``day`` is that of ``InvoiceDate``.
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
    parts: tuple[ReturnPart, ...]
    distinct_parts: tuple[ReturnPart, ...] | None

    def differing_fields(self, found: ReturnDocument) -> str:
        """Return the fields in which ``found`` differs, with both values."""
        right, real = dict(_flat("", self)), dict(_flat("", found))
        return "; ".join(
            f"{name} is {_value(name, real)}, {_value(name, right)} is right"
            for name in dict.fromkeys([*right, *real])
            if (name in right, right.get(name)) != (name in real, real.get(name))
        )


@dataclass
class ExpectedReturns:
    """Sums over documents by the day of their cancellation; ``rows`` counts documents."""

    days: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, documents: Iterable[ReturnDocument]) -> None:
        """Add documents."""
        for document in documents:
            units, amount = document.units, document.amount
            tally = self.days[document.day]
            tally.rows += 1
            tally.units += units if isinstance(units, int) else 0
            tally.micros += amount if isinstance(amount, int | Decimal) else 0
            # As a text: to hash() -1 and -2 are the same, and some types have no hash at all.
            tally.checksum += checksum_of(repr(document))


def match_returns(stored: Sequence[Stored]) -> Iterator[ReturnDocument]:
    """Yield the document that each cancellation must have.

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
        yield ReturnDocument(
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


def _parts(parts: Sequence[Part], line: Line, lines: Mapping[str, Line]) -> tuple[ReturnPart, ...]:
    return tuple(
        (
            ReturnPart(part.units, -part.units * line.price, str(part.reason))
            if part.sale is None
            else _undoing(part.units, -part.units * line.price, part.sale.id, lines)
        )
        for part in parts
    )


def _undoing(units: int, amount: object, identity: str, lines: Mapping[str, Line]) -> ReturnPart:
    sale = lines[identity]
    return ReturnPart(
        units, amount, None, identity, sale.invoice, sale.moment, sale.price, sale.country
    )


def _flat(prefix: str, document: ReturnDocument | ReturnPart) -> Iterator[tuple[str, object]]:
    """Yield each field; those of parts have dotted names."""
    for name, value in document._asdict().items():
        if name in ("parts", "distinct_parts") and value is not None:
            yield f"{name}", f"{len(value)} of them"
            for place, part in enumerate(value):
                yield from _flat(f"{name}.{place}.", part)
        else:
            yield f"{prefix}{name}", value


def _value(name: str, fields: Mapping[str, object]) -> str:
    value = fields.get(name, "nothing")
    if name.rpartition(".")[2] in _MONEY and isinstance(value, int | Decimal):
        return plain_text(from_micros(value))
    return str(value)


_exact = lru_cache(maxsize=16_384)(from_micros)


@lru_cache(maxsize=1_024)
def _at(moment: int) -> datetime:
    return EPOCH + timedelta(milliseconds=moment)
