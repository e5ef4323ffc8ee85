"""Each figure of the customers' page is pandas' over the file, under every filter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import pandas as pd
import pytest

from retail_pipeline.analytics import customers as sums_of_customers
from retail_pipeline.analytics import rfm
from retail_pipeline.dashboard import format
from retail_pipeline.dashboard.customers import charts as customer_charts
from retail_pipeline.dashboard.customers import page as customers
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.periods import Unit
from tests import customer_truth, shop
from tests.pages.figures.conftest import Pages, starts_of
from tests.selections import SELECTIONS

TABLE = shop.table()
ONE = "12007"
NONE = Decimal(0)
# Days beyond the data are no part of a period.
every_selection = pytest.mark.parametrize(
    "selection",
    [
        replace(each, first=max(each.first, shop.FIRST), last=min(each.last, shop.LAST))
        for each in SELECTIONS.values()
    ],
    ids=SELECTIONS,
)


def total(lines: pd.DataFrame, kind: str = "") -> Decimal:
    return sum(lines["amount"][lines["kind"] == kind] if kind else lines["amount"], NONE)


def percent(part: Decimal | int, whole: Decimal | int) -> str:
    return format.percent(float(Fraction(part) / Fraction(whole)) if whole else None)


@cache
def counted(selection: Selection) -> pd.DataFrame:
    """Return the lines that count."""
    return shop.selected(TABLE, selection)


@cache
def scored(selection: Selection) -> dict[str, str]:
    """Return the segment of each customer with an order."""
    found = customer_truth.segments(counted(selection), selection.last)
    return {number: name for number, (*_, name) in found.items()}


def reach(selection: Selection) -> pd.DataFrame:
    """Return the lines of all days up to the period's last, under the other filters."""
    return counted(replace(selection, first=date(2000, 1, 1)))


def sales_to_known(lines: pd.DataFrame) -> pd.DataFrame:
    known = customer_truth.known(lines)
    return known[known["kind"] == "sale"]


@every_selection
def test_the_cards_are_pandas(of_shop: Pages, selection: Selection) -> None:
    drawn, lines = of_shop.draw(customers.body, selection), counted(selection)
    sold = sales_to_known(lines)
    orders = {number: len(set(of["InvoiceNo"])) for number, of in sold.groupby("CustomerID")}
    first = sales_to_known(reach(selection)).groupby("CustomerID")["day"].min()
    net = total(customer_truth.known(lines))
    guests = lines[[number is None for number in lines["CustomerID"]]]
    bought = guests[guests["kind"] == "sale"]
    assert drawn.cards == {
        "Customers": format.count(len(orders)),
        "New customers": format.count(sum(first[number] >= selection.first for number in orders)),
        "Ordered again": percent(sum(count > 1 for count in orders.values()), len(orders)),
        "Net sales per customer": format.money(net / len(orders) if orders else None),
        "Guests' orders": format.count(len(set(bought["InvoiceNo"]))),
        "Guests' gross sales": format.money(total(bought)),
        "Guests' net sales": format.money(total(guests)),
        "Guests' share": percent(total(bought), total(lines, "sale")),
    }
    assert (
        f"Net sales {format.money(total(lines))} = customers with a number {format.money(net)},"
        f" guests {format.money(total(guests))} ({percent(total(guests), total(lines))})."
        in drawn.text
    )


@every_selection
def test_the_segments_are_pandas_money_and_averages_too(
    of_shop: Pages, selection: Selection
) -> None:
    drawn, lines = of_shop.draw(customers.body, selection), counted(selection)
    segments = scored(selection)
    if not segments:
        assert "No order of a customer with a number" in drawn.text
        assert "segment-figures" not in drawn.rows
        return
    figures = customer_truth.by_customer(lines)
    rows = drawn.rows["segment-figures"].set_index("Segment").to_dict("index")
    assert list(rows) == list(rfm.NAMES)
    for name, row in rows.items():
        of_it = [figures[number] for number, each in segments.items() if each == name]
        net, count = sum((each.net for each in of_it), NONE), len(of_it)
        assert row["Customers"] == count
        assert row["Share"] == pytest.approx(count / len(segments))
        assert row["Net sales"] == net
        assert row["Gross sales"] == sum((each.gross for each in of_it), NONE)
        assert row["Net sales each"] == (net / count if count else None)
        days = sum((selection.last - (each.last or date.max)).days for each in of_it)
        for column, number in (("Days since last order", days), ("Orders each", orders_of(of_it))):
            # Shown to the tenth.
            assert not count or row[column] == pytest.approx(number / count, abs=0.0501)
            assert count or row[column] != row[column]
    others = [each for number, each in figures.items() if number not in segments]
    guests = lines[[number is None for number in lines["CustomerID"]]]
    inside = sum((figures[number].net for number in segments), NONE)
    assert (
        f"In no segment: guests, {format.money(total(guests))} of net sales; and"
        f" {format.counted(len(others), 'customer')} without an order in this selection,"
        f" {format.money(sum((each.net for each in others), NONE))}. Segments:"
        f" {format.money(inside)}." in drawn.text
    )


def orders_of(figures: list[customer_truth.Customer]) -> int:
    return sum(each.orders for each in figures)


def compared(selection: Selection) -> tuple[Selection, Selection]:
    """Return the period before and this one, or the halves of this one."""
    length = selection.last - selection.first + timedelta(days=1)
    if selection.first - length >= shop.FIRST and selection.last <= shop.LAST:
        last = selection.first - timedelta(days=1)
        return replace(selection, first=selection.first - length, last=last), selection
    middle = selection.first + (selection.last - selection.first) // 2
    later = replace(selection, first=middle + timedelta(days=1))
    return replace(selection, last=middle), later


@every_selection
def test_movement_between_segments_is_pandas(of_shop: Pages, selection: Selection) -> None:
    found = of_shop.draw(customers.body, selection).rows.get("movement")
    before, after = (scored(each) for each in compared(selection))
    if found is None:
        assert not scored(selection)
        return
    moved = Counter(
        (before.get(number, customer_charts.CAME), after.get(number, customer_charts.LEFT))
        for number in {**before, **after}
    )
    started = Counter[str]()
    for (origin, _), count in moved.items():
        started[origin] += count
    rows = [tuple(row) for row in found.itertuples(index=False)]
    assert {(one, other): count for one, other, count, _ in rows} == dict(moved)
    for one, _, count, share in rows:
        assert share == pytest.approx(count / started[one])


UNITS: tuple[Unit, ...] = ("day", "week", "month")


@pytest.mark.parametrize("unit", UNITS)
@every_selection
def test_new_and_returning_customers_and_their_money_are_pandas(
    of_shop: Pages, selection: Selection, unit: Unit
) -> None:
    from_the_start = of_shop.view(replace(selection, first=shop.FIRST))
    found = sums_of_customers.new_and_returning(
        of_shop.view(selection).orders,
        sums_of_customers.first_orders(from_the_start.orders),
        unit,
    )
    whole, sold = sales_to_known(reach(selection)), sales_to_known(counted(selection))
    begun = whole.assign(at=starts_of(whole, unit)).groupby("CustomerID")["at"].min()
    expected: dict[datetime, dict[str, object]] = {}
    for start, lines in sold.groupby(pd.Series(starts_of(sold, unit), sold.index)):
        new = lines[[begun[number] == start for number in lines["CustomerID"]]]
        old = lines[[begun[number] < start for number in lines["CustomerID"]]]
        expected[start] = {
            "new": new["CustomerID"].nunique(),
            "returning": old["CustomerID"].nunique(),
            "new_gross": total(new),
            "returning_gross": total(old),
        }
    pounds = ("new_gross", "returning_gross")
    assert {
        start: {name: from_micros(n) if name in pounds else n for name, n in each.items()}
        for start, each in found
    } == expected


@every_selection
def test_each_column_of_the_top_customers_is_pandas(of_shop: Pages, selection: Selection) -> None:
    drawn, lines = of_shop.draw(customers.body, selection), counted(selection)
    figures = customer_truth.by_customer(lines)
    if not figures:
        assert "top-customers" not in drawn.rows
        return
    found = drawn.rows["top-customers"].to_dict("records")
    best = sorted(figures, key=lambda number: (-figures[number].net, number))
    segments = scored(selection)
    assert [row["Customer"] for row in found] == best
    for row in found:
        number = row["Customer"]
        each = figures[number]
        assert row["Segment"] == (segments[number] if number in segments else format.NOTHING)
        assert (row["Net sales"], row["Gross sales"]) == (each.net, each.gross)
        assert (row["Orders"], row["Units sold"]) == (each.orders, each.units)
        assert row["Cancellations"] == each.cancellations
        assert (row["First order"], row["Last order"]) == (each.first, each.last)
        average = each.gross / each.orders if each.orders else None
        assert row["Average order value"] == average
        rate = row["Cancellation rate"]
        assert rate == each.cancellations / each.orders if each.orders else rate != rate
        assert row["Country"] in newest_countries(lines[lines["CustomerID"] == number])


def newest_countries(lines: pd.DataFrame) -> set[str]:
    """Return the countries of the newest hour with a line."""
    hours = lines["InvoiceDate"].map(lambda each: each.replace(minute=0, second=0))
    return {format.country(each) for each in lines["Country"][hours == max(hours)]}


LINE = (
    "Time (UTC)",
    "Product",
    "Description",
    "Quantity",
    "Unit price",
    "Amount",
    "Kind",
    "Country",
)


def cells(table: pd.DataFrame, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the rows of these columns; an empty cell, of whatever type, is None."""
    filled = table[list(columns)].astype(object).where(table[list(columns)].notna(), None)
    return list(filled.itertuples(index=False, name=None))


def mine(selection: Selection) -> pd.DataFrame:
    lines = counted(selection)
    return lines[[number == ONE for number in lines["CustomerID"]]]


@every_selection
def test_one_customers_cards_are_pandas(of_shop: Pages, selection: Selection) -> None:
    drawn, lines = of_shop.draw(customers.body, selection, id=ONE), mine(selection)
    if not len(lines):
        assert drawn.cards == {} and "No transactions of this customer" in drawn.text
        return
    sold = lines[lines["kind"] == "sale"]
    orders, last = len(set(sold["InvoiceNo"])), max(sold["day"], default=None)
    undone = len(set(lines["InvoiceNo"][lines["kind"] == "cancellation"]))
    every = sales_to_known(reach(selection))
    first = min(every["day"][every["CustomerID"] == ONE], default=None)
    segments = scored(selection)
    ago = f"{format.counted((selection.last - last).days, 'day')} ago" if last else format.NOTHING
    assert drawn.cards == {
        "Net sales": format.money(total(lines)),
        "Gross sales": format.money(total(sold)),
        "Orders": format.count(orders),
        "Average order value": format.money(total(sold) / orders if orders else None),
        "Cancellation rate": percent(undone, orders),
        "Last order": ago,
        "First order": format.day(first) if first else format.NOTHING,
        "Segment": segments[ONE] if ONE in segments else format.NOTHING,
    }


@every_selection
def test_one_customers_favourites_are_pandas(of_shop: Pages, selection: Selection) -> None:
    lines, expected = mine(selection), []
    for code, group in lines[~lines["StockCode"].isin(list(FEES))].groupby("StockCode"):
        sold = group[group["kind"] == "sale"]
        orders, units = len(set(sold["InvoiceNo"])), sum(sold["Quantity"])
        expected.append((str(code), orders, units, total(group), max(sold["day"], default=None)))
    expected.sort(key=lambda row: (-row[1], -row[3], row[0]))
    found = of_shop.draw(customers.body, selection, id=ONE).rows.get("customer-products")
    if not len(lines):
        assert found is None
        return
    assert found is not None
    columns = ["Product", "Orders", "Units sold", "Net sales", "Last order"]
    assert cells(found, columns) == expected[:25]


@every_selection
def test_one_customers_invoices_and_their_lines_are_pandas(
    of_shop: Pages, selection: Selection
) -> None:
    lines = mine(selection)
    found = of_shop.draw(customers.body, selection, id=ONE).rows.get("customer-invoices")
    if not len(lines):
        assert found is None
        return
    assert found is not None
    expected: dict[str, Any] = {}
    for number, group in lines.groupby("InvoiceNo"):
        begin = min(group["InvoiceDate"])
        kinds = [total(group, kind) for kind in ("sale", "cancellation", "adjustment")]
        units = sum(group["Quantity"][group["kind"] == "sale"])
        expected[str(number)] = (f"{begin:%Y-%m-%d %H}:00", len(group), units, *kinds, total(group))
    names = ("Gross sales", "Cancellations", "Adjustments", "Net sales")
    columns = ["Invoice", "Hour (UTC)", "Lines", "Units sold", *names]
    rows = cells(found, columns)
    assert {row[0]: row[1:] for row in rows} == expected
    assert [row[1] for row in rows] == sorted((row[1] for row in rows), reverse=True)
    invoice = max(expected, key=lambda number: (expected[number][1], number))
    shown = of_shop.draw(customers.body, selection, id=ONE, inv=invoice).rows[f"invoice-{invoice}"]
    assert Counter(cells(shown, LINE)) == Counter(
        (
            f"{line['InvoiceDate']:%Y-%m-%d %H:%M}",
            line["StockCode"],
            line["Description"],
            line["Quantity"],
            Decimal(line["UnitPrice"]),
            line["amount"],
            line["kind"],
            format.country(line["Country"]),
        )
        for line in lines[lines["InvoiceNo"] == invoice].to_dict("records")
    )
