"""What the documents of the returns must be, worked out from rows, and sums over them.

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

from retail_pipeline.domain.days import EPOCH
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.returns import (
    Part,
    TradedLine,
    in_order,
    undone,
    without_duplicates,
)
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.reconcile.records import Line, ReturnDocument, ReturnPart, Stored, content_of
from retail_pipeline.reconcile.tally import Tally, checksum_of


@dataclass
class ReturnSums:
    """Sums over documents by the day of their cancellation; ``rows`` counts documents."""

    days: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))

    def add(self, documents: Iterable[ReturnDocument]) -> None:
        """Add documents."""
        for document in documents:
            units = document.units if isinstance(document.units, int) else 0
            micros = document.amount if isinstance(document.amount, int | Decimal) else 0
            # As text: hash(-1) == hash(-2), and some types have no hash at all.
            self.days[document.day] += Tally(1, units, micros, checksum_of(repr(document)))


def match_returns(stored: Sequence[Stored]) -> Iterator[ReturnDocument]:
    """Yield the document that each cancellation must have.

    ``stored`` are all sales and cancellations of one customer and stock code; of guests, the
    cancellations of one stock code and day. They may be in any order.
    """
    lines = dict(stored)
    traded = [_traded(each) for each in stored]
    guest = any(line.CustomerID is None for line in lines.values())
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
            line.InvoiceNo,
            line.InvoiceDate,
            line.StockCode,
            line.CustomerID,
            line.Country,
            line.UnitPrice,
            -line.Quantity,
            line.Quantity * line.UnitPrice,
            made_of,
            _parts(parts, line, lines),
            None if others == parts else _parts(others, line, lines),
        )


def _traded(stored: Stored) -> TradedLine:
    identity, line = stored
    at, price = _at(line.InvoiceDate), _pounds(line.UnitPrice)
    return TradedLine(identity, at, Kind(line.kind), line.Quantity, price, content_of(line))


def _parts(parts: Sequence[Part], line: Line, lines: Mapping[str, Line]) -> tuple[ReturnPart, ...]:
    found = []
    for part in parts:
        figures = part.units, -part.units * line.UnitPrice
        if part.sale is None:
            found.append(ReturnPart(*figures, str(part.reason)))
        else:
            identity = part.sale.id
            sale = lines[identity]
            of_sale = sale.InvoiceNo, sale.InvoiceDate, sale.UnitPrice, sale.Country
            found.append(ReturnPart(*figures, None, identity, *of_sale))
    return tuple(found)


_pounds = lru_cache(maxsize=16_384)(from_micros)


@lru_cache(maxsize=1_024)
def _at(moment: int) -> datetime:
    return EPOCH + timedelta(milliseconds=moment)
