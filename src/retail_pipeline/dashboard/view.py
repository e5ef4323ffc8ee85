"""What a page draws from: the snapshot, what the viewer chose, and the rows that it leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import ClassVar

import pandas as pd

from retail_pipeline.analytics import sums
from retail_pipeline.analytics.snapshot import Snapshot
from retail_pipeline.dashboard import data, format
from retail_pipeline.dashboard.filters import Choice
from retail_pipeline.domain.figures import Figures, Selection
from retail_pipeline.domain.periods import Period


@dataclass(frozen=True)
class View:
    """One viewer's page at one moment; ``days`` are all those with data."""

    snapshot: Snapshot
    choice: Choice
    days: Period
    _whose: ClassVar[str] = ""

    @cached_property
    def period(self) -> Period:
        """The days chosen."""
        return self.choice.period(self.days)

    @cached_property
    def selection(self) -> Selection:
        """Which transactions count; days that are not loaded are left out."""
        return self.snapshot.loaded(self.choice.selection(self.days))

    @property
    def as_of(self) -> str:
        """When MongoDB was last read, with the date if that is not today."""
        at = self.snapshot.at
        date = "" if at.date() == datetime.now(UTC).date() else f"{format.day(at)}, "
        return f"{date}{at:%H:%M:%S} UTC"

    @cached_property
    def orders(self) -> pd.DataFrame:
        """The rows of the orders that count."""
        return self.orders_of(self.selection)

    @cached_property
    def products(self) -> pd.DataFrame:
        """The rows of the products that count."""
        return self.snapshot.product_rows(self.selection)

    @cached_property
    def returns(self) -> pd.DataFrame:
        """The parts of the cancellations of goods that count."""
        return self.snapshot.return_rows(self.selection)

    @cached_property
    def undone(self) -> pd.DataFrame:
        """The parts that undo sales that count, whenever the goods came back."""
        return self.snapshot.undone_rows(self.selection)

    @cached_property
    def figures(self) -> Figures:
        """The sums over all that counts."""
        return sums.figures(self.orders)

    @cached_property
    def total_lines(self) -> int:
        """How many rows are stored and summarised, whatever the filters."""
        return int(self.mine(self.snapshot.orders)["lines"].sum())

    @property
    def stored(self) -> str:
        """How many rows are stored, in words."""
        return f"{format.counted(self.total_lines, 'row')}{self._whose} stored"

    @cached_property
    def _of_products(self) -> pd.DataFrame | None:
        chosen = self.choice.products
        return data.orders_of_products(chosen, self.snapshot) if chosen else None

    def mine(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that this page is about, whatever the filters: here all of them."""
        return rows

    def orders_of(self, selection: Selection) -> pd.DataFrame:
        """Return the rows of the orders of another selection, of the same products."""
        return self.mine(self.snapshot.order_rows(selection, self._of_products))

    def during(self, period: Period) -> pd.DataFrame:
        """Return the rows of the orders of other days, under the same filters."""
        return self.orders_of(replace(self.selection, first=period.first, last=period.last))


@dataclass(frozen=True)
class OneCustomer(View):
    """What there is of one customer; ``place`` is the customer's number in the dictionary."""

    place: int
    number: str
    _whose: ClassVar[str] = " of this customer"

    def mine(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the customer's rows."""
        return rows[(rows["customer"] == self.place).to_numpy()]
