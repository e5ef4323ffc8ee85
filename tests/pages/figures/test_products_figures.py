"""Each figure of the products' page is pandas' over the file, under every filter."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pandas as pd
import pytest

from retail_pipeline.dashboard import data, format
from retail_pipeline.dashboard.products import one as product
from retail_pipeline.dashboard.products import page as products
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.figures import Selection
from tests import shop
from tests.pages.figures.conftest import Drawn, Pages, draw, two_years
from tests.selections import SELECTIONS

TABLE = shop.table()
YEARS = shop.frame(two_years())
CODE = "22003"
NONE = Decimal(0)
every_selection = pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)


def net_by_code(lines: pd.DataFrame) -> dict[str, Decimal]:
    """Return net sales by product, the best first."""
    net = {str(code): sum(group["amount"], NONE) for code, group in lines.groupby("StockCode")}
    return dict(sorted(net.items(), key=lambda pair: (-pair[1], pair[0])))


def ratio(part: Decimal | int, whole: Decimal | int) -> float | None:
    return float(Fraction(part) / Fraction(whole)) if whole else None


def same(found: pd.Series, expected: list[float | None]) -> bool:
    """Return whether ratios are equal, to the last digits that a float has."""
    each = zip(found.tolist(), expected, strict=True)
    return all(one != one if other is None else one == pytest.approx(other) for one, other in each)


@every_selection
def test_each_column_of_the_table_is_pandas(of_shop: Pages, selection: Selection) -> None:
    found = of_shop.draw(products.body, selection).rows["products"]
    lines = shop.selected(TABLE, selection)
    net = net_by_code(lines)
    groups = [lines[lines["StockCode"] == code] for code in net]
    sold = [group[group["kind"] == "sale"] for group in groups]
    back = [group[group["kind"] == "cancellation"] for group in groups]
    units = [sum(each["Quantity"]) for each in sold]
    returned = [-sum(each["Quantity"]) for each in back]
    gross = [sum(each["amount"], NONE) for each in sold]
    prices = [money / count if count else None for money, count in zip(gross, units, strict=True)]
    rates = [ratio(less, count) for less, count in zip(returned, units, strict=True)]
    whole = sum(net.values())
    assert found["Code"].tolist() == list(net)
    assert found["Net sales"].tolist() == list(net.values())
    assert found["Units sold"].tolist() == units
    assert found["Units returned"].tolist() == returned
    assert found["Cancellations"].tolist() == [sum(each["amount"], NONE) for each in back]
    assert found["Mean price"].tolist() == prices
    assert same(found["Share of net sales"], [ratio(each, whole) for each in net.values()])
    assert same(found["Return rate"], rates)


@every_selection
def test_concentration_is_pandas(of_shop: Pages, selection: Selection) -> None:
    drawn = of_shop.draw(products.body, selection)
    net = net_by_code(shop.selected(TABLE, selection))
    earned = {code: each for code, each in net.items() if each > 0}
    lost = [each for each in net.values() if each <= 0]
    if not earned:
        assert "No product** has net sales above zero" in drawn.text
        return
    whole, running, sums = sum(earned.values(), NONE), NONE, []
    for each in earned.values():
        running += each
        sums.append(running)
    best = 1 + next(place for place, each in enumerate(sums) if each >= whole * Decimal("0.8"))
    found = drawn.rows["concentration"]
    assert found["Code"].tolist() == list(earned)
    assert found["Net sales"].tolist() == list(earned.values())
    assert same(found["Share of net sales"], [ratio(each, whole) for each in sums])
    places = range(1, len(earned) + 1)
    assert same(found["Share of products"], [ratio(place, len(earned)) for place in places])
    share = format.percent(best / len(earned))
    assert (
        f"{share} of the products ({best} of {len(earned)}) make 80% of their net sales of"
        f" {format.money(whole)}." in drawn.text
    )
    assert (f": {format.money(sum(lost, NONE))} together." in drawn.text) == bool(lost)


def one_product(pages: Pages, selection: Selection) -> Drawn:
    """Return what the page of CODE draws; the filters choose no product."""

    def body(page: View) -> None:
        ranked = data.ranked_products(page.snapshot, page.selection)
        product.body(page, CODE, ranked)

    return draw(body, pages.view(replace(selection, products=())))


@every_selection
def test_one_product_is_pandas(of_shop: Pages, selection: Selection) -> None:
    drawn = one_product(of_shop, selection)
    every = shop.selected(TABLE, replace(selection, products=()))
    lines = every[every["StockCode"] == CODE]
    sold, back = lines[lines["kind"] == "sale"], lines[lines["kind"] == "cancellation"]
    gross, units = sum(sold["amount"], NONE), sum(sold["Quantity"])
    returned, ranks = -sum(back["Quantity"]), list(net_by_code(every))
    if not len(lines):
        assert drawn.cards == {} and "No transactions" in drawn.text
        return
    assert drawn.cards == {
        "Net sales": format.money(sum(lines["amount"], NONE)),
        "Gross sales": format.money(gross),
        "Orders": format.count(len(set(sold["InvoiceNo"]))),
        "Units sold": format.count(units),
        "Mean price": format.money(gross / units if units else None),
        "Customers": format.count(len(set(sold["CustomerID"]) - {None})),
        "Return rate": format.percent(ratio(returned, units)),
        "Rank": f"{ranks.index(CODE) + 1} of {len(ranks)}",
    }
    adjusted = sum(lines["amount"][lines["kind"] == "adjustment"], NONE)
    invoices = format.counted(len(set(back["InvoiceNo"])), "cancellation invoice")
    assert (
        f"{format.counted(returned, 'unit')} returned, on {invoices}:"
        f" {format.money(sum(back['amount'], NONE))}. Adjustments: {format.money(adjusted)}."
        in drawn.text
    )


def in_the_years(selection: Selection) -> Selection:
    """Return the selection over both years, or, where it has days of its own, over the second."""
    first = date(2012, 2, 19) if selection.first.day == 1 else date(2011, 3, 1)
    return replace(selection, first=first, last=date(2012, 3, 10), products=())


def having(sales: pd.DataFrame) -> Counter[str]:
    """Return on how many orders each product is, as the page counts them.

    An order counts for each day, country, and guests or known customers.
    """
    guests = sales["CustomerID"].map(lambda number: number is None)
    keys = zip(sales["StockCode"], sales["InvoiceNo"], sales["day"], sales["Country"], guests)
    return Counter(code for code, *_ in set(keys))


@every_selection
def test_bought_together_is_pandas(of_years: Pages, selection: Selection) -> None:
    selection = in_the_years(selection)
    found = one_product(of_years, selection).rows.get("bought-together")
    lines = shop.selected(YEARS, selection)
    sales = lines[lines["kind"] == "sale"]
    own = sales[sales["StockCode"] == CODE]
    numbers = set(own["InvoiceNo"])
    assert len(numbers) <= data.ORDERS_COMPARED
    along = sales[sales["InvoiceNo"].isin(numbers)]
    along = along[~along["StockCode"].isin([CODE, *FEES])]
    counts = along.groupby("StockCode")["InvoiceNo"].nunique()
    together = {str(code): count for code, count in counts.items()}
    best = sorted(together, key=lambda code: (-together[code], code))[:20]
    if not best:
        assert found is None
        return
    assert found is not None
    everywhere, orders = having(sales), len(set(sales["InvoiceNo"]))
    shares = [Fraction(together[code], len(numbers)) for code in best]
    lifts = [
        share / Fraction(everywhere[code], orders) for code, share in zip(best, shares, strict=True)
    ]
    assert found["Code"].tolist() == best
    assert found["Orders"].tolist() == [together[code] for code in best]
    assert same(found["Share"], [float(each) for each in shares])
    # Shown to the hundredth.
    assert found["Lift"].tolist() == pytest.approx([float(each) for each in lifts], abs=0.00501)


def test_the_years_have_orders_to_tell_from(of_years: Pages) -> None:
    drawn = one_product(of_years, in_the_years(SELECTIONS["everything"]))
    assert len(drawn.rows["bought-together"]) >= 15


@every_selection
def test_prices_paid_are_pandas(of_shop: Pages, selection: Selection) -> None:
    found = one_product(of_shop, selection).rows.get("product-prices")
    lines = shop.selected(TABLE, replace(selection, products=()))
    sold = lines[(lines["kind"] == "sale") & (lines["StockCode"] == CODE)]
    if not len(sold):
        assert found is None
        return
    assert found is not None
    prices, units = sold["UnitPrice"].map(Decimal), sum(sold["Quantity"])
    assert min(found["Lowest price"]) == min(prices)
    assert max(found["Highest price"]) == max(prices)
    assert (sum(found["Units sold"]), sum(found["Lines"])) == (units, len(sold))
    money = [mean * n for mean, n in zip(found["Mean price"], found["Units sold"], strict=True)]
    assert sum(money) == pytest.approx(sum(sold["amount"]), rel=Decimal("1e-20"))
