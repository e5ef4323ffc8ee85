"""What the products' charts draw: the curve from nothing to all, and prices in pounds."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd

from retail_pipeline.analytics.products import pareto
from retail_pipeline.dashboard.products import charts as product_charts
from retail_pipeline.domain.periods import Period
from retail_pipeline.domain.products import Prices


def test_the_curve_runs_from_none_to_all_with_one_threshold() -> None:
    ranked = pd.DataFrame({"code": ["A", "B", "C"], "net": np.array([70, 20, 10])})
    frame = product_charts.pareto_frame(pareto(ranked), ["Lamp", "Cup", "Pen"])
    assert frame["products"].tolist() == [0, 1 / 3, 2 / 3, 1]
    assert frame["share"].tolist() == [0, 0.7, 0.9, 1]
    assert frame["threshold"].tolist() == [False, False, True, False]
    assert frame["Best products"].tolist() == ["0 of 3", "1 of 3", "2 of 3", "3 of 3"]
    assert frame["Down to"].tolist() == ["–", "Lamp", "Cup", "Pen"]


def test_of_thousands_of_products_hundreds_of_points_are_drawn() -> None:
    ranked = pd.DataFrame(
        {"code": [str(each) for each in range(5_000)], "net": np.arange(5_000, 0, -1)}
    )
    found = pareto(ranked)
    frame = product_charts.pareto_frame(found, found.curve["code"].tolist())
    assert len(frame) <= 202
    [best] = frame.loc[frame["threshold"], "Best products"]
    assert best == f"{found.best:,} of 5,000"


def test_prices_are_shown_exactly_and_their_mean_by_units() -> None:
    week = Prices(
        datetime(2011, 3, 7, tzinfo=UTC), Decimal("1.25"), Decimal("2.10"), Decimal("38.00"), 20, 3
    )
    rows = product_charts.price_rows([week])
    frame = product_charts.prices_frame(rows, [week.start], "week")
    assert frame[["lowest", "mean", "highest"]].iloc[0].tolist() == [1.25, 1.9, 2.1]
    assert frame["Mean price"].tolist() == ["£1.90"]
    assert frame["Period"].tolist() == ["7 Mar 2011 to 13 Mar 2011"]
    spec = product_charts.prices(Period(date(2011, 3, 1), date(2011, 3, 31)), "week")
    fields = {layer["encoding"]["y"]["field"] for layer in spec["layer"]}
    assert fields == {"lowest", "mean"} <= set(frame.columns)
