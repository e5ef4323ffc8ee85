"""Each figure of the overview is pandas' over the file, under every filter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest

from retail_pipeline.dashboard import filters, format, shell
from retail_pipeline.dashboard.overview import page as overview
from retail_pipeline.domain.figures import Selection
from tests import shop
from tests.pages.figures.conftest import Pages, draw, in_2012, starts_of, two_years
from tests.selections import SELECTIONS

TABLE = shop.table()
YEARS = shop.frame(two_years())
PREVIOUS = (date(2012, 2, 20), date(2012, 2, 29))
YEAR_BEFORE = (date(2011, 3, 1), date(2011, 3, 10))
Value = Decimal | float | int | None
every_selection = pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)


def ratio(part: Decimal | int, whole: Decimal | int) -> float | None:
    return float(Fraction(part) / Fraction(whole)) if whole else None


def values(lines: pd.DataFrame) -> dict[str, Value]:
    """Return the figures of the cards, straight from the lines."""
    sales = lines[lines["kind"] == "sale"]
    gross, orders = sum(sales["amount"], Decimal(0)), len(set(sales["InvoiceNo"]))
    to_guests = sum(sales["amount"][[each is None for each in sales["CustomerID"]]], Decimal(0))
    undone = set(lines["InvoiceNo"][lines["kind"] == "cancellation"])
    return {
        "Net sales": sum(lines["amount"], Decimal(0)),
        "Gross sales": gross,
        "Orders": orders,
        "Average order value": gross / orders if orders else None,
        "Units per order": ratio(sum(sales["Quantity"]), orders),
        "Customers": len(set(sales["CustomerID"]) - {None}),
        "Guests' share": ratio(to_guests, gross),
        "Cancellation rate": ratio(len(undone), orders),
    }


def written(label: str, value: Value) -> str:
    """Return a figure as its card has it."""
    if value is None:
        return "–"
    if label in ("Net sales", "Gross sales", "Average order value"):
        return format.money(Decimal(value))
    if label in ("Orders", "Customers"):
        return f"{value:,}"
    return f"{value:,.1f}" if label == "Units per order" else f"{value:.1%}"


def during(selection: Selection, days: tuple[date, date]) -> pd.DataFrame:
    return shop.selected(YEARS, replace(selection, first=days[0], last=days[1]))


def change(label: str, now: Value, before: Value) -> str | None:
    """Return a change as a card has it; there is none to tell from nothing, or from less.

    That of a share or a rate is in percentage points.
    """
    if label in ("Guests' share", "Cancellation rate"):
        if now is None or before is None:
            return None
        return f"{float((Fraction(now) - Fraction(before)) * 100):+z.1f} pp"
    if now is None or before is None or before <= 0:
        return None
    return f"{float(Fraction(now) / Fraction(before) - 1):+z.1%}"


@every_selection
def test_the_cards_read_what_pandas_finds(of_shop: Pages, selection: Selection) -> None:
    drawn = of_shop.draw(overview.body, selection)
    expected = values(shop.selected(TABLE, selection))
    assert drawn.cards == {label: written(label, each) for label, each in expected.items()}


@every_selection
def test_the_equation_below_the_cards_adds_up(of_shop: Pages, selection: Selection) -> None:
    drawn = of_shop.draw(overview.body, selection)
    lines = shop.selected(TABLE, selection)
    sales, cancelled, adjusted = (
        sum(lines["amount"][lines["kind"] == kind], Decimal(0))
        for kind in ("sale", "cancellation", "adjustment")
    )
    units = sum(lines["Quantity"][lines["kind"] == "sale"])
    assert (
        f"gross sales {format.money(sales)}, cancellations {format.money(cancelled)}, adjustments"
        f" {format.money(adjusted)}. {units:,} units sold." in drawn.text
    )


def finest(selection: Selection) -> str:
    """Return the unit of time in which a card has at most 60 points."""
    days = (min(selection.last, shop.LAST) - max(selection.first, shop.FIRST)).days + 1
    return "hour" if days <= 2 else "day" if days <= 60 else "week" if days <= 400 else "month"


@every_selection
def test_the_lines_in_the_cards_are_pandas_figures_over_time(
    of_shop: Pages, selection: Selection
) -> None:
    drawn = of_shop.draw(overview.body, selection)
    lines = shop.selected(TABLE, selection)
    unit = finest(selection)
    of_each = lines.groupby(pd.Series(starts_of(lines, unit), lines.index))
    found: dict[datetime, dict[str, Value]] = {start: values(group) for start, group in of_each}
    first, last = max(selection.first, shop.FIRST), min(selection.last, shop.LAST)
    hours = pd.date_range(first, last + timedelta(1), freq="h", inclusive="left")
    # A ratio of no orders has no point, anything else is zero where nothing was sold.
    every = sorted(set(starts_of(pd.DataFrame({"InvoiceDate": hours}), unit)))
    points = [found.get(start, values(lines[:0])) for start in every]
    assert found and len(points) >= len(found)
    for label in drawn.cards:
        expected = [
            float("nan") if (figure := each[label]) is None else float(figure) for each in points
        ]
        drawn_points = drawn.options[label]["chart_data"]
        assert drawn_points == pytest.approx(expected, nan_ok=True)


@every_selection
def test_cards_compare_with_the_previous_period_and_the_year_before(
    of_years: Pages, selection: Selection
) -> None:
    selection = in_2012(selection)
    drawn = of_years.draw(overview.body, selection, vs="Previous period")
    now = values(shop.selected(YEARS, selection))
    previous, year = (values(during(selection, days)) for days in (PREVIOUS, YEAR_BEFORE))
    for label, options in drawn.options.items():
        known = {
            name: found
            for name, before in (("previous period", previous), ("year before", year))
            if (found := change(label, now[label], before[label])) is not None
        }
        texts = [f"on {name}" for name in known]
        if len(known) == 2:
            texts[1] = f"{known['year before']} {texts[1]}".replace("-", "\N{MINUS SIGN}")
        assert options.get("delta") == next(iter(known.values()), None)
        assert options.get("delta_description", "") == "; ".join(texts)
        meaning = options["meaning"].replace("\\", "")
        assert f"Previous period: {written(label, previous[label])}." in meaning
        assert f"Year before: {written(label, year[label])}." in meaning


@pytest.mark.parametrize(
    ("compared", "days"), [("Previous period", PREVIOUS), ("Year before", YEAR_BEFORE)]
)
@every_selection
def test_the_dashed_line_is_what_the_other_period_sold_on_the_day_in_the_same_place(
    of_years: Pages,
    selection: Selection,
    compared: str,
    days: tuple[date, date],
) -> None:
    selection = in_2012(selection)
    drawn = of_years.draw(overview.body, selection, vs=compared)
    earlier, now = during(selection, days), shop.selected(YEARS, selection)
    found = drawn.frames["revenue-over-time"]
    for name, lines, first in (("net", now, selection.first), ("before", earlier, days[0])):
        expected = [
            float(sum(lines["amount"][lines["day"] == first + timedelta(n)], Decimal(0)))
            for n in range(10)
        ]
        assert found[name].tolist() == expected
    at = [datetime(2012, 3, 1 + n, tzinfo=UTC) for n in range(10)]
    assert [each.to_pydatetime() for each in found["start"]] == at


@pytest.mark.parametrize(
    ("compared", "days", "texts"),
    [
        ("Previous period", PREVIOUS, ["2012-02-20 to 2012-02-23", "2012-02-24 to 2012-02-29"]),
        ("Year before", YEAR_BEFORE, ["2011-03-01 to 2011-03-04", "2011-03-05 to 2011-03-10"]),
    ],
)
@every_selection
def test_weeks_are_compared_day_by_day_and_add_up_to_the_other_period(
    of_years: Pages,
    selection: Selection,
    compared: str,
    days: tuple[date, date],
    texts: list[str],
) -> None:
    selection = in_2012(selection)
    drawn = of_years.draw(overview.body, selection, vs=compared, by="Week")
    # The ten days are Thursday to Sunday, and Monday to Saturday, whatever the other ones are.
    parts = [(days[0], days[0] + timedelta(3)), (days[0] + timedelta(4), days[1])]
    sold = [sum(during(selection, part)["amount"], Decimal(0)) for part in parts]
    rows = drawn.rows["revenue-over-time"]
    assert rows["Compared with (UTC)"].tolist() == texts
    assert rows["Net sales then"].tolist() == sold
    assert sum(sold) == sum(during(selection, days)["amount"], Decimal(0))
    assert drawn.frames["revenue-over-time"]["before"].tolist() == [float(each) for each in sold]


def test_without_a_whole_period_before_it_nothing_is_compared(of_shop: Pages) -> None:
    drawn = of_shop.draw(overview.body, SELECTIONS["everything"])
    assert not any("delta" in options for options in drawn.options.values())
    assert "before" not in drawn.frames["revenue-over-time"]


@every_selection
def test_what_each_switch_does_to_net_sales_is_the_difference_of_two_sums(
    of_shop: Pages, selection: Selection
) -> None:
    drawn = draw(shell._effects, of_shop.view(selection).choice)
    for name, (label, _) in filters.CLEANING.items():
        switches: list[dict[str, Any]] = [{name: True}, {name: False}]
        with_it, without = (
            sum(shop.selected(TABLE, replace(selection, **switch))["amount"], Decimal(0))
            for switch in switches
        )
        change = with_it - without
        sign = "+" if change > 0 else ""
        left_out = "" if getattr(selection, name) else ", left out"
        assert f"{label}{left_out}: {sign}{format.money(change)}" in drawn.text.split("  \n")
