"""Returns: one document for each cancellation line of goods, with the sales that it undoes.

A dirty day is matched again by pairs of a customer and a stock code: each pair that has lines on
that day, and a cancellation on it or later. All stored lines of the pair are matched. ``lines`` in
a document counts the pair's lines up to its cancellation. Transactions are only ever added, so the
document with more lines is newer, whoever writes last; one with as many is equal, and not written
again. A document without the sample's lines is newer than any with them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from bson import Decimal128
from pymongo import UpdateOne
from pymongo.database import Database

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.sample import WITHOUT_SAMPLE
from retail_pipeline.adapters.mongo.schema import ROLLUP_VERSION
from retail_pipeline.domain.collections import ORDERS_ROLLUP, RETURNS, TRANSACTIONS
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.fields import (
    COUNTRY,
    CUSTOMER,
    DATE,
    INVOICE,
    LINE_IDENTITY,
    PRICE,
    PRODUCT,
    UNITS,
)
from retail_pipeline.domain.returns import (
    Part,
    TradedLine,
    in_order,
    undone,
    without_duplicates,
)
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.errors import PermanentError

# A stock code and a customer.
Pair = tuple[str, str]

_DAY = timedelta(days=1)
_PAIRS_AT_ONCE = 100
# A condition must stay far below MongoDB's 16 MB.
_CUSTOMERS_AT_ONCE = 10_000
# Raised for a document that lacks a field, or breaks the contract.
_UNEXPECTED = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)
# The lines that have a document, and those of their customer and stock code that may change it.
CANCELLED: Document = {"kind": Kind.CANCELLATION.value, PRODUCT: {"$nin": list(FEES)}}
TRADED: Document = {"kind": {"$in": [Kind.SALE.value, Kind.CANCELLATION.value]}}
_FIELDS = dict.fromkeys((*LINE_IDENTITY, "kind"), 1)


class MongoReturns:
    """Keeps the returns up to date; raises PyMongoError."""

    def __init__(self, database: Database[Document]) -> None:
        self._orders = database[ORDERS_ROLLUP]
        self._transactions = database[TRANSACTIONS]
        self._returns = database[RETURNS]

    def rebuild(self, day: datetime, without_sample: bool, *, summarised: bool = True) -> None:
        """Match again every pair that lines of ``day`` may change.

        The day's customers are read from its orders' rollup, or from its lines if it is not
        ``summarised``. A pair that can't be matched does not stop the others.

        Raises:
            PermanentError: a stored row is not as the contract says; the text names its customer.
        """
        customers = self._customers(day) if summarised else self._customers_of_lines(day)
        guests = _grouped(self._of_guests(day, without_sample), PRODUCT)
        problems = self._write(day, guests, without_sample, guest=True)
        for first in range(0, len(customers), _CUSTOMERS_AT_ONCE):
            pairs = sorted(self._pairs(day, customers[first : first + _CUSTOMERS_AT_ONCE]))
            for start in range(0, len(pairs), _PAIRS_AT_ONCE):
                groups = self._lines(pairs[start : start + _PAIRS_AT_ONCE], without_sample)
                problems += self._write(day, groups, without_sample)
        if problems:
            raise problems[0]

    def _customers(self, day: datetime) -> list[str]:
        found = self._orders.distinct(f"entries.{CUSTOMER}", {"_id": day})
        return [each for each in found if each is not None]

    def _customers_of_lines(self, day: datetime) -> list[str]:
        known = {DATE: _on(day), CUSTOMER: {"$ne": None}}
        each_once: list[Document] = [{"$match": known}, {"$group": {"_id": f"${CUSTOMER}"}}]
        return [each["_id"] for each in self._transactions.aggregate(each_once)]

    def _pairs(self, day: datetime, customers: Sequence[str]) -> set[Pair]:
        """Return the pairs that these customers traded on ``day`` and cancelled on it or later."""
        cancelled = {**CANCELLED, CUSTOMER: {"$in": customers}, DATE: {"$gte": day}}
        # Answered from the index of cancellations alone.
        shown = {"_id": 0, PRODUCT: 1, CUSTOMER: 1, DATE: 1}
        affected: set[Pair] = set()
        later: set[Pair] = set()
        for each in self._transactions.find(cancelled, shown):
            on_the_day = each[DATE] < day + _DAY
            (affected if on_the_day else later).add((each[PRODUCT], each[CUSTOMER]))
        if later - affected:
            affected |= later & self._traded(day, later)
        return affected

    def _traded(self, day: datetime, pairs: set[Pair]) -> set[Pair]:
        customers = {customer for _, customer in pairs}
        found = self._transactions.find(
            {DATE: _on(day), CUSTOMER: {"$in": list(customers)}},
            {"_id": 0, PRODUCT: 1, CUSTOMER: 1},
            hint="by_date",
        )
        return {(each[PRODUCT], each[CUSTOMER]) for each in found}

    def _lines(self, pairs: Sequence[Pair], without_sample: bool) -> Iterable[list[Document]]:
        """Return all sales and cancellations of each pair."""
        each_pair = [{PRODUCT: code, CUSTOMER: customer} for code, customer in pairs]
        wanted = {"$or": each_pair, **TRADED, **(WITHOUT_SAMPLE if without_sample else {})}
        return _grouped(self._transactions.find(wanted, _FIELDS), PRODUCT, CUSTOMER)

    def _of_guests(self, day: datetime, without_sample: bool) -> Iterable[Document]:
        wanted = {**CANCELLED, CUSTOMER: None, DATE: _on(day)}
        wanted |= WITHOUT_SAMPLE if without_sample else {}
        return self._transactions.find(wanted, _FIELDS)

    def _write(
        self,
        day: datetime,
        groups: Iterable[list[Document]],
        without_sample: bool,
        *,
        guest: bool = False,
    ) -> list[PermanentError]:
        """Write what can be matched, and return the problems of the other groups."""
        updates: list[UpdateOne] = []
        problems: list[PermanentError] = []
        for lines in groups:
            try:
                documents = list(matched(lines, guest=guest))
            except _UNEXPECTED as error:
                problems.append(_unexpected(lines[0], error))
                continue
            updates += [_update(each, without_sample) for each in documents if each[DATE] >= day]
        if updates:
            self._returns.bulk_write(updates, ordered=False)
        return problems


def matched(lines: Sequence[Document], *, guest: bool = False) -> Iterator[Document]:
    """Yield the document of each cancellation among all lines of one customer and stock code.

    ``parts`` are its units, by the sale that they undo or by the reason why they undo none.
    ``distinct_parts`` are the parts without exact duplicate lines, if they differ.
    """
    by_id = {line["_id"]: line for line in lines}
    traded = [_traded_line(line) for line in lines]
    every = undone(traded, guest=guest)
    distinct = undone(without_duplicates(traded), guest=guest)
    for place, line in enumerate(in_order(traded), start=1):
        if line.id not in every:
            continue
        own, parts = by_id[line.id], every[line.id]
        document = {
            **{name: own[name] for name in _COPIED},
            "units": -line.units,
            "amount": Decimal128(line.units * line.price),
            "parts": [_part(part, line, by_id) for part in parts],
            "lines": place,
            "layout": ROLLUP_VERSION,
        }
        if (others := distinct.get(line.id, [])) != parts:
            document["distinct_parts"] = [_part(part, line, by_id) for part in others]
        yield document


_COPIED = ("_id", INVOICE, DATE, PRODUCT, CUSTOMER, COUNTRY, PRICE)
_OF_SALE = ("_id", INVOICE, DATE, PRICE, COUNTRY)


def _traded_line(line: Document) -> TradedLine:
    price = line[PRICE].to_decimal()
    return TradedLine(
        id=line["_id"],
        at=line[DATE],
        kind=Kind(line["kind"]),
        units=line[UNITS],
        price=price,
        content=(price, *(line[name] for name in LINE_IDENTITY if name != PRICE)),
    )


def _unexpected(line: Document, error: Exception) -> PermanentError:
    return PermanentError(
        f"a stored row of product {line.get(PRODUCT)} and customer {line.get(CUSTOMER)} is"
        f" not as the record contract says ({type(error).__name__}: {error}): `retail reconcile`"
        " names it"
    )


def _part(part: Part, line: TradedLine, by_id: dict[str, Document]) -> Document:
    figures = {"units": part.units, "amount": Decimal128(-part.units * line.price)}
    if part.sale is None:
        return {**figures, "reason": str(part.reason)}
    sale = by_id[part.sale.id]
    return {**figures, "sale": {name: sale[name] for name in _OF_SALE}}


def _update(document: Document, without_sample: bool) -> UpdateOne:
    """Return the write of a document, unless a newer one, or one of the same lines, is stored."""
    after = {"without_sample": True} if without_sample else {}
    new = {"$mergeObjects": [{"$literal": document | after}, {"rebuilt_at": "$$NOW"}]}
    stored_without: Document = {"$ifNull": ["$without_sample", False]}
    newer = {"$gt": [document["lines"], {"$ifNull": ["$lines", 0]}]}
    other_version = {"$ne": ["$layout", document["layout"]]}
    same_sample_state = {
        "$and": [{"$eq": [stored_without, without_sample]}, {"$or": [newer, other_version]}]
    }
    sample_removed_since: Document = {"$gt": [without_sample, stored_without]}
    kept = {"$cond": [{"$or": [sample_removed_since, same_sample_state]}, new, "$$ROOT"]}
    return UpdateOne({"_id": document["_id"]}, [{"$replaceWith": kept}], upsert=True)


def _on(day: datetime) -> Document:
    return {"$gte": day, "$lt": day + _DAY}


def _grouped(lines: Iterable[Document], *names: str) -> Iterable[list[Document]]:
    """Return the lines that have the same values in the fields ``names``, group by group."""
    key, found = itemgetter(*names), defaultdict[Any, list[Document]](list)
    for line in lines:
        found[key(line)].append(line)
    return found.values()
