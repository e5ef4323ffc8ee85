"""Which sales cancellations undo, worked out from a frame of lines, and sums of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
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
    histories: dict[tuple[str, str], list[Any]] = defaultdict(list)
    line: Any
    for line in goods.itertuples():
        if not pd.isna(line.CustomerID):
            histories[line.CustomerID, line.StockCode].append(line)
        elif line.kind == "cancellation":
            parts.append((line.Index, -1, "guest", -line.Quantity, -line.amount))
    for _, history in sorted(histories.items()):
        parts.extend(_of_one(history))
    return pd.DataFrame(parts, columns=list(COLUMNS))


def _of_one(history: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Match the lines of one customer and product, newest sale first, one unit at a time."""
    parts: list[tuple[Any, ...]] = []
    sales = [line for line in history if line.kind == "sale"]
    left = {sale.Index: sale.Quantity for sale in sales}
    cancellations = [line for line in history if line.kind == "cancellation"]
    for line in sorted(cancellations, key=lambda each: (each.InvoiceDate, each.row)):
        price = Decimal(line.UnitPrice)
        before = [sale for sale in sales if sale.InvoiceDate <= line.InvoiceDate]
        before.sort(key=lambda each: (each.InvoiceDate, each.row), reverse=True)
        # A sale at the cancellation's price comes first.
        before.sort(key=lambda each: Decimal(each.UnitPrice) != price)
        undone: dict[object, int] = {}
        for _ in range(-line.Quantity):
            sale = next((each.Index for each in before if left[each.Index]), None)
            undone[sale] = undone.get(sale, 0) + 1
            if sale is not None:
                left[sale] -= 1
        for sale, units in undone.items():
            why = "more than was sold" if before else "no earlier sale"
            known = sale is not None
            parts.append(
                (line.Index, sale if known else -1, "" if known else why, units, units * price)
            )
    return parts
