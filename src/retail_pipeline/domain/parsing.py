"""Parses the text of eight fields to a :class:`Transaction`, or to the reason why not.

Each field has a small pure parser with a cache. A retail file repeats itself (a few thousand codes,
prices and dates in half a million rows), so a row costs eight cache reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from retail_pipeline.domain.contract import CONTRACT, DATASET_FIELDS
from retail_pipeline.domain.dates import DateOrder, parse_date
from retail_pipeline.domain.fields import (
    COUNTRY,
    CUSTOMER,
    DESCRIPTION,
    INVOICE,
    PRICE,
    PRODUCT,
    UNITS,
)
from retail_pipeline.domain.money import plain_text
from retail_pipeline.domain.rejection import Reason, RowError
from retail_pipeline.domain.transaction import Transaction

_NUMBER = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})([eE][+-]?[0-9]{1,2})?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_CUSTOMER = re.compile(r"([0-9]{1,18})(\.0{1,9})?")
# Tabs and line breaks are text; other ASCII controls are damage, and so is a lone surrogate, which
# no record can carry.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LONGEST_SHOWN = 60
_CACHE_SIZE = 16_384
# Longer than any limit of the contract; it bounds the size of the caches.
LONGEST_FIELD = 4_096


def shown(text: str) -> str:
    """Return ``text`` for an error message: escaped, and cut if it is long."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")


def _check_text(field: str, text: str) -> str:
    if len(text) > (limit := CONTRACT.limit(field, "maxLength")):
        raise RowError(
            Reason.TOO_LONG, f"{field} has {len(text)} characters, {limit} at most are allowed"
        )
    if _CONTROL.search(text):
        raise RowError(Reason.CONTROL_BYTE, f"{field} holds a control byte: {shown(text)}")
    return text


def _check_number(field: str, text: str) -> str:
    text = text.strip(" ")
    if _NOT_FINITE.fullmatch(text):
        raise RowError(Reason.NOT_FINITE, f"{field} is {shown(text)}, not a finite number")
    if not text:
        raise RowError(Reason.NOT_A_NUMBER, f"{field} is empty, a number is needed")
    if _CONTROL.search(text):
        raise RowError(Reason.CONTROL_BYTE, f"{field} holds a control byte: {shown(text)}")
    if not _NUMBER.fullmatch(text):
        digits = text.lstrip("+-")
        if len(digits) > 18 and digits.isascii() and digits.replace(".", "", 1).isdigit():
            raise RowError(Reason.OUT_OF_RANGE, f"{field} has too many digits: {shown(text)}")
        raise RowError(Reason.NOT_A_NUMBER, f"{field} is {shown(text)}, not a number")
    return text


def _decimal(field: str, text: str) -> Decimal:
    value = Decimal(_check_number(field, text))
    low, high = CONTRACT.limit(field, "minimum"), CONTRACT.limit(field, "maximum")
    if not low <= value <= high:
        raise RowError(Reason.OUT_OF_RANGE, f"{field} is {value}, outside {low} to {high}")
    return value


@lru_cache(maxsize=_CACHE_SIZE)
def parse_code(field: str, text: str) -> str:
    """Return an InvoiceNo or StockCode without surrounding blanks; it must not be empty."""
    code = _check_text(field, text).strip()
    if not code:
        raise RowError(Reason.EMPTY_FIELD, f"{field} is empty")
    return code


@lru_cache(maxsize=_CACHE_SIZE)
def parse_text(field: str, text: str) -> str | None:
    """Return a Description or Country unchanged, or None if it is blank."""
    return text if _check_text(field, text).strip() else None


@lru_cache(maxsize=_CACHE_SIZE)
def parse_quantity(text: str) -> int:
    """Return a whole number of units; ``6.0`` is 6 and ``1e3`` 1000, ``6.5`` is refused."""
    quantity = _decimal(UNITS, text)
    if quantity != int(quantity):
        raise RowError(Reason.NOT_WHOLE, f"{UNITS} is {shown(text.strip(' '))}, not a whole number")
    return int(quantity)


@lru_cache(maxsize=_CACHE_SIZE)
def parse_price(text: str) -> str:
    """Return the exact decimal text of a price in pounds sterling, in its shortest form."""
    plain = plain_text(_decimal(PRICE, text))
    if len(plain.partition(".")[2]) > (scale := CONTRACT.limit(PRICE, "scale")):
        digits = shown(text.strip(" "))
        raise RowError(Reason.OUT_OF_RANGE, f"{PRICE} is {digits}, more than {scale} decimals")
    return "0" if plain in ("-0", "") else plain


@lru_cache(maxsize=_CACHE_SIZE)
def parse_customer(text: str) -> str | None:
    """Return a customer's number without a decimal point, or None for a guest."""
    if not text.strip(" "):
        return None
    digits = _check_number(CUSTOMER, text)
    if found := _CUSTOMER.fullmatch(digits):
        return found[1]
    raise RowError(
        Reason.NOT_WHOLE, f"{CUSTOMER} is {shown(digits)}, not a whole number of digits only"
    )


def check_cells(cells: Sequence[str], width: int) -> None:
    """Refuse a row that has not ``width`` cells, or an endless one.

    Raises:
        RowError: it is such a row.
    """
    if len(cells) != width:
        raise RowError(Reason.WRONG_FIELD_COUNT, f"{len(cells)} fields, {width} are needed")
    if max(map(len, cells)) > LONGEST_FIELD:
        raise RowError(Reason.TOO_LONG, f"a field has more than {LONGEST_FIELD} characters")


class RowParser:
    """Turns the fields of one file's rows into transactions.

    Args:
        source: the file's identity, 16 hexadecimal digits.
        order: whether the day or the month comes first in the file's dates.
    """

    def __init__(self, source: str, order: DateOrder) -> None:
        self._source = source
        self._date: Callable[[str], datetime] = lru_cache(maxsize=_CACHE_SIZE)(
            lambda text: parse_date(text, order)
        )
        self.ingested_at = datetime.now(UTC)

    def parse(self, row: int, cells: Sequence[str]) -> Transaction:
        """Return the transaction in ``cells``, which are in the order of DATASET_FIELDS.

        Raises:
            RowError: the row breaks the contract; the error has the reason.
        """
        if len(cells) != len(DATASET_FIELDS) or max(map(len, cells)) > LONGEST_FIELD:
            check_cells(cells, len(DATASET_FIELDS))
        invoice, stock, description, quantity, date, price, customer, country = cells
        return Transaction(
            self._source,
            row,
            parse_code(INVOICE, invoice),
            parse_code(PRODUCT, stock),
            parse_quantity(quantity),
            self._date(date),
            parse_price(price),
            self.ingested_at,
            parse_text(DESCRIPTION, description),
            parse_customer(customer),
            parse_text(COUNTRY, country),
        )
