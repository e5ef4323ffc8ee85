"""The rollups' entries as tables of whole numbers, small enough to add up in milliseconds.

A text is its number in a :class:`Dictionary`, and money is in millionths of a pound: sums are
exact. A table has a row for each entry of a rollup, hence one for each order, not for each
transaction: about 50 bytes an order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from retail_pipeline.domain.days import EPOCH, day_number
from retail_pipeline.domain.returns import UnmatchedReason
from retail_pipeline.domain.transaction import Kind

KINDS = tuple(Kind)
SALE, CANCELLATION, ADJUSTMENT = range(3)
# The customer number of those who have none.
GUEST = 0
_MAX_INT64 = 2**63 - 1
# Held while a text gets its number: two threads never take the same one.
_NUMBERING = Lock()

Array = npt.NDArray[Any]
# A day's document: its date under "day", and a list for each field of its entries.
Columns = Mapping[str, Any]
Make = Callable[[Columns], Array]


class Dictionary(dict[str | None, int]):
    """The number of each text: a new text gets the next one. Safe to use from many threads."""

    def __init__(self, *known: str | None) -> None:
        super().__init__()
        self.texts: list[str | None] = []
        for text in known:
            self[text]  # takes the next number

    def __missing__(self, text: str | None) -> int:
        with _NUMBERING:
            if text not in self:
                # The text comes first: whoever sees a number can look up what it stands for.
                self.texts.append(text)
                self[text] = len(self.texts) - 1
            return self[text]

    def of(self, texts: Sequence[str | None]) -> Array:
        """Return the texts' numbers; a new text gets the next one."""
        return np.fromiter(map(self.__getitem__, texts), np.int32, len(texts))

    def known(self, texts: Iterable[str | None]) -> list[int]:
        """Return the numbers of those texts that have one."""
        return [self[text] for text in texts if text in self]


@dataclass
class Dictionaries:
    """What the numbers in the tables stand for."""

    invoices: Dictionary = field(default_factory=Dictionary)
    customers: Dictionary = field(default_factory=lambda: Dictionary(None))
    countries: Dictionary = field(default_factory=Dictionary)
    products: Dictionary = field(default_factory=Dictionary)
    kinds: Dictionary = field(default_factory=lambda: Dictionary(*(kind.value for kind in KINDS)))
    # Why units undo no sale; those that do undo one have none.
    reasons: Dictionary = field(default_factory=lambda: Dictionary(None, *UnmatchedReason))
    # Of cancellations, by the identity of their row.
    lines: Dictionary = field(default_factory=Dictionary)


def orders_table(days: Sequence[Columns], dictionaries: Dictionaries) -> pd.DataFrame:
    """Return a row for each order: an invoice's lines of one hour, customer, country and kind.

    Columns: day, hour, invoice, customer, country, fee, kind, lines, units, micros.
    """
    return _table(days, dictionaries, "hour", "invoice", "customer", "country", "fee", "kind")


def products_table(days: Sequence[Columns], dictionaries: Dictionaries) -> pd.DataFrame:
    """Return a row for each product, day, country and kind, guests' apart.

    Columns: day, product, country, guest, kind, invoices, lines, units, micros.
    """
    return _table(days, dictionaries, "product", "country", "guest", "kind", "invoices")


def duplicates_table(days: Sequence[Columns], dictionaries: Dictionaries) -> pd.DataFrame:
    """Return all but one line of each set of equal lines, with negative lines, units and micros.

    Appended to another table, they remove the duplicates. Columns: those of the orders and of the
    products, but for invoices.
    """
    names = ("hour", "invoice", "product", "customer", "country", "kind")
    table = _table(days, dictionaries, *names)
    for name in ("lines", "units", "micros"):
        table[name] = -table[name]
    return table.assign(guest=table["customer"] == GUEST)


def _table(days: Sequence[Columns], dictionaries: Dictionaries, *names: str) -> pd.DataFrame:
    makers = column_makers(dictionaries)
    return joined(
        days, {name: makers[name] for name in ("day", *names, "lines", "units", "micros")}
    )


def column_makers(dictionaries: Dictionaries) -> dict[str, Make]:
    """Return, by column, the function that makes it from the lists of a document."""
    return {
        "day": lambda each: np.full(len(each["lines"]), day_number(each["day"]), np.int32),
        "hour": lambda each: np.array(each["hour"], np.int8),
        "invoice": lambda each: dictionaries.invoices.of(each["InvoiceNo"]),
        "product": lambda each: dictionaries.products.of(each["StockCode"]),
        "customer": lambda each: dictionaries.customers.of(each["CustomerID"]),
        "country": lambda each: dictionaries.countries.of(each["Country"]),
        "fee": lambda each: np.array(each["fee"], bool),
        "guest": lambda each: np.array(each["guest"], bool),
        "kind": lambda each: dictionaries.kinds.of(each["kind"]).astype(np.int8),
        "invoices": lambda each: np.array(each["invoices"], np.int32),
        "lines": lambda each: np.array(each["lines"], np.int64),
        "units": lambda each: np.array(each["units"], np.int64),
        "micros": lambda each: money_array(each["micros"]),
    }


def joined(pieces: Sequence[Columns], makers: Mapping[str, Make]) -> pd.DataFrame:
    """Return the table of all pieces, each column made by its maker; without pieces, no rows."""
    given = pieces or [defaultdict(tuple, day=EPOCH)]
    return pd.DataFrame(
        {name: np.concatenate([make(each) for each in given]) for name, make in makers.items()}
    )


def money_array(micros: Sequence[int]) -> Array:
    """Return amounts in micros as int64, or as objects, exact but slower, beyond 64 bits."""
    try:
        return np.array(micros, np.int64)
    except OverflowError:
        return np.array(micros, object)


def safe(table: pd.DataFrame, name: str = "micros") -> pd.DataFrame:
    """Return the table with its money in a form whose sums can't run over."""
    amounts = table[name]
    if amounts.dtype == object or not len(amounts):
        return table
    largest = max(int(amounts.max()), -int(amounts.min()))
    return table if largest * len(amounts) <= _MAX_INT64 else table.astype({name: object})
