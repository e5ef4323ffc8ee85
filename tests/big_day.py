"""A day that is too large to be summarised, made in a second: its lines are few, and very long."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymongo.database import Database

from retail_pipeline.adapters.mongo.store import as_documents, mark_dirty
from tests import shop

# One entry of the rollups is longer than this, and MongoDB's limit is 16 MB.
_LONG = 1_000
ROWS = 17_000


def store_too_large(database: Database[Any], day: datetime, rows: int = ROWS) -> None:
    """Store and mark a day whose orders and products fit into no document.

    One more product is sold and cancelled on it. ``database`` is one of somebody who may pass over
    the validator: no row that it lets through is so long.
    """
    source = "f" * 16
    lines = [
        shop.transaction(
            row,
            source=source,
            InvoiceNo=f"6{row:05}",
            StockCode=f"{row:05}",
            InvoiceDate=day + timedelta(seconds=row),
        )
        for row in range(2, rows)
    ]
    back = {"InvoiceNo": "C600000", "Quantity": -1, "InvoiceDate": day + timedelta(hours=23)}
    lines += [
        shop.transaction(rows, source=source, InvoiceDate=day + timedelta(hours=9)),
        shop.transaction(rows + 1, source=source, **back),
    ]
    documents = as_documents(lines, day)
    for each in documents[: rows - 2]:
        each |= {"Country": each["InvoiceNo"] + "x" * _LONG}
        each |= {"Description": each["InvoiceNo"] + "y" * _LONG}
    database.transactions.insert_many(documents, ordered=False, bypass_document_validation=True)
    mark_dirty(database, [day])
