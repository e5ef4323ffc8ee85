"""Reads about one customer: the lines of an invoice, and what was bought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from pymongo import ASCENDING

from retail_pipeline.adapters.mongo.adapter import MongoAdapter
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.reads.filters import (
    LINE_FIELDS,
    StoredLine,
    matching,
    stored_line,
    within,
)
from retail_pipeline.domain.collections import TRANSACTIONS
from retail_pipeline.domain.fields import AMOUNT, CUSTOMER, DATE, INVOICE, KIND, PRODUCT, UNITS
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.transaction import Kind

_SECONDS = 30.0


class CustomerProduct(NamedTuple):
    """What a customer's lines of one product add up to.

    ``units`` are of sales, ``amount`` is in pounds, and ``last`` is the time of the last order, or
    None.
    """

    code: str
    lines: int
    units: int
    amount: Decimal
    orders: int
    last: datetime | None


class MongoCustomers(MongoAdapter):
    """Reads of one customer's transactions."""

    def lines(
        self,
        selection: Selection,
        customer: str,
        invoice: str,
        hours: Sequence[datetime],
        limit: int = 0,
    ) -> list[StoredLine]:
        """Return the customer's lines on an invoice that count, in the order of their time: the
        first ``limit``, or all of them for 0.

        ``hours`` are those of the invoice: by them the lines are found, through the index by date.
        """
        if not hours:
            return []
        whose = {INVOICE: {"$in": [invoice]}, CUSTOMER: {"$in": [customer]}}
        with self._within(_SECONDS):
            found = self._database[TRANSACTIONS].find(
                {"$and": [within(hours), whose, matching(selection)]},
                dict.fromkeys(LINE_FIELDS, 1),
                sort=[(DATE, ASCENDING)],
                hint="by_date",
                limit=limit,
            )
            lines = [stored_line(line) for line in found]
        if selection.duplicates:
            return lines
        # Exact duplicates differ in these two alone.
        return list({line._replace(id="", stored_at=datetime.min): line for line in lines}.values())

    def products(
        self, selection: Selection, customer: str, codes: Sequence[str]
    ) -> list[CustomerProduct]:
        """Return the sums of the customer's lines that count, by product; with exact duplicates.

        ``codes`` are the stock codes to look for: the index finds a customer's lines by product.
        """
        whose = {PRODUCT: {"$in": list(codes)}, CUSTOMER: {"$in": [customer]}}
        sold = {"$eq": [f"${KIND}", Kind.SALE]}
        figures = {
            "lines": {"$sum": 1},
            "units": {"$sum": {"$cond": [sold, f"${UNITS}", 0]}},
            "amount": {"$sum": f"${AMOUNT}"},
            "orders": {"$addToSet": {"$cond": [sold, f"${INVOICE}", "$$REMOVE"]}},
            "last": {"$max": {"$cond": [sold, f"${DATE}", None]}},
        }
        pipeline: list[Document] = [
            {"$match": {"$and": [whose, matching(selection)]}},
            {"$group": {"_id": f"${PRODUCT}", **figures}},
            {"$set": {"orders": {"$size": "$orders"}, "code": "$_id"}},
            {"$unset": "_id"},
        ]
        with self._within(_SECONDS):
            found = list(self._database[TRANSACTIONS].aggregate(pipeline, hint="by_product"))
        return [CustomerProduct(**each | {"amount": each["amount"].to_decimal()}) for each in found]
