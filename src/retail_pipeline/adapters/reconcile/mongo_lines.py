"""Reads a stored row for a reconciliation: the projection, and the line that it becomes."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import index

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.domain.days import EPOCH, to_milliseconds
from retail_pipeline.domain.money import text_to_micros
from retail_pipeline.reconcile.tally import Line

# Raised for a document that lacks a field, or has what no row can have.
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)


def as_text(field: str) -> Document:
    """Return the expression for a number's text: a Decimal128 object takes the driver longer."""
    return {"$convert": {"input": field, "to": "string", "onError": None}}


FIELDS: Document = dict.fromkeys(
    (
        "source",
        "row",
        "InvoiceNo",
        "StockCode",
        "Description",
        "Quantity",
        "InvoiceDate",
        "CustomerID",
        "Country",
        "kind",
    ),
    1,
) | {"UnitPrice": as_text("$UnitPrice"), "TotalAmount": as_text("$TotalAmount")}


class Moment:
    """Milliseconds of a date; remembers the last one, as an invoice's lines follow each other."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._found = 0

    def __call__(self, moment: datetime) -> int:
        """Return a date that MongoDB gave, in milliseconds since 1970."""
        if moment != self._last:
            self._found = to_milliseconds(moment)
            self._last = moment
        return self._found


def line_of(document: Document, moment: Moment) -> Line:
    """Return a document with FIELDS as a line.

    Raises:
        UNREADABLE: a field is missing, or has a type that no field of a row can have.
    """
    texts = document["source"], document["InvoiceNo"], document["StockCode"]
    "".join((*texts, document["Description"] or ""))  # a TypeError where one is no text
    line = Line(
        document["source"],
        index(document["row"]),
        document["InvoiceNo"],
        document["StockCode"],
        document["Description"],
        index(document["Quantity"]),
        moment(document["InvoiceDate"]),
        text_to_micros(document["UnitPrice"]),
        document["CustomerID"],
        document["Country"],
        text_to_micros(document["TotalAmount"]),
        str(document["kind"]),
    )
    hash(line)  # raises a TypeError for what no field of a row can be
    return line


def within(day: int) -> dict[str, datetime]:
    """Return the condition of dates on one day."""
    start = EPOCH + timedelta(days=day)
    # Up to the last millisecond: of the last day that Python knows there is no day after.
    return {"$gte": start, "$lte": start + timedelta(days=1, milliseconds=-1)}
