"""Each figure of the returns' page is pandas' over the file, under every filter."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pandas as pd
import pytest

from retail_pipeline.analytics import adjustments, return_sums
from retail_pipeline.dashboard import format
from retail_pipeline.dashboard.returns import charts as return_charts
from retail_pipeline.dashboard.returns import page as returns
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.periods import UNITS, Unit
from retail_pipeline.domain.transaction import Kind
from tests import returns_truth, shop
from tests.pages.figures.conftest import Pages, starts_of
from tests.selections import SELECTIONS

TABLE = shop.table()
PARTS = {each: returns_truth.matched(TABLE, duplicates=each) for each in (True, False)}
NONE = Decimal(0)
every_selection = pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)


def percent(part: Decimal | int, whole: Decimal | int) -> str:
    return format.percent(float(Fraction(part) / Fraction(whole)) if whole else None)


def parts(selection: Selection) -> pd.DataFrame:
    """Return the parts of the cancellations that count, each with its line's moment."""
    counted = shop.selected(TABLE, selection)
    found = PARTS[selection.duplicates]
    found = found[found["line"].isin(counted.index)]
    moments = [TABLE["InvoiceDate"][line] for line in found["line"]]
    return found.assign(InvoiceDate=pd.Series(moments, found.index, dtype=object))


def came_back(selection: Selection) -> int:
    """Return the units of the sales that count that came back, whenever they did."""
    as_cancelled = TABLE.assign(kind=TABLE["kind"].replace("sale", "cancellation"))
    counted = shop.selected(as_cancelled, selection).index
    found = PARTS[selection.duplicates]
    return int(found["units"][found["sale"].isin(counted)].sum())


def other(lines: pd.DataFrame) -> pd.DataFrame:
    """Return the lines that are no trade in goods, with the code that each stands under."""
    fees = lines["StockCode"].isin(list(FEES))
    kept = lines[fees | (lines["kind"] == "adjustment")]
    codes = [code if code in FEES else adjustments.WRITE_OFFS for code in kept["StockCode"]]
    return kept.assign(code=pd.Series(codes, kept.index, dtype=object))


@every_selection
def test_the_cards_and_the_equation_are_pandas(of_shop: Pages, selection: Selection) -> None:
    drawn, lines = of_shop.draw(returns.body, selection), shop.selected(TABLE, selection)
    back = parts(selection)
    matched = back[back["sale"] >= 0]
    units, value = int(back["units"].sum()), sum(back["value"], NONE)
    undoing = sum(matched["value"], NONE)
    goods = (lines["kind"] == "sale") & ~lines["StockCode"].isin(list(FEES))
    sold = sum(lines["Quantity"][goods])
    if not selection.cancellations or (
        selection.kinds and Kind.CANCELLATION not in selection.kinds
    ):
        sold = 0  # nobody can say what came back
    moments = TABLE["InvoiceDate"]
    pairs = zip(matched["line"], matched["sale"], strict=True)
    days = [(moments[line] - moments[sale]).days for line, sale in pairs]
    assert drawn.cards == {
        "Units returned": format.count(units),
        "Value returned": format.money(value),
        "Matched units": percent(int(matched["units"].sum()), units),
        "Matched value": percent(undoing, value),
        "True return rate": percent(came_back(selection), sold),
        "Plain return rate": percent(units, sold),
        "Days to return": f"{pd.Series(days).median():g}" if days else format.NOTHING,
        "Adjustments and fees": format.money(sum(other(lines)["amount"], NONE)),
    }
    cancelled = -sum(lines["amount"][lines["kind"] == "cancellation"], NONE)
    assert (
        f"Cancellations {format.money(cancelled)} = undoing a sale {format.money(undoing)}"
        f" + undoing none {format.money(value - undoing)}"
        f" + of fee codes {format.money(cancelled - value)}."
        f" {format.counted(back['line'].nunique(), 'cancellation line')} of goods." in drawn.text
    )


@pytest.mark.parametrize("unit", UNITS)
@every_selection
def test_returns_over_time_are_pandas(of_shop: Pages, selection: Selection, unit: Unit) -> None:
    found = return_sums.timeline(of_shop.view(selection).returns, unit)
    back = parts(selection)
    expected = {
        start: (
            sum(group["value"][group["sale"] >= 0], NONE),
            sum(group["value"][group["sale"] < 0], NONE),
        )
        for start, group in back.groupby(pd.Series(starts_of(back, unit), back.index))
    }
    moments = return_charts.moments(found)
    assert moments == sorted(expected)
    columns = zip(moments, found["matched"], found["unmatched"], strict=True)
    assert {start: tuple(values) for start, *values in columns} == expected


CODES = (None, "POST", "M", "BANK CHARGES", adjustments.WRITE_OFFS)


@pytest.mark.parametrize("unit", ["day", "week", "month"])
@every_selection
def test_adjustments_over_time_are_pandas_by_code_and_for_all(
    of_shop: Pages, selection: Selection, unit: Unit
) -> None:
    view = of_shop.view(selection)
    rows = adjustments.adjustments(view.products, view.snapshot.dictionaries)
    every = other(shop.selected(TABLE, selection))
    for code in CODES:
        lines = every if code is None else every[every["code"] == code]
        found = adjustments.timeline(rows, unit, code)
        expected = [
            (start, len(group), sum(group["Quantity"]), sum(group["amount"], NONE))
            for start, group in lines.assign(at=starts_of(lines, unit)).groupby("at")
        ]
        columns = (found[name] for name in ("lines", "units", "net"))
        assert list(zip(return_charts.moments(found), *columns, strict=True)) == expected


@every_selection
def test_why_it_is_not_matched_is_shown_in_shares_of_the_units(
    of_shop: Pages, selection: Selection
) -> None:
    found = of_shop.draw(returns.body, selection).rows.get("matched-and-not")
    back = parts(selection)
    if not len(back):
        assert found is None
        return
    assert found is not None
    every = int(back["units"].sum())
    sums = [int(group["units"].sum()) for _, group in back.groupby("reason")]
    assert found["Units"].tolist() == sorted(sums, reverse=True)
    assert found["Share of units"].tolist() == pytest.approx(
        [units / every for units in sorted(sums, reverse=True)]
    )
    assert sum(found["Value"], NONE) == sum(back["value"], NONE)
