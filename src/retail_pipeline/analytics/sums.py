"""Sums over the rows of the orders: figures of all of them, and by time, country and hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import numpy as np
import pandas as pd

from retail_pipeline.analytics.tables import (
    ADJUSTMENT,
    CANCELLATION,
    GUEST,
    SALE,
    Array,
    Dictionaries,
)
from retail_pipeline.domain.days import date_of_number, day_number, moment_of_hour
from retail_pipeline.domain.figures import Figures
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.periods import Period, Shift, Unit

# Sums by the start of an hour, day, week or month.
Timeline = Sequence[tuple[datetime, Figures]]
_MONEY = ("net", "gross", "cancelled", "adjusted", "guest_gross")


def net(rows: pd.DataFrame) -> Decimal:
    """Return what all rows add up to, in pounds sterling."""
    return from_micros(int(rows["micros"].sum()))


def pounds_column(micros: pd.Series) -> pd.Series:
    """Return a column of micros as pounds, exact."""
    return pd.Series([from_micros(each) for each in micros], index=micros.index, dtype=object)


def figures(rows: pd.DataFrame) -> Figures:
    """Return the sums over all rows."""
    if not len(rows):
        return Figures()
    [found] = figures_by(rows, np.zeros(len(rows), np.int64)).values()
    return found


def figures_by(rows: pd.DataFrame, keys: Array) -> dict[int, Figures]:
    """Return the sums over the rows of each key, in the keys' order."""
    table = sums_by(rows, keys)
    names = list(table.columns)
    columns = [
        [from_micros(value) for value in table[name]] if name in _MONEY else table[name].tolist()
        for name in names
    ]
    made = (Figures(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True))
    return dict(zip(table.index.tolist(), made, strict=True))


def sums_by(rows: pd.DataFrame, keys: Array) -> pd.DataFrame:
    """Return a row for each key with the fields of Figures; money is in millionths of a pound."""
    kind, amount = rows["kind"].to_numpy(), rows["micros"].to_numpy()
    sale, guest = kind == SALE, rows["customer"].to_numpy() == GUEST
    sums = pd.DataFrame(
        {
            "net": amount,
            "gross": np.where(sale, amount, 0),
            "cancelled": np.where(kind == CANCELLATION, amount, 0),
            "adjusted": np.where(kind == ADJUSTMENT, amount, 0),
            "guest_gross": np.where(sale & guest, amount, 0),
            "units": np.where(sale, rows["units"], 0),
            "lines": rows["lines"].to_numpy(),
        }
    )
    table = sums.groupby(np.asarray(keys)).sum()
    places = table.index.get_indexer(pd.Index(keys))
    for name, field, which in (
        ("orders", "invoice", sale),
        ("cancellations", "invoice", kind == CANCELLATION),
        ("customers", "customer", sale & ~guest),
    ):
        table[name] = distinct(places[which], rows[field].to_numpy()[which], len(table))
    return table


def distinct(places: Array, values: Array, count: int) -> Array:
    """Return how many different values there are in each of ``count`` places."""
    span = int(values.max()) + 1 if len(values) else 1
    pairs = pd.unique(places.astype(np.int64) * span + values)
    return np.bincount(pairs // span, minlength=count)


def timeline(rows: pd.DataFrame, unit: Unit) -> list[tuple[datetime, Figures]]:
    """Return the sums for each hour, day, week (from Monday) or month with a transaction."""
    found = figures_by(rows, starts(rows, unit))
    return [(moment_of_hour(hours), each) for hours, each in found.items()]


def in_each(found: Sequence[tuple[datetime, Figures]], period: Period, unit: Unit) -> list[Figures]:
    """Return a timeline's sums for each hour, day, week or month of the period, also empty ones."""
    by_start = dict(found)
    return [by_start.get(start, Figures()) for start in period.starts(unit)]


def moved(rows: pd.DataFrame, shift: Shift) -> pd.DataFrame:
    """Return rows with their days moved forward to the days that they are compared with."""
    days, places = np.unique(rows["day"].to_numpy(), return_inverse=True)
    later = [day_number(shift.forward(date_of_number(day))) for day in days]
    return rows.assign(day=np.asarray(later, days.dtype)[places])


def beside(
    before: Timeline, period: Period, unit: Unit, shift: Shift
) -> list[tuple[Period | None, Decimal | None]]:
    """Return the earlier days that stand beside each unit of the period, and their net sales.

    ``before`` is the timeline of what was :func:`moved`.
    """
    days = [period.beside(start, unit, shift) for start in period.starts(unit)]
    sold = in_each(before, period, unit)
    return [(each, found.net if each else None) for each, found in zip(days, sold, strict=True)]


def starts(rows: pd.DataFrame, unit: Unit) -> Array:
    """Return the start of each row's hour, day, week or month, in hours since 1970."""
    days = rows["day"].to_numpy().astype(np.int64)
    if unit == "hour":
        return np.asarray(days * 24 + rows["hour"].to_numpy())
    if unit == "week":
        days = days - (days + 3) % 7  # 1 January 1970 was a Thursday
    elif unit == "month":
        months = days.astype("datetime64[D]").astype("datetime64[M]")
        days = months.astype("datetime64[D]").astype(np.int64)
    return np.asarray(days * 24)


def by_country(rows: pd.DataFrame, dictionaries: Dictionaries) -> list[tuple[str | None, Figures]]:
    """Return the sums of each country, the highest net sales first."""
    found = figures_by(rows, rows["country"].to_numpy())
    named = [(dictionaries.countries.texts[number], each) for number, each in found.items()]
    return sorted(named, key=lambda pair: (-pair[1].net, pair[0] is None, pair[0]))


def by_weekday_and_hour(rows: pd.DataFrame) -> dict[tuple[int, int], Figures]:
    """Return the sums of each hour of each day of the week; Monday is 0."""
    weekdays = (rows["day"].to_numpy().astype(np.int64) + 3) % 7
    found = figures_by(rows, weekdays * 24 + rows["hour"].to_numpy())
    return {(key // 24, key % 24): each for key, each in found.items()}
