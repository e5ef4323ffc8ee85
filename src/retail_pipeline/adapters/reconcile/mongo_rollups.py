"""Reads the rollups and the returns for a reconciliation, and the rows that returns are made of.

Expected returns follow from rows that are read a second time, a hundred pairs of a customer and a
stock code at a time. Only pairs with a cancellation are read, which an index lists, and only a
hundred of them are in memory.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import groupby, islice
from typing import Any

from bson import Decimal128

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.returns import CANCELLED, TRADED
from retail_pipeline.adapters.reconcile.mongo_lines import (
    FIELDS,
    UNREADABLE,
    Moment,
    as_text,
    line_of,
    within,
)
from retail_pipeline.domain.collections import PRODUCTS_ROLLUP, RETURNS, TRANSACTIONS
from retail_pipeline.domain.days import day_number
from retail_pipeline.domain.fields import ROLLUP_KEYS
from retail_pipeline.domain.money import text_to_micros, to_micros
from retail_pipeline.reconcile.expected_returns import ReturnDocument, ReturnPart, Stored
from retail_pipeline.reconcile.expected_rollups import ExpectedRollups

# Collection, condition, fields, options.
Find = Callable[..., Iterator[Document]]
Pair = tuple[str, str]

_ENTRIES: Document = {
    "lines": 1,
    "entries": {
        "$map": {
            "input": "$entries",
            "as": "entry",
            "in": {"$mergeObjects": ["$$entry", {"amount": as_text("$$entry.amount")}]},
        }
    },
}
_UNREADABLE_ENTRY = ("unreadable",)
_PAIR = ("CustomerID", "StockCode")
_PAIRS_AT_ONCE = 100
_OF_RETURN = (
    *("InvoiceNo", "InvoiceDate", "StockCode", "CustomerID", "Country", "UnitPrice"),
    *("units", "amount", "lines"),
)
_OF_SALE = ("_id", "InvoiceNo", "InvoiceDate", "UnitPrice", "Country")
# When a document was made, and in which form, follows from no row.
_NOT_COMPARED: Document = {"rebuilt_at": 0, "layout": 0, "without_sample": 0}


def add_rollups(find: Find, expected: ExpectedRollups) -> None:
    """Add every entry of every day's document."""
    for rollup in ROLLUP_KEYS:
        for document in find(rollup, {}, _ENTRIES):
            day = _day_of(document["_id"])
            expected.add_document(rollup, day, document.get("lines"))
            _add(expected, rollup, day, document.get("entries") or ())


def _add(expected: ExpectedRollups, rollup: str, day: int, entries: Iterable[Document]) -> None:
    names, products = ROLLUP_KEYS[rollup], rollup == PRODUCTS_ROLLUP
    for entry in entries:
        key, more = tuple([entry.get(name) for name in names]), None
        if products:
            more = entry.get("invoices"), entry.get("Description")
        try:
            figures = entry["lines"], entry["units"], text_to_micros(entry["amount"])
            expected.add(rollup, day, key, figures, more)
        except UNREADABLE:
            expected.add(rollup, day, _UNREADABLE_ENTRY, (1, 0, 0))


def traded(find: Find, days: Collection[int] | None) -> Iterator[list[Stored]]:
    """Yield all sales and cancellations of each customer and stock code with a cancellation.

    Guests can't be distinguished: of them, the cancellations of each day and stock code.
    """
    for pairs in _in_pieces(_pairs(find, days)):
        by_customer: dict[str, list[str]] = defaultdict(list)
        for code, customer in pairs:
            by_customer[customer].append(code)
        wanted = [
            {"CustomerID": customer, "StockCode": {"$in": codes}}
            for customer, codes in by_customer.items()
        ]
        found: dict[Pair, list[Stored]] = defaultdict(list)
        for stored in _stored(find, {"$or": wanted, **TRADED}):
            found[stored.line.stock, str(stored.line.customer)].append(stored)
        yield from found.values()
    guests = {**CANCELLED, "CustomerID": None, **_on(days)}
    in_order = _stored(find, guests, sort=[("InvoiceDate", 1)])
    for _, of_day in groupby(in_order, key=lambda stored: stored.line.day):
        by_code: dict[str, list[Stored]] = defaultdict(list)
        for stored in of_day:
            by_code[stored.line.stock].append(stored)
        yield from by_code.values()


def _pairs(find: Find, days: Collection[int] | None) -> Iterator[Pair]:
    """Yield each stock code and customer once; an index of cancellations covers the query."""
    condition = {**CANCELLED, "CustomerID": {"$ne": None}, **_on(days)}
    shown = {"_id": 0, **dict.fromkeys(_PAIR, 1)}
    found = find(TRANSACTIONS, condition, shown, sort=[("CustomerID", 1)])
    # Documents with other types are reported as unreadable.
    texts = (line for line in found if all(isinstance(line.get(name), str) for name in _PAIR))
    for customer, lines in groupby(texts, key=lambda line: line["CustomerID"]):
        for code in sorted({line["StockCode"] for line in lines}):
            yield code, customer


def _in_pieces(pairs: Iterator[Pair]) -> Iterator[list[Pair]]:
    while piece := list(islice(pairs, _PAIRS_AT_ONCE)):
        yield piece


def _stored(find: Find, condition: Document, **options: Any) -> Iterator[Stored]:
    moment = Moment()
    for document in find(TRANSACTIONS, condition, FIELDS, **options):
        try:
            yield Stored(str(document["_id"]), line_of(document, moment))
        except UNREADABLE:  # it is reported as such
            continue


def return_documents(find: Find, days: Collection[int] | None) -> Iterator[ReturnDocument]:
    """Yield each document of the returns."""
    moment = Moment()
    for document in find(RETURNS, {}, _NOT_COMPARED):
        day = _day_of(document.get("InvoiceDate"))
        if days is None or day in days:
            yield _returned(day, document, moment)


def _returned(day: int, document: Document, moment: Moment) -> ReturnDocument:
    own = {name: _plain(document.get(name), moment) for name in _OF_RETURN}
    distinct = document.get("distinct_parts")
    return ReturnDocument(
        id=str(document["_id"]),
        day=day,
        parts=_parts(document.get("parts"), moment),
        distinct_parts=None if distinct is None else _parts(distinct, moment),
        **own,
    )


def _parts(parts: Any, moment: Moment) -> tuple[ReturnPart, ...]:
    """Return a document's parts; what is no part becomes one that equals no expected part."""
    if not isinstance(parts, list):
        return (ReturnPart(None, None, repr(parts)),)
    return tuple(
        (
            _part(part, part.get("sale"), moment)
            if isinstance(part, dict)
            else ReturnPart(None, None, repr(part))
        )
        for part in parts
    )


def _part(part: Document, sale: Any, moment: Moment) -> ReturnPart:
    figures = part.get("units"), _plain(part.get("amount"), moment), part.get("reason")
    if sale is None:
        return ReturnPart(*figures)
    if not isinstance(sale, dict):
        return ReturnPart(*figures, repr(sale))
    return ReturnPart(*figures, *(_plain(sale.get(name), moment) for name in _OF_SALE))


def _plain(value: Any, moment: Moment) -> Any:
    """Return money in millionths of a pound, and dates in milliseconds."""
    if isinstance(value, Decimal128):
        return _micros(value.bid)
    return moment(value) if isinstance(value, datetime) else value


@lru_cache(maxsize=65_536)
def _micros(bid: bytes) -> int | Decimal:
    amount = Decimal128.from_bid(bid).to_decimal()
    return to_micros(amount) if amount.is_finite() else amount


def _on(days: Iterable[int] | None) -> Document:
    return {} if days is None else {"$or": [{"InvoiceDate": within(day)} for day in sorted(days)]}


def _day_of(value: Any) -> int:
    """Return the day of a document; one without a date is reported under 1 January 1970."""
    return day_number(value) if isinstance(value, datetime) else 0
