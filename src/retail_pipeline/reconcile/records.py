"""What is compared, in a form that is the same in each place.

Money is in millionths of a pound, the finest that the contract allows, as a whole number; dates are
in milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from retail_pipeline.domain.days import DAY_MS, to_milliseconds
from retail_pipeline.domain.fields import LINE_IDENTITY, MONEY
from retail_pipeline.domain.money import from_micros, plain_text, text_to_micros
from retail_pipeline.domain.rejection import Rejection, Stage
from retail_pipeline.domain.transaction import Kind, Transaction, kind_of, split_row_id

_KINDS = {kind: kind.value for kind in Kind}
_MONEY = {*MONEY, "amount"}
# Returns what exact duplicates of a line agree in.
content_of = attrgetter(*LINE_IDENTITY)


class Line(NamedTuple):
    """A row's fields."""

    source: str
    row: int
    InvoiceNo: str
    StockCode: str
    Description: str | None
    Quantity: int
    InvoiceDate: int
    UnitPrice: int | Decimal
    CustomerID: str | None
    Country: str | None
    TotalAmount: int | Decimal
    kind: str

    @property
    def day(self) -> int:
        """Days since 1970."""
        return self.InvoiceDate // DAY_MS


def as_line(transaction: Transaction) -> Line:
    """Return a record of Kafka as a line; its amount and kind are computed from its fields."""
    quantity = transaction.Quantity
    price = text_to_micros(transaction.UnitPrice)
    total = quantity * price
    return Line(
        transaction.source,
        transaction.row,
        transaction.InvoiceNo,
        transaction.StockCode,
        transaction.Description,
        quantity,
        to_milliseconds(transaction.InvoiceDate),
        price,
        transaction.CustomerID,
        transaction.Country,
        total,
        _KINDS[kind_of(transaction.InvoiceNo, total, quantity)],
    )


class Stored(NamedTuple):
    """A stored row and its ``_id``, which documents of the returns refer to."""

    id: str
    line: Line


class MisfiledDocument(NamedTuple):
    """A document whose id is not that of its source and row; ``line`` is None if unreadable."""

    id: str
    line: Line | None


class QuarantinedRow(NamedTuple):
    """A rejected row, in the dead-letter topic or in quarantine, under the row that it is about.

    ``id`` is its own identity: it differs from the row's where a record claims to be that row.
    ``comparable`` says whether ``raw`` is the file's own text.
    """

    id: str
    source: str
    row: int
    raw: str
    comparable: bool

    @classmethod
    def of(cls, rejection: Rejection) -> QuarantinedRow:
        """Return a rejected row of the dead-letter topic."""
        return cls.for_row(
            rejection.id, rejection.claims, rejection.raw, rejection.stage, rejection.truncated
        )

    @classmethod
    def for_row(
        cls, identity: str, claims: str | None, raw: str, stage: str | None, truncated: bool
    ) -> QuarantinedRow:
        """Return the rejected row under the row that it claims to be, or under its own."""
        source, row = row_of(claims or identity)
        return cls(identity, source, row, raw, stage == Stage.PRODUCER and not truncated)


def row_of(identity: str) -> tuple[str, int]:
    """Return the row of an identity; one that no row can have becomes a source of its own."""
    try:
        return split_row_id(identity)
    except ValueError:
        return identity, 0


class ReturnPart(NamedTuple):
    """A part of a return: its units, and the sale that it undoes, or the reason why none.

    A field that was read may be of any type.
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


def changed_fields(expected: Line | ReturnDocument, found: Line | ReturnDocument) -> str:
    """Return the fields that differ, with both values: TotalAmount is 15.301, 15.3 is right."""
    right, real = dict(_flat("", expected)), dict(_flat("", found))
    return "; ".join(
        f"{name} is {_text(name, real)}, {_text(name, right)} is right"
        for name in dict.fromkeys([*right, *real])
        if (name in right, right.get(name)) != (name in real, real.get(name))
    )


def _flat(prefix: str, record: Line | ReturnDocument | ReturnPart) -> Iterator[tuple[str, object]]:
    """Yield each field; those of parts have dotted names."""
    for name, value in record._asdict().items():
        if name in ("parts", "distinct_parts") and value is not None:
            yield name, f"{len(value)} of them"
            for place, part in enumerate(value):
                yield from _flat(f"{name}.{place}.", part)
        else:
            yield f"{prefix}{name}", value


def _text(name: str, fields: Mapping[str, object]) -> str:
    value = fields.get(name, "nothing")
    if name.rpartition(".")[2] in _MONEY and isinstance(value, int | Decimal):
        return plain_text(from_micros(value))
    return str(value)
