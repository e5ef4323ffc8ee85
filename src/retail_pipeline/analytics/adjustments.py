"""What is no trade in goods, by code: postage, charges, discounts, write-offs.

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
    sums = rows.groupby("code")[["lines", "units", "micros"]].sum()
    order = sums["micros"].abs().sort_values(ascending=False, kind="stable").index
    sums = sums.reindex(order)
    table = pd.DataFrame(
        {
            "code": [_CODES[place] for place in order],
            "name": [NAMES[_CODES[place]] for place in order],
            "lines": sums["lines"].to_numpy(),
            "units": sums["units"].to_numpy(),
            "net": pounds_column(sums["micros"]).to_numpy(),
        }
    )
    for number, kind in enumerate(KINDS):
        of_kind = rows[rows["kind"] == number].groupby("code")["micros"].sum()
        table[kind.value] = pounds_column(of_kind.reindex(order, fill_value=0)).to_numpy()
    return table


def timeline(rows: pd.DataFrame, unit: Unit, code: str | None = None) -> pd.DataFrame:
    """Return the sums of each day, week or month, of one code or all: start, lines, units, net.

    ``start`` is in hours since 1970. Products are summarised by the day, hence so is this.
    """
    found = rows if code is None else rows[rows["code"] == _CODES.index(code)]
    hours = starts(found, "day" if unit == "hour" else unit)
    sums = found.groupby(np.asarray(hours))[["lines", "units", "micros"]].sum()
    return pd.DataFrame(
        {
            "start": sums.index.to_numpy(),
            "lines": sums["lines"].to_numpy(),
            "units": sums["units"].to_numpy(),
            "net": pounds_column(sums["micros"]).to_numpy(),
        }
    )
