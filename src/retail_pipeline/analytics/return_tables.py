"""Returns as a table: a row for each part of a cancellation of goods.

A part is of units that undo one sale, or that undo none for one reason; see
:mod:`retail_pipeline.domain.returns`. Lines of fee codes are no goods, and in no row here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from retail_pipeline.analytics.tables import (
    CANCELLATION,
    Array,
    Columns,
    Dictionaries,
    Make,
    column_makers,
    joined,
    money_array,
    safe,
)
from retail_pipeline.domain.days import DAY_MS
from retail_pipeline.domain.returns import DuplicateMode

# The number of "no reason": the units undo a sale.
MATCHED = 0
_MINUTE_MS = 60_000


def returns_table(pieces: Sequence[Columns], dictionaries: Dictionaries) -> pd.DataFrame:
    """Return a row for each part.

    Columns: line (a cancellation's number), day, returned (in minutes since 1970), invoice,
    product, customer, country, kind, duplicate_mode, reason, units (above zero where goods come
    back), micros (below zero); and of the sale, for parts that undo one: sold_day, sold (in
    minutes), sold_invoice, sold_country, sold_micros (what the units were sold for).
    """
    makers = column_makers(dictionaries)
    columns: dict[str, Make] = {
        "line": lambda each: dictionaries.lines.of(each["line"]),
        "day": lambda each: _since(each["returned"], DAY_MS),
        "returned": lambda each: _since(each["returned"], _MINUTE_MS),
        **{name: makers[name] for name in ("invoice", "product", "customer", "country")},
        "kind": lambda each: np.full(len(each["line"]), CANCELLATION, np.int8),
        "duplicate_mode": lambda each: np.array(each["duplicate_mode"], np.int8),
        "reason": lambda each: dictionaries.reasons.of(each["reason"]).astype(np.int8),
        **{name: makers[name] for name in ("units", "micros")},
        "sold_day": lambda each: _since(each["sold"], DAY_MS),
        "sold": lambda each: _since(each["sold"], _MINUTE_MS),
        "sold_invoice": lambda each: dictionaries.invoices.of(each["sold_invoice"]),
        "sold_country": lambda each: dictionaries.countries.of(each["sold_country"]),
        "sold_micros": lambda each: money_array([value or 0 for value in each["sold_micros"]]),
    }
    return safe(safe(joined(pieces, columns)), "sold_micros")


def _since(milliseconds: Sequence[int | None], unit: int) -> Array:
    """Return whole units since 1970; 0 where there is no moment."""
    moments = np.fromiter((each or 0 for each in milliseconds), np.int64, len(milliseconds))
    return (moments // unit).astype(np.int32)


def by_sale(table: pd.DataFrame) -> pd.DataFrame:
    """Return the parts that undo a sale, each on the day and in the country of that sale."""
    found = table[table["reason"] == MATCHED]
    return found.assign(day=found["sold_day"], country=found["sold_country"])


def counted(table: pd.DataFrame, duplicates: bool) -> Array:
    """Return which rows count, with or without exact duplicate lines."""
    other = DuplicateMode.WITHOUT_DUPLICATES if duplicates else DuplicateMode.WITH_DUPLICATES
    found: Array = (table["duplicate_mode"] != other).to_numpy()
    return found
