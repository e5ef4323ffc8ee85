"""Retention: of the customers whose first order was in a month, who ordered again, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from retail_pipeline.analytics.customers import first_orders, split
from retail_pipeline.analytics.sums import distinct
from retail_pipeline.analytics.tables import SALE, Array
from retail_pipeline.domain.days import day_number


@dataclass(frozen=True)
class Cohorts:
    """Customers by the month of their first order.

    ``months`` are the first days of these months, oldest first, and ``sizes`` how many customers
    began in each. ``active`` has a row for each cohort: how many of them ordered in the month of
    their first order (all), in the one after it, and so on; what lies after the newest month is 0.
    ``whole`` is whether the newest month had ended.
    """

    months: tuple[date, ...]
    sizes: Array
    active: Array
    whole: bool

    def happened(self, cohort: int, after: int) -> bool:
        """Return whether the month so many months after the cohort's own has begun."""
        return cohort + after < len(self.months)

    def complete(self, cohort: int, after: int) -> bool:
        """Return whether all of that month's days are counted."""
        last = len(self.months) - 1
        return cohort + after < last or (cohort + after == last and self.whole)

    def overall(self, after: int) -> tuple[int, int]:
        """Return how many customers ordered so many months after their first order's, and of how
        many: those of all the cohorts for which that month is complete."""
        counted = [row for row in range(len(self.months)) if self.complete(row, after)]
        return int(self.active[counted, after].sum()), int(self.sizes[counted].sum())

    def newest(self, count: int) -> Cohorts:
        """Return the last ``count`` cohorts, and as many months of each."""
        kept = slice(-count, None)
        return Cohorts(
            self.months[kept],
            self.sizes[kept],
            self.active[kept, : min(count, len(self.months))],
            self.whole,
        )


def cohorts(rows: pd.DataFrame, last: date) -> Cohorts:
    """Return the cohorts of the customers who ordered among ``rows``.

    ``rows`` must reach back to the start of the data, or customers of long standing would begin
    where they do; ``last`` is the newest day that is counted. Months without a first order are
    cohorts of nobody.
    """
    known, _ = split(rows)
    sold = known[(known["kind"] == SALE).to_numpy()]
    whole = (last + timedelta(days=1)).day == 1
    if not len(sold):
        return Cohorts((), np.zeros(0, np.int64), np.zeros((0, 0), np.int64), whole)
    first = first_orders(sold)
    began = _months(first.to_numpy())
    oldest = int(began.min())
    count = int(_months(np.array(day_number(last)))) - oldest + 1
    sizes = np.bincount(began - oldest, minlength=count)
    cohort = pd.Series(began - oldest, first.index).reindex(sold["customer"]).to_numpy()
    after = _months(sold["day"].to_numpy()) - oldest - cohort
    active = distinct(cohort * count + after, sold["customer"].to_numpy(), count * count)
    months = np.arange(oldest, oldest + count).astype("datetime64[M]").astype(date)
    return Cohorts(tuple(months), sizes, active.reshape(count, count), whole)


def _months(days: Array) -> Array:
    """Return months since January 1970."""
    found: Array = (
        days.astype(np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    )
    return found
