"""Sums by customer, and who came for the first time.

Only customers with a number can be identified: guests are in none of these tables but for
:func:`split`, which says how much they are.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from retail_pipeline.analytics.sums import distinct, starts, sums_by
from retail_pipeline.analytics.tables import GUEST, SALE, Array, Dictionaries
from retail_pipeline.domain.days import moment_of_hour
from retail_pipeline.domain.periods import Unit

# The day of those who have none.
NO_DAY = -1


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the customers with a number, and the guests' rows."""
    guests = (rows["customer"] == GUEST).to_numpy()
    return rows[~guests], rows[guests]


def by_customer(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each customer with a line among ``rows``.

    The index is the customer's number in the dictionary. The columns are those of
    :func:`retail_pipeline.analytics.sums.sums_by`, money in millionths of a pound, and ``first``
    and ``last``: the days of the first and the last order, NO_DAY where there is no order.
    """
    known, _ = split(rows)
    table = sums_by(known, known["customer"].to_numpy())
    days = _order_days(known).reindex(table.index, fill_value=NO_DAY)
    table["first"], table["last"] = days["first"].astype(int), days["last"].astype(int)
    return table


def ranked(customers: pd.DataFrame, dictionaries: Dictionaries) -> pd.DataFrame:
    """Return the customers, the highest net sales first and equal ones by number, which is a new
    column, ``number``."""
    texts = dictionaries.customers.texts
    named = customers.assign(number=[texts[place] for place in customers.index])
    return named.sort_values(["net", "number"], ascending=[False, True], kind="stable")


def first_orders(rows: pd.DataFrame) -> pd.Series:
    """Return the day of each customer's first order among ``rows``."""
    days: pd.Series = _order_days(split(rows)[0])["first"]
    return days


def _order_days(known: pd.DataFrame) -> pd.DataFrame:
    """Return the first and the last day with an order; a customer without one has no row."""
    sold = known[(known["kind"] == SALE).to_numpy()]
    days = sold.groupby("customer")["day"]
    return pd.DataFrame({"first": days.min(), "last": days.max()})


def new_and_returning(
    rows: pd.DataFrame, first: pd.Series, unit: Unit
) -> list[tuple[datetime, dict[str, int]]]:
    """Return, for each day, week or month with an order of a known customer, who came.

    A customer is new in the one that holds the ``first`` order, and returning in those after it:
    ``new`` and ``returning`` count customers, ``new_gross`` and ``returning_gross`` are their
    gross sales in millionths of a pound.
    """
    known, _ = split(rows)
    sold = known[(known["kind"] == SALE).to_numpy()]
    at, whose = starts(sold, unit), sold["customer"].to_numpy()
    began = starts(pd.DataFrame({"day": first.reindex(whose).to_numpy()}), unit)
    returned = (at > began).astype(np.int64)
    table = sold["micros"].groupby([at, returned]).sum().unstack(fill_value=0)
    places = table.index.get_indexer(pd.Index(at))
    counts = distinct(places * 2 + returned, whose, len(table) * 2).reshape(-1, 2)
    gross = table.reindex(columns=[0, 1], fill_value=0).to_numpy()
    names = ("new", "returning", "new_gross", "returning_gross")
    found = zip(table.index, np.hstack([counts, gross]).tolist(), strict=True)
    return [(moment_of_hour(hours), dict(zip(names, row, strict=True))) for hours, row in found]


def by_invoice(rows: pd.DataFrame, dictionaries: Dictionaries) -> pd.DataFrame:
    """Return a row for each invoice, the newest first and of one hour the highest number.

    The columns are those of ``sums_by``; ``number``, that of the invoice; and ``start`` and
    ``end``, the first and the last of its hours, counted since 1970.
    """
    table = sums_by(rows, rows["invoice"].to_numpy())
    hours: Array = starts(rows, "hour")
    when = pd.Series(hours).groupby(rows["invoice"].to_numpy()).agg(start="min", end="max")
    table["start"], table["end"] = when["start"], when["end"]
    texts = dictionaries.invoices.texts
    table["number"] = [str(texts[place]) for place in table.index]
    return table.sort_values(["start", "end", "number"], ascending=False)


def countries(rows: pd.DataFrame) -> pd.Series:
    """Return the number of each customer's country, as the newest of the rows have it."""
    newest = np.argsort(starts(rows, "hour"), kind="stable")
    return rows.iloc[newest].groupby("customer")["country"].last()
