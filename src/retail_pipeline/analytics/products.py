"""Products beside each other: the ranking, how sales concentrate, and what is bought together.

All sums are over rows of the products' table; money is in millionths of a pound, exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

import numpy as np
import pandas as pd

from retail_pipeline.analytics.sums import starts
from retail_pipeline.analytics.tables import CANCELLATION, SALE, Array, Dictionaries
from retail_pipeline.domain.days import moment_of_hour
from retail_pipeline.domain.products import Basket

THRESHOLD = Fraction(80, 100)


def ranking(rows: pd.DataFrame, dictionaries: Dictionaries) -> pd.DataFrame:
    """Return a row for each product with a counted line, the highest net sales first.

    Columns: ``code``; ``net``, ``gross`` and ``cancelled`` (negative) in micros; ``units`` sold;
    ``orders``, invoices with a sale of it, counted for each day, country, and guests or known
    customers: one that runs over midnight counts twice; ``back``, units on cancellation lines;
    ``lines`` of all kinds.
    """
    kind = rows["kind"].to_numpy()
    sale, cancelled = kind == SALE, kind == CANCELLATION
    amount, units = rows["micros"].to_numpy(), rows["units"].to_numpy()
    sums = pd.DataFrame(
        {
            "net": amount,
            "gross": np.where(sale, amount, 0),
            "cancelled": np.where(cancelled, amount, 0),
            "units": np.where(sale, units, 0),
            "orders": np.where(sale, rows["invoices"], 0),
            "back": -np.where(cancelled, units, 0),
            "lines": rows["lines"].to_numpy(),
        }
    )
    table = sums.groupby(rows["product"].to_numpy()).sum()
    table.insert(0, "code", [dictionaries.products.texts[number] for number in table.index])
    return table.sort_values(["net", "code"], ascending=[False, True], ignore_index=True)


def units_back(rows: pd.DataFrame) -> int:
    """Return how many units are on cancellation lines, of rows of orders or of products."""
    return -int(rows.loc[rows["kind"] == CANCELLATION, "units"].sum())


def matching(table: pd.DataFrame, names: Mapping[str, str], asked: str) -> Array:
    """Return which rows have every word of ``asked`` in their code or name, in either case."""
    words = asked.casefold().split()
    texts = (f"{code} {names.get(code, '')}".casefold() for code in table["code"])
    return np.array([all(word in text for word in words) for text in texts], bool)


@dataclass(frozen=True)
class Pareto:
    """How far net sales concentrate on few products.

    Only products that earned something are counted: ``earning`` of them, with ``total`` micros of
    net sales together. The ``best`` are the fewest that make at least THRESHOLD of it. ``curve``
    has a row for each, best first: ``code``, ``net``, ``products`` (the share of the products up
    to and with it) and ``share`` (their share of net sales), both from 0 to 1. ``others`` is how
    many products earned nothing or less, and ``lost`` what those add up to.
    """

    earning: int
    total: int
    best: int
    curve: pd.DataFrame
    others: int
    lost: int


def pareto(ranked: pd.DataFrame) -> Pareto:
    """Return the concentration of net sales over a :func:`ranking`.

    The curve is that of M. O. Lorenz (1905), drawn from the best product down, as J. M. Juran drew
    it for Pareto's law.
    """
    nets = ranked["net"].to_numpy()
    earns = nets > 0
    earned = ranked.loc[earns, ["code", "net"]].reset_index(drop=True)
    # Python's whole numbers: nothing runs over, and the threshold is met exactly.
    running = np.cumsum(earned["net"].to_numpy(object))
    total = int(running[-1]) if len(running) else 0
    reached = [
        sum_ * THRESHOLD.denominator >= total * THRESHOLD.numerator for sum_ in running.tolist()
    ]
    curve = earned.assign(
        products=np.arange(1, len(earned) + 1) / max(len(earned), 1),
        share=(running / total).astype(float) if total else np.empty(0),
    )
    return Pareto(
        earning=len(earned),
        total=total,
        best=reached.index(True) + 1 if reached else 0,
        curve=curve,
        others=int((~earns).sum()),
        lost=int(nets[~earns].sum()),
    )


def thinned(curve: pd.DataFrame, keep: int, most: int) -> pd.DataFrame:
    """Return at most about ``most`` rows of a curve, evenly; the first, the last and the
    ``keep``-th (from 1) are always among them."""
    if len(curve) <= most:
        return curve
    places = np.linspace(0, len(curve) - 1, most).round().astype(int)
    return curve.iloc[np.unique([*places, keep - 1])]


def incomplete(
    rows: pd.DataFrame, dictionaries: Dictionaries, found: Mapping[str, int]
) -> dict[str, list[datetime]]:
    """Return the invoices that have more sale lines among rows of orders than were ``found`` of
    them, each with the hours of its lines."""
    sales = rows[(rows["kind"] == SALE).to_numpy()]
    lines = sales.groupby("invoice")["lines"].sum()
    texts = dictionaries.invoices.texts
    there = lines[lines.index.isin(dictionaries.invoices.known(found))]
    counts = zip(there.index.tolist(), there.tolist(), strict=True)
    short = there[[count > found[str(texts[place])] for place, count in counts]]
    mine = sales[sales["invoice"].isin(short.index).to_numpy()]
    hours: dict[str, list[datetime]] = {}
    for place, hour in zip(mine["invoice"], starts(mine, "hour"), strict=True):
        hours.setdefault(str(texts[place]), []).append(moment_of_hour(hour))
    return hours


def bought_together(basket: Basket, base: pd.DataFrame, orders: int) -> pd.DataFrame:
    """Return a row for each product bought along with one, the most frequent first.

    ``base`` is the :func:`ranking` of the days that the basket is from, and ``orders`` the number
    of distinct orders in them. Columns: ``code``; ``together``, orders with both; ``share`` of the
    orders with the one; ``lift``, that share divided by the share of all orders that have the
    other (1: no more often than by chance; NaN where no order is known to have it).

    The measure is that of S. Brin et al., "Dynamic itemset counting and implication rules for
    market basket data" (1997), there called interest.
    """
    found = pd.DataFrame(basket.others, columns=["code", "together"])
    having = base.set_index("code")["orders"].reindex(found["code"]).to_numpy(float)
    found["share"] = found["together"] / basket.orders
    found["lift"] = found["share"] / (np.where(having > 0, having, np.nan) / (orders or np.nan))
    return found
