"""What a document becomes that a reconciliation reads: a line, a rollup's entry, a return."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import index, itemgetter
from typing import Any

from bson import Decimal128

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.domain.collections import PRODUCTS_ROLLUP
from retail_pipeline.domain.days import day_number, to_milliseconds
from retail_pipeline.domain.fields import DATE, DESCRIPTION, MONEY, ROLLUP_KEYS
from retail_pipeline.domain.money import text_to_micros, to_micros
from retail_pipeline.reconcile.expected_rollups import RollupSums
from retail_pipeline.reconcile.records import Line, ReturnDocument, ReturnPart

# Raised for a document that lacks a field, or has what no row can have.
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)
_values = itemgetter(*Line._fields)
# The fields of a return, and those of a part that are the sale's own.
_OF_RETURN = tuple(
    name for name in ReturnDocument._fields if name not in ("id", "day", "parts", "distinct_parts")
)
_OF_SALE = ("_id", *ReturnPart._fields[ReturnPart._fields.index("sale") + 1 :])


def as_text(field: str) -> Document:
    """Return the expression for a number's text: a Decimal128 object takes the driver longer."""
    return {"$convert": {"input": field, "to": "string", "onError": None}}


LINE_FIELDS: Document = {name: as_text(f"${name}") if name in MONEY else 1 for name in Line._fields}
ENTRY_FIELDS: Document = {
    "lines": 1,
    "entries": {
        "$map": {
            "input": "$entries",
            "as": "entry",
            "in": {"$mergeObjects": ["$$entry", {"amount": as_text("$$entry.amount")}]},
        }
    },
}
# When a document was made, and in which form, follows from no row.
RETURN_FIELDS: Document = {"rebuilt_at": 0, "layout": 0, "without_sample": 0}
_UNREADABLE_ENTRY = ("unreadable",)
# Lines of an invoice follow each other, and have the same date.
_milliseconds = lru_cache(maxsize=1_024)(to_milliseconds)


def line_of(document: Document) -> Line:
    """Return a document with LINE_FIELDS as a line.

    Raises:
        UNREADABLE: a field is missing, or has a type that no field of a row can have.
    """
    values = _values(document)
    source, row, invoice, stock, name, units, date, price, customer, country, amount, kind = values
    "".join((source, invoice, stock, name or ""))  # a TypeError where one is no text
    line = Line(
        source,
        index(row),
        invoice,
        stock,
        name,
        index(units),
        _milliseconds(date),
        text_to_micros(price),
        customer,
        country,
        text_to_micros(amount),
        str(kind),
    )
    hash(line)  # raises a TypeError for what no field of a row can be
    return line


def add_entries(found: RollupSums, rollup: str, document: Document) -> None:
    """Add a rollup's document with ENTRY_FIELDS, and each of its entries."""
    day = _day_of(document["_id"])
    found.add_document(rollup, day, document.get("lines"))
    for entry in document.get("entries") or ():
        key, more = tuple([entry.get(name) for name in ROLLUP_KEYS[rollup]]), None
        if rollup == PRODUCTS_ROLLUP:
            more = entry.get("invoices"), entry.get(DESCRIPTION)
        try:
            figures = entry["lines"], entry["units"], text_to_micros(entry["amount"])
            found.add(rollup, day, key, figures, more)
        except UNREADABLE:
            found.add(rollup, day, _UNREADABLE_ENTRY, (1, 0, 0))


def return_of(document: Document) -> ReturnDocument:
    """Return a document of the returns."""
    own = {name: _plain(document.get(name)) for name in _OF_RETURN}
    distinct = document.get("distinct_parts")
    return ReturnDocument(
        **own,
        id=str(document["_id"]),
        day=_day_of(document.get(DATE)),
        parts=_parts(document.get("parts")),
        distinct_parts=None if distinct is None else _parts(distinct),
    )


def _parts(parts: Any) -> tuple[ReturnPart, ...]:
    """Return a document's parts; what is no part becomes one that equals no expected part."""
    if not isinstance(parts, list):
        return (ReturnPart(None, None, repr(parts)),)
    return tuple(map(_part, parts))


def _part(part: Any) -> ReturnPart:
    if not isinstance(part, dict):
        return ReturnPart(None, None, repr(part))
    figures = part.get("units"), _plain(part.get("amount")), part.get("reason")
    sale = part.get("sale")
    if sale is None:
        return ReturnPart(*figures)
    if not isinstance(sale, dict):
        return ReturnPart(*figures, repr(sale))
    return ReturnPart(*figures, *(_plain(sale.get(name)) for name in _OF_SALE))


def _plain(value: Any) -> Any:
    """Return money in millionths of a pound, and dates in milliseconds."""
    if isinstance(value, Decimal128):
        return _micros(value.bid)
    return _milliseconds(value) if isinstance(value, datetime) else value


@lru_cache(maxsize=65_536)
def _micros(bid: bytes) -> int | Decimal:
    amount = Decimal128.from_bid(bid).to_decimal()
    return to_micros(amount) if amount.is_finite() else amount


def _day_of(value: Any) -> int:
    """Return the day of a document; one without a date is reported under 1 January 1970."""
    return day_number(value) if isinstance(value, datetime) else 0
