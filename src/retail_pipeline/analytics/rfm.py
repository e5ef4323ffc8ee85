"""Recency, frequency and monetary value: into which segment each customer falls.

Each customer gets a score from 1 to 5 in each of the three, by fifths of the customers as in A. M.
Hughes, Strategic Database Marketing (1994), and the three scores name one of eleven segments. Which
scores make which segment is the table of Bloomreach's documentation (formerly Exponea's), "RFM
segmentation", https://documentation.bloomreach.com/engagement/docs/rfm-segmentation: it puts each
of the 125 combinations into exactly one segment.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from retail_pipeline.analytics.tables import Array

SCORES = 5
SOURCE = "https://documentation.bloomreach.com/engagement/docs/rfm-segmentation"
# The scores of recency, frequency and monetary value, in this order, that make a segment.
SEGMENTS: dict[str, str] = {
    "Champions": "555 554 544 545 454 455 445",
    "Loyal customers": "543 444 435 355 354 345 344 335",
    "Potential loyalists": "553 551 552 541 542 533 532 531 452 451 442 441 431 453 433 432 423"
    " 353 352 351 342 341 333 323",
    "New customers": "512 511 422 421 412 411 311",
    "Promising": "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
    "Need attention": "535 534 443 434 343 334 325 324",
    "About to sleep": "331 321 312 221 213 231 241 251",
    "At risk": "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133"
    " 125 124",
    "Can't lose them": "155 154 144 214 215 115 114 113",
    "Hibernating": "332 322 233 232 223 222 132 123 122 212 211",
    "Lost": "111 112 121 131 141 151",
}
NAMES = tuple(SEGMENTS)
# Of those who bought in one of two periods only.
ABSENT = len(NAMES)
_OF_SCORES: dict[int, int] = {
    int(scores): number for number, name in enumerate(NAMES) for scores in SEGMENTS[name].split()
}


def scores(values: Array) -> Array:
    """Return a score from 1 to 5 for each value, 5 for the highest fifth.

    With b values below one and e equal to it, itself included, of n, the score is
    1 + floor(5 (b + e/2) / n): the fifth that the middle of the equal ones lies in. Hence equal
    values have equal scores in any order, a single value has 3, and without equals each score
    has a fifth of the values. A fifth that is full of equal values leaves another one empty.
    """
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, "left")
    up_to = np.searchsorted(ordered, values, "right")
    return 1 + SCORES * (below + up_to) // max(2 * len(values), 1)


def segmented(customers: pd.DataFrame, as_of: int) -> pd.DataFrame:
    """Return the customers with an order, with their scores and segment.

    ``customers`` is what :func:`retail_pipeline.analytics.customers.by_customer` gives and
    ``as_of`` a day number. Recency is the days from the last order to ``as_of``, frequency the
    orders, monetary value the net sales. New columns: recency, R, F, M, and ``segment``, the place
    in NAMES.
    """
    found = customers[(customers["orders"] > 0).to_numpy()]
    recency = as_of - found["last"].to_numpy().astype(np.int64)
    r, f, m = scores(-recency), scores(found["orders"].to_numpy()), scores(found["net"].to_numpy())
    codes = np.unique(100 * r + 10 * f + m, return_inverse=True)
    segment = np.array([_OF_SCORES[int(code)] for code in codes[0]], np.int64)[codes[1]]
    return found.assign(recency=recency, R=r, F=f, M=m, segment=segment)


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each segment, those without customers too, in the order of NAMES.

    Columns: customers, net, gross (sums, in millionths of a pound), and the averages recency (days)
    and frequency (orders), which are not a number where there is no customer.
    """
    groups = found.groupby("segment")
    table = groups[["net", "gross", "orders", "recency"]].sum()
    table.insert(0, "customers", groups.size())
    table = table.reindex(range(len(NAMES)), fill_value=0)
    several = table["customers"].where(table["customers"] > 0).astype(float)
    table["frequency"] = table.pop("orders") / several
    table["recency"] = table["recency"] / several
    return table


def movement(before: pd.DataFrame, after: pd.DataFrame) -> Array:
    """Return how many customers went from each segment (row) to each (column) between periods.

    Both are what :func:`segmented` gives, each for its period. The last row are those who bought in
    the later period alone, the last column those who bought in the earlier one alone.
    """
    size = len(NAMES) + 1
    everyone = before.index.union(after.index)
    came = before["segment"].reindex(everyone, fill_value=ABSENT).to_numpy()
    went = after["segment"].reindex(everyone, fill_value=ABSENT).to_numpy()
    return np.bincount(came * size + went, minlength=size * size).reshape(size, size)
