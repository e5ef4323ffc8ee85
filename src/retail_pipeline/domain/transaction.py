"""A retail transaction: one invoice line that meets the record contract."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

import msgspec

from retail_pipeline.domain.contract import CONTRACT, SCHEMA_VERSION

_limit = CONTRACT.limit
# A price's bounds are minus and plus a power of ten: fewer digits are within them, and it is.
_MOST, _SCALE = _limit("UnitPrice", "maximum"), _limit("UnitPrice", "scale")
PRICE_PATTERN = (
    rf"^-?([0-9]{{1,{len(str(_MOST)) - 1}}}(\.[0-9]{{1,{_SCALE}}})?|{_MOST}(\.0{{1,{_SCALE}}})?)$"
)


class Kind(StrEnum):
    """The business meaning of a transaction."""

    SALE = "sale"
    CANCELLATION = "cancellation"
    ADJUSTMENT = "adjustment"


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """One validated invoice line, as in a record (``schemas/transaction.v1.json``).

    ``UnitPrice`` is the exact decimal text of a price in pounds sterling, never a float;
    ``InvoiceDate`` and ``ingested_at`` are UTC.
    """

    source: Annotated[str, msgspec.Meta(min_length=1, max_length=_limit("source", "maxLength"))]
    row: Annotated[int, msgspec.Meta(ge=_limit("row", "minimum"), le=_limit("row", "maximum"))]
    InvoiceNo: Annotated[
        str, msgspec.Meta(min_length=1, max_length=_limit("InvoiceNo", "maxLength"))
    ]
    StockCode: Annotated[
        str, msgspec.Meta(min_length=1, max_length=_limit("StockCode", "maxLength"))
    ]
    Quantity: Annotated[
        int, msgspec.Meta(ge=_limit("Quantity", "minimum"), le=_limit("Quantity", "maximum"))
    ]
    InvoiceDate: Annotated[datetime, msgspec.Meta(tz=True)]
    UnitPrice: Annotated[str, msgspec.Meta(pattern=PRICE_PATTERN)]
    ingested_at: Annotated[datetime, msgspec.Meta(tz=True)]
    Description: (
        Annotated[str, msgspec.Meta(max_length=_limit("Description", "maxLength"))] | None
    ) = None
    CustomerID: (
        Annotated[str, msgspec.Meta(max_length=_limit("CustomerID", "maxLength"))] | None
    ) = None
    Country: Annotated[str, msgspec.Meta(max_length=_limit("Country", "maxLength"))] | None = None
    schema_version: Annotated[int, msgspec.Meta(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)] = (
        SCHEMA_VERSION
    )

    def __post_init__(self) -> None:
        check_years("InvoiceDate and ingested_at", self.InvoiceDate, self.ingested_at)

    @property
    def id(self) -> str:
        """The row's identity, which follows from its source: the ``_id`` of its document."""
        return row_id(self.source, self.row)


def check_years(names: str, *moments: datetime) -> None:
    """Check that dates can be converted to UTC and stored.

    Another program may have written them to a topic.

    Raises:
        ValueError: one of ``moments`` is outside the contract's years; the text has ``names``.
    """
    for moment in moments:
        if not 1900 <= moment.year <= 2100:
            raise ValueError(f"{names} must be in the years 1900 to 2100")


def row_id(source: str, row: int) -> str:
    """Return the identity of a row; the padding keeps a source's rows in order in an index."""
    return f"{source}:{row:09d}"


def split_row_id(identity: str) -> tuple[str, int]:
    """Return the source and the row of an identity that :func:`row_id` made.

    Raises:
        ValueError: ``identity`` is not one.
    """
    source, _, row = identity.rpartition(":")
    if not source or not (row.isascii() and row.isdigit()) or row_id(source, int(row)) != identity:
        raise ValueError(f"{identity!r} is not the identity of a row")
    return source, int(row)


@lru_cache(maxsize=16_384)
def total_amount(quantity: int, unit_price: str) -> Decimal:
    """Return quantity times price in pounds sterling, exact."""
    return quantity * Decimal(unit_price)


def kind_of(invoice: str, amount: Decimal | int, quantity: int) -> Kind:
    """Return the kind of a line; a sale has a positive quantity and a positive amount."""
    if invoice.startswith("C"):
        return Kind.CANCELLATION
    return Kind.SALE if quantity > 0 and amount > 0 else Kind.ADJUSTMENT
