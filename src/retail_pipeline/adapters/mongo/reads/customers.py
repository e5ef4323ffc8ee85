"""Reads about one customer: the lines of an invoice, and what was bought."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pymongo
from pymongo import ASCENDING, MongoClient

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.adapters.mongo.reads.filters import LINE_FIELDS, exact, matching, within
from retail_pipeline.domain.collections import TRANSACTIONS
from retail_pipeline.domain.fields import LINE_IDENTITY
from retail_pipeline.domain.report import Selection
from retail_pipeline.domain.transaction import Kind

_SECONDS = 30.0


class MongoCustomers:
    """Reads of one customer's transactions. Each raises TransientError while MongoDB is away, and
    PermanentError when the user lacks the rights."""

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        self._transactions = client[database][TRANSACTIONS]

    def lines(
        self,
        selection: Selection,
        customer: str,
        invoice: str,
        hours: Sequence[datetime],
        limit: int = 0,
    ) -> list[Document]:
        """Return the customer's lines on an invoice that count, in the order of their time: the
        first ``limit``, or all of them for 0; amounts and prices are Decimal.

        ``hours`` are those of the invoice: by them the lines are found, through the index by date.
        """
        if not hours:
            return []
        whose = {"InvoiceNo": {"$in": [invoice]}, "CustomerID": {"$in": [customer]}}
        with translated(self._client), pymongo.timeout(_SECONDS):
            found = self._transactions.find(
                {"$and": [within(hours), whose, matching(selection)]},
                dict.fromkeys(LINE_FIELDS, 1),
                sort=[("InvoiceDate", ASCENDING)],
                hint="by_date",
                limit=limit,
            )
            lines = [exact(line) for line in found]
        if selection.duplicates:
            return lines
        return list(
            {tuple(line.get(name) for name in LINE_IDENTITY): line for line in lines}.values()
        )

    def products(self, selection: Selection, customer: str, codes: Sequence[str]) -> list[Document]:
        """Return what the customer's lines that count add up to for each of the products; of
        duplicates it knows nothing.

        ``codes`` are the stock codes to look for: the index finds a customer's lines by product.
        A document has the code as _id; lines, units (of sales), amount (Decimal), the number of
        orders, and the last time of one, or None.
        """
        whose = {"StockCode": {"$in": list(codes)}, "CustomerID": {"$in": [customer]}}
        sold = {"$eq": ["$kind", Kind.SALE]}
        figures = {
            "lines": {"$sum": 1},
            "units": {"$sum": {"$cond": [sold, "$Quantity", 0]}},
            "amount": {"$sum": "$TotalAmount"},
            "orders": {"$addToSet": {"$cond": [sold, "$InvoiceNo", "$$REMOVE"]}},
            "last": {"$max": {"$cond": [sold, "$InvoiceDate", None]}},
        }
        pipeline: list[Document] = [
            {"$match": {"$and": [whose, matching(selection)]}},
            {"$group": {"_id": "$StockCode", **figures}},
            {"$set": {"orders": {"$size": "$orders"}}},
        ]
        with translated(self._client), pymongo.timeout(_SECONDS):
            found = list(self._transactions.aggregate(pipeline, hint="by_product"))
        return [each | {"amount": each["amount"].to_decimal()} for each in found]
