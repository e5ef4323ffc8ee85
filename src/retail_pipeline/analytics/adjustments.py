"""Adjustments and fees by code: postage, charges, discounts, write-offs.

Rows are those of the products' table. An adjustment is a line of a fee code, of whatever kind, or
a line of a product that is neither sale nor cancellation: a write-off, a sample, a correction.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from retail_pipeline.analytics.sums import pounds_column, starts
from retail_pipeline.analytics.tables import ADJUSTMENT, KINDS, Dictionaries
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.periods import Unit

# Stands for the codes of all products.
WRITE_OFFS = "write-offs"
NAMES = {**FEES, WRITE_OFFS: "Write-offs and corrections of products"}
_CODES = (*FEES, WRITE_OFFS)


def adjustments(products: pd.DataFrame, dictionaries: Dictionaries) -> pd.DataFrame:
    """Return the rows that are adjustments, with the ``code`` (its place in NAMES) of each."""
    places = np.full(len(dictionaries.products), -1, np.int8)
    for place, code in enumerate(FEES):
        places[dictionaries.products.known([code])] = place
    codes = places[products["product"].to_numpy()]
    write_off = (codes < 0) & (products["kind"] == ADJUSTMENT).to_numpy()
    kept = write_off | (codes >= 0)
    found: pd.DataFrame = products[kept]
    return found.assign(code=np.where(write_off, len(FEES), codes)[kept])


def by_code(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each code there is, the one with the most money, either way, first.

    Columns: code, name, lines, units, net; and of net, the part of each kind of line: sale,
    cancellation, adjustment. Money is in pounds.
    """
    table = rows.groupby("code")[["lines", "units", "micros"]].sum()
    table = table.sort_values("micros", key=abs, ascending=False, kind="stable")
    table["net"] = pounds_column(table["micros"])
    for number, kind in enumerate(KINDS):
        of_kind = rows[rows["kind"] == number].groupby("code")["micros"].sum()
        table[kind.value] = pounds_column(of_kind.reindex(table.index, fill_value=0))
    codes = [_CODES[place] for place in table.index]
    table = table.assign(code=codes, name=[NAMES[code] for code in codes])
    return table.reset_index(drop=True)


def timeline(rows: pd.DataFrame, unit: Unit, code: str | None = None) -> pd.DataFrame:
    """Return the sums of each day, week or month, of one code or all: start, lines, units, net.

    ``start`` is in hours since 1970. Products are summarised by the day, hence so is this.
    """
    found = rows if code is None else rows[rows["code"] == _CODES.index(code)]
    hours = starts(found, "day" if unit == "hour" else unit)
    table = found.groupby(hours)[["lines", "units", "micros"]].sum().rename_axis("start")
    return table.assign(net=pounds_column(table["micros"])).reset_index()
