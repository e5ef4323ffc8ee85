"""Which sales cancellations undo, worked out from a frame of lines, and sums of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd

from retail_pipeline.domain.fees import FEES
from tests.shop import LINE

COLUMNS = ("line", "sale", "reason", "units", "value")


def matched(table: pd.DataFrame, *, duplicates: bool = True) -> pd.DataFrame:
    """Return a row for each part of each cancellation of goods among the lines of ``table``.

    Columns: line and sale (places in ``table``; a sale of -1 is none), reason, units, value.
    """
    lines = table if duplicates else table[~table.duplicated(list(LINE))]
    goods = lines[~lines["StockCode"].isin(list(FEES))]
    parts: list[tuple[Any, ...]] = []
    guests = goods["CustomerID"].map(lambda customer: customer is None).astype(bool)
    for place, line in goods[guests & (goods["kind"] == "cancellation")].iterrows():
        parts.append((place, -1, "guest", -line["Quantity"], -line["amount"]))
    for _, group in goods[~guests].groupby(["CustomerID", "StockCode"]):
        parts.extend(_of_one(group))
    return pd.DataFrame(parts, columns=list(COLUMNS))


def _of_one(group: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Match the lines of one customer and product, newest sale first, one unit at a time."""
    parts: list[tuple[Any, ...]] = []
    left = dict(group[group["kind"] == "sale"]["Quantity"])
    cancellations = group[group["kind"] == "cancellation"]
    for place, line in cancellations.sort_values(["InvoiceDate", "row"]).iterrows():
        before = group[(group["kind"] == "sale") & (group["InvoiceDate"] <= line["InvoiceDate"])]
        price = Decimal(line["UnitPrice"])
        before = before.assign(other=before["UnitPrice"].map(Decimal) != price)
        ordered = before.sort_values(
            ["other", "InvoiceDate", "row"], ascending=[True, False, False]
        )
        undone: dict[object, int] = {}
        for _ in range(-line["Quantity"]):
            sale = next((each for each in ordered.index if left[each]), None)
            undone[sale] = undone.get(sale, 0) + 1
            if sale is not None:
                left[sale] -= 1
        for sale, units in undone.items():
            why = "more than was sold" if len(ordered) else "no earlier sale"
            known = sale is not None
            parts.append((place, sale if known else -1, "" if known else why, units, units * price))
    return parts
