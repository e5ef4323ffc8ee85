"""All rollups and returns as of one moment, and the rows of them that a selection keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

import numpy as np
import pandas as pd

from retail_pipeline.analytics.return_tables import by_sale, counted, returns_table
from retail_pipeline.analytics.tables import GUEST, KINDS, Array, Dictionaries
from retail_pipeline.domain.days import date_of_number, day_number
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.figures import Selection, Status
from retail_pipeline.domain.periods import Period

# Between a product's code and its name, where both are given.
NAMED = " · "


@dataclass(frozen=True)
class Snapshot:
    """The three rollups' tables, and that of the returns, as of ``at`` (UTC).

    ``version`` changes whenever they do. ``names`` gives each product's description as last sold.
    ``since`` is the first day loaded, where memory lacks room for earlier days.
    """

    orders: pd.DataFrame
    products: pd.DataFrame
    duplicates: pd.DataFrame
    dictionaries: Dictionaries
    status: Status
    at: datetime
    version: int
    names: dict[str, str] = field(default_factory=dict)
    returns: pd.DataFrame = field(default_factory=lambda: returns_table([], Dictionaries()))
    since: date | None = None

    @property
    def days(self) -> Period | None:
        """The first and the last day with a transaction; None while there is none."""
        days = self.orders["day"]
        return Period(date_of_number(days.min()), date_of_number(days.max())) if len(days) else None

    @cached_property
    def countries(self) -> tuple[str | None, ...]:
        """The countries there are, in the alphabet's order, and then None if some have none."""
        numbers = np.unique(self.orders["country"])
        found = [self.dictionaries.countries.texts[number] for number in numbers]
        return tuple(sorted(found, key=lambda name: (name is None, name)))

    @cached_property
    def labels(self) -> dict[str, str]:
        """The products there are, by code: code and name, or the code alone where it has none."""
        numbers = np.unique(self.products["product"])
        codes = sorted(str(self.dictionaries.products.texts[number]) for number in numbers)
        names = self.names
        return {
            code: f"{code}{NAMED}{names[code].strip()}" if code in names else code for code in codes
        }

    def label(self, product: str) -> str:
        """Return a product's code and name; one of another rollup may not be among ``labels``."""
        return self.labels.get(product, product)

    def name(self, product: str) -> str:
        """Return a product's name, or its code where it has none."""
        return self.names.get(product, product).strip() or product

    def loaded(self, selection: Selection) -> Selection:
        """Return the selection without the days before ``since``, which are not loaded."""
        if self.since is None or selection.first >= self.since:
            return selection
        return replace(selection, first=self.since)

    def order_rows(
        self, selection: Selection, of_products: pd.DataFrame | None = None
    ) -> pd.DataFrame:
        """Return the rows of the orders that count.

        ``of_products`` is the orders' table of the selected products alone, since the rollup has no
        products. If duplicates don't count, their negative rows are appended.
        """
        table = self.orders if of_products is None else of_products
        found = table[_kept(table, self.dictionaries, self.loaded(selection))]
        return self._less_duplicates(found, selection)

    def product_rows(self, selection: Selection) -> pd.DataFrame:
        """Return the rows of the products that count."""
        found = self.products[_kept(self.products, self.dictionaries, selection)]
        return self._less_duplicates(found, selection)

    def duplicate_rows(self, selection: Selection) -> pd.DataFrame:
        """Return the rows of the duplicates that count; their sums are negative."""
        return self.duplicates[_kept(self.duplicates, self.dictionaries, selection)]

    def return_rows(self, selection: Selection) -> pd.DataFrame:
        """Return the parts of the cancellations of goods that count."""
        return self._returns_of(self.returns, selection)

    def undone_rows(self, selection: Selection) -> pd.DataFrame:
        """Return the parts that undo a sale that counts, with the day and country of the sale."""
        return self._returns_of(by_sale(self.returns), selection)

    def _returns_of(self, table: pd.DataFrame, selection: Selection) -> pd.DataFrame:
        kept = _kept(table, self.dictionaries, self.loaded(selection))
        return table[kept & counted(table, selection.duplicates)]

    def _less_duplicates(self, found: pd.DataFrame, selection: Selection) -> pd.DataFrame:
        if selection.duplicates:
            return found
        taken = self.duplicate_rows(selection)
        more = taken.assign(fee=_fees(taken, self.dictionaries), invoices=0)
        return pd.concat([found, more[list(found.columns)]], ignore_index=True)


def _kept(table: pd.DataFrame, dictionaries: Dictionaries, selection: Selection) -> Array:
    """Return which rows count."""
    days = table["day"].to_numpy()
    kept = (days >= day_number(selection.first)) & (days <= day_number(selection.last))
    if selection.countries:
        kept &= np.isin(table["country"], dictionaries.countries.known(selection.countries))
    if selection.products and "product" in table:
        kept &= np.isin(table["product"], dictionaries.products.known(selection.products))
    known, guests = selection.kept_customers
    if not known:
        kept &= _guests(table)
    if not guests:
        kept &= ~_guests(table)
    if len(selection.kept_kinds) < len(KINDS):
        kept &= np.isin(table["kind"], [KINDS.index(kind) for kind in selection.kept_kinds])
    if not selection.adjustments:
        kept &= ~_fees(table, dictionaries)
    return kept


def _guests(table: pd.DataFrame) -> Array:
    guests: Array = (table["guest"] if "guest" in table else table["customer"] == GUEST).to_numpy()
    return guests


def _fees(table: pd.DataFrame, dictionaries: Dictionaries) -> Array:
    """Return which rows are of fee codes."""
    if "fee" in table:
        return table["fee"].to_numpy(bool)
    return np.isin(table["product"], dictionaries.products.known(FEES))
