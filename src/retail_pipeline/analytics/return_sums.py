"""Sums over the parts of the returns: what is matched, how long it took, and how much comes back.

Rows are those of :func:`retail_pipeline.analytics.return_tables.returns_table`; units that came
back count above zero, and so does their money here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from retail_pipeline.analytics.return_tables import MATCHED
from retail_pipeline.analytics.sums import distinct, pounds_column, starts
from retail_pipeline.analytics.tables import SALE, Array, Dictionaries
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.periods import Unit

# Whole days from the sale to the return: the first of each bar, up to the day before the next.
DAYS_FROM = (0, 1, 2, 4, 8, 15, 31, 61, 91, 181)
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True)
class Returned:
    """What came back: cancellation lines of goods, their units and money, and what is matched."""

    lines: int = 0
    units: int = 0
    value: Decimal = Decimal(0)
    matched_units: int = 0
    matched_value: Decimal = Decimal(0)

    @property
    def matched_share(self) -> float | None:
        """The part of the units that undo a sale; None where nothing came back."""
        return self.matched_units / self.units if self.units else None

    @property
    def matched_value_share(self) -> float | None:
        """The part of the money that undoes a sale; None where nothing came back."""
        return float(self.matched_value / self.value) if self.value else None


def returned(rows: pd.DataFrame) -> Returned:
    """Return the sums over all rows."""
    matched = rows[rows["reason"] == MATCHED]
    return Returned(
        lines=int(rows["line"].nunique()),
        units=int(rows["units"].sum()),
        value=from_micros(-int(rows["micros"].sum())),
        matched_units=int(matched["units"].sum()),
        matched_value=from_micros(-int(matched["micros"].sum())),
    )


def by_reason(rows: pd.DataFrame, dictionaries: Dictionaries) -> pd.DataFrame:
    """Return a row for each reason for undoing no sale, and for none: the most units first.

    Columns: reason (None for what is matched), lines, units, value. A cancellation that is matched
    in part has its line in two rows.
    """
    reasons = rows["reason"].to_numpy()
    table = _sums(rows, reasons)
    table.insert(0, "reason", [dictionaries.reasons.texts[number] for number in table.index])
    table["reason"] = table["reason"].astype(object).where(table.index != MATCHED, None)
    return table.sort_values("units", ascending=False, kind="stable").reset_index(drop=True)


def timeline(rows: pd.DataFrame, unit: Unit) -> pd.DataFrame:
    """Return the value that came back in each hour, day, week or month, matched and not.

    Columns: start (hours since 1970), matched, unmatched (pounds, Decimal).
    """
    hours = starts(rows.assign(hour=rows["returned"] // 60 % 24), unit)
    matched = rows["reason"].to_numpy() == MATCHED
    value = -rows["micros"].to_numpy()
    parts = pd.DataFrame(
        {"matched": np.where(matched, value, 0), "unmatched": np.where(matched, 0, value)}
    )
    found = parts.groupby(hours).sum().rename_axis("start")
    return found.apply(pounds_column).reset_index()


def days_to_return(rows: pd.DataFrame) -> Array:
    """Return the whole days, of 24 hours, between the sale and the return of matched parts."""
    return np.asarray((rows["returned"] - rows["sold"]) // _MINUTES_A_DAY)


def by_days_to_return(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the matched parts by their days to return, a row for each bar.

    Columns: first, last (days; the last bar has none, -1), lines, units, value.
    """
    matched = rows[rows["reason"] == MATCHED]
    bars = np.searchsorted(DAYS_FROM, days_to_return(matched), side="right") - 1
    found = _sums(matched, bars).reindex(range(len(DAYS_FROM)), fill_value=0)
    found["value"] = found["value"].map(Decimal)
    found.insert(0, "first", DAYS_FROM)
    found.insert(1, "last", [*(day - 1 for day in DAYS_FROM[1:]), -1])
    return found


def median_days(rows: pd.DataFrame) -> float | None:
    """Return the median of the whole days between sale and return, of matched parts."""
    matched = rows[rows["reason"] == MATCHED]
    return float(np.median(days_to_return(matched))) if len(matched) else None


def units_sold(products: pd.DataFrame, dictionaries: Dictionaries) -> Array:
    """Return the units of goods that each row of the products' table sells.

    Without exact duplicates a row may take units away.
    """
    return np.where(_sales_of_goods(products, dictionaries), products["units"], 0)


def lines_sold(products: pd.DataFrame, dictionaries: Dictionaries) -> int:
    """Return how many lines sell goods."""
    return int(products["lines"][_sales_of_goods(products, dictionaries)].sum())


def _sales_of_goods(products: pd.DataFrame, dictionaries: Dictionaries) -> Array:
    fees = np.zeros(len(dictionaries.products), bool)
    fees[dictionaries.products.known(FEES)] = True
    sale = (products["kind"] == SALE).to_numpy()
    return np.asarray(sale & ~fees[products["product"].to_numpy()])


def rates(
    products: pd.DataFrame,
    returns: pd.DataFrame,
    undone: pd.DataFrame,
    dictionaries: Dictionaries,
    by: str,
) -> pd.DataFrame:
    """Return a row for each product or country (``by``) with goods sold or returned.

    Columns: its number under ``by``; sold (units); returned, of every
    cancellation that counts; undone, of the sales that count, whenever they came back; true_rate
    (undone / sold) and plain_rate (returned / sold), NaN where nothing is sold; value, of what came
    back, in pounds. Fee codes are left out.
    """
    sold = np.bincount(products[by].to_numpy(), weights=units_sold(products, dictionaries))
    table = pd.DataFrame(
        {
            # Whole numbers below 2**53 add up exactly as floats.
            "sold": pd.Series(sold[sold > 0], index=np.flatnonzero(sold > 0)),
            "returned": returns.groupby(by)["units"].sum(),
            "undone": undone.groupby(by)["units"].sum(),
        }
    )
    table = table.fillna(0).astype(np.int64)
    value = returns.groupby(by)["micros"].sum()
    table["value"] = pounds_column(-value.reindex(table.index, fill_value=0))
    divisor = table["sold"].where(table["sold"] > 0).astype(float)
    table["true_rate"] = table["undone"] / divisor
    table["plain_rate"] = table["returned"] / divisor
    table.index.name = by
    return table.reset_index()


def biggest(rows: pd.DataFrame, most: int | None = None) -> pd.DataFrame:
    """Return the ``most`` cancellation lines of the highest value, or all of them, beside the sale
    that they undo.

    Columns: those of the table, of the line's largest matched part, with units and micros of the
    whole line, matched (its matched units) and sales (how many it undoes).
    """
    amounts = rows.groupby("line")["micros"].sum()
    lines = amounts.sort_values(kind="stable").index[:most]
    found = rows[rows["line"].isin(lines)]
    matched = found["units"].where(found["reason"] == MATCHED, 0)
    found = found.assign(matched=matched, unmatched=found["reason"] != MATCHED)
    ordered = found.sort_values(["unmatched", "units"], ascending=[True, False], kind="stable")
    table = ordered.groupby("line").first().reindex(lines)
    sums = found.groupby("line")[["units", "micros", "matched"]].sum()
    table[["units", "micros", "matched"]] = sums.reindex(lines)
    table["sales"] = (~found["unmatched"]).groupby(found["line"]).sum().reindex(lines)
    return table.reset_index()


def _sums(rows: pd.DataFrame, keys: Array) -> pd.DataFrame:
    """Return lines (distinct), units and value by key."""
    keys = np.asarray(keys).astype(np.int64)
    sums = rows.groupby(keys)[["units", "micros"]].sum()
    places = sums.index.get_indexer(pd.Index(keys))
    return pd.DataFrame(
        {
            "lines": distinct(places, rows["line"].to_numpy(), len(sums)),
            "units": sums["units"],
            "value": pounds_column(-sums["micros"]),
        },
        index=sums.index,
    )
