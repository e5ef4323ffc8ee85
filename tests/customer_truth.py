"""The figures of customers, worked out by plain pandas and sets over the lines themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import pandas as pd

from retail_pipeline.analytics.rfm import SEGMENTS


class Customer(NamedTuple):
    """The figures of one customer."""

    net: Decimal
    gross: Decimal
    orders: int
    cancellations: int
    units: int
    first: date | None
    last: date | None


def known(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of customers with a number."""
    return rows[rows["CustomerID"].notna()]


def by_customer(rows: pd.DataFrame) -> dict[str, Customer]:
    """Return each customer's figures."""
    found = {}
    for number, lines in known(rows).groupby("CustomerID"):
        sold = lines[lines["kind"] == "sale"]
        cancelled = lines[lines["kind"] == "cancellation"]
        found[str(number)] = Customer(
            sum(lines["amount"], Decimal(0)),
            sum(sold["amount"], Decimal(0)),
            sold["InvoiceNo"].nunique(),
            cancelled["InvoiceNo"].nunique(),
            sum(sold["Quantity"]),
            min(sold["day"], default=None),
            max(sold["day"], default=None),
        )
    return found


def score(value: Decimal | int, values: Iterable[Decimal | int]) -> int:
    """Return the fifth that the middle of the values equal to ``value`` lies in."""
    every = list(values)
    below, equal = sum(each < value for each in every), sum(each == value for each in every)
    return 1 + math.floor(5 * (below + Fraction(equal, 2)) / len(every))


def segments(rows: pd.DataFrame, as_of: date) -> dict[str, tuple[int, int, int, str]]:
    """Return the three scores and the segment of each customer with an order."""
    names = {scores: name for name, every in SEGMENTS.items() for scores in every.split()}
    bought = {number: each for number, each in by_customer(rows).items() if each.last is not None}
    ago = {number: (as_of - (each.last or as_of)).days for number, each in bought.items()}
    found = {}
    for number, each in bought.items():
        r = score(-ago[number], [-days for days in ago.values()])
        f = score(each.orders, [other.orders for other in bought.values()])
        m = score(each.net, [other.net for other in bought.values()])
        found[number] = (r, f, m, names[f"{r}{f}{m}"])
    return found


def months_active(rows: pd.DataFrame) -> dict[str, set[int]]:
    """Return the months in which each customer ordered, counted since the year 0."""
    sold = known(rows)[lambda lines: lines["kind"] == "sale"]
    return {
        str(number): {day.year * 12 + day.month - 1 for day in lines["day"]}
        for number, lines in sold.groupby("CustomerID")
    }


def retention(rows: pd.DataFrame) -> dict[tuple[int, int], int]:
    """Return how many of those who began in a month ordered so many months later."""
    found: dict[tuple[int, int], int] = {}
    for months in months_active(rows).values():
        begun = min(months)
        for month in months:
            found[begun, month - begun] = found.get((begun, month - begun), 0) + 1
    return found


def new_and_returning(rows: pd.DataFrame, reach: pd.DataFrame) -> dict[date, tuple[int, int]]:
    """Return how many new and how many returning customers ordered in each week of ``rows``."""
    first = {number: each.first for number, each in by_customer(reach).items()}
    sold = known(rows)[lambda lines: lines["kind"] == "sale"]
    weeks = sold["day"].map(lambda day: day - timedelta(days=day.weekday()))
    found = {}
    for monday, lines in sold.groupby(weeks):
        numbers = set(lines["CustomerID"])
        new = {number for number in numbers if (first[number] or monday) >= monday}
        found[monday] = (len(new), len(numbers - new))
    return found
