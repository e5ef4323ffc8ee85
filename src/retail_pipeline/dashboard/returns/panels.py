"""The charts and tables of what came back."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pandas as pd
import streamlit as st

from retail_pipeline.analytics import return_sums, sums
from retail_pipeline.analytics.return_tables import MATCHED
from retail_pipeline.dashboard import filters, format, picks, url_state
from retail_pipeline.dashboard.explain import Scope
from retail_pipeline.dashboard.panel import TENTHS, Panel
from retail_pipeline.dashboard.returns import charts as return_charts
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.days import EPOCH
from retail_pipeline.domain.returns import UnmatchedReason

MOST = 50
_AWAY = "Days away"
_MINUTES_A_DAY = 24 * 60
COUNTED_IN = url_state.one_of("held", ("Lines", "Units"))
REASONS: dict[str | None, str] = {
    None: return_charts.MATCHED,
    UnmatchedReason.NO_SALE: "No earlier sale in the data",
    UnmatchedReason.GUEST: "Returned by a guest",
    UnmatchedReason.NO_UNITS: "More than was sold",
    UnmatchedReason.NOT_NEGATIVE: "Quantity not below zero",
}
_WHY = (
    "Units of cancellations of goods, by whether they undo a sale, and why not. **No earlier sale"
    " in the data**: this customer never bought the product before, most likely because the data"
    " begins later. **Returned by a guest**: without a customer number nobody can tell whose"
    " purchase it was. **More than was sold**: the sales before it had no more units left."
    " **Quantity not below zero**: nothing came back. A cancellation that undoes sales for a part"
    " of its units has its line in two rows."
)


def of_goods(returns: pd.DataFrame) -> Scope:
    """Return the scope of the cancellations that ``returns`` are parts of."""
    return Scope(int(returns["line"].nunique()), "of cancellations of goods")


def matched(view: View) -> Scope:
    """Return the scope of the cancellations that undo a sale."""
    parts = view.returns[(view.returns["reason"] == MATCHED).to_numpy()]
    return Scope(int(parts["line"].nunique()), "of cancellations that undo a sale")


def sold(view: View) -> Scope:
    """Return the scope of a rate of what is sold: the sales, and what came back of them since."""
    sales = return_sums.lines_sold(view.products, view.snapshot.dictionaries)
    cancellations = format.counted(int(view.returns["line"].nunique()), "cancellation line")
    since = format.counted(int(view.undone["line"].nunique()), "cancellation line")
    return Scope(
        rows=f"{format.counted(sales, 'sale line')} and {cancellations} of goods within the"
        f" filters; {since}, of whatever day, that undo these sales"
    )


def draw(view: View) -> None:
    """Draw when it came back, how long it was away, and what can't be matched."""
    _over_time(view)
    left, right = st.columns(2, gap="large")
    with left:
        _days_to_return(view)
    with right:
        _reasons(view)


def _over_time(view: View) -> None:
    unit = view.period.best_unit
    found = return_sums.timeline(view.returns, unit)
    starts = return_charts.moments(found)
    rows = pd.DataFrame(
        {
            "Start (UTC)": [format.minute(each) for each in starts],
            return_charts.MATCHED: found["matched"],
            return_charts.UNMATCHED: found["unmatched"],
        }
    )
    frame = return_charts.timeline_frame(rows, starts, unit)
    meaning = (
        f"Value of the goods that came back in each {unit}, in UTC. A click on a bar shows its days"
        " alone."
    )
    title, scope = "Returns over time", of_goods(view.returns)
    Panel(view, "returns-over-time", title, meaning, rows, scope).chart(
        return_charts.timeline(view.period, unit),
        frame,
        alt=f"Value returned by {unit}, {format.span(view.period)}",
        picked=picks.times(frame, view.period),
    )


def _days_to_return(view: View) -> None:
    rows = return_charts.days_to_return_rows(return_sums.by_days_to_return(view.returns))
    frame = return_charts.days_to_return_frame(rows)
    # Few big returns can hide all others.
    counted = url_state.segments("Counted in", COUNTED_IN).lower()
    meaning = (
        "Matched lines or units by the whole days, of 24 hours, between the sale and the return. A"
        " cancellation that undoes several sales counts in each one's bar."
    )
    title, alt = (
        "Days from sale to return",
        f"{counted.capitalize()} returned by days since the sale",
    )
    shown = Panel(view, "days-to-return", title, meaning, rows, matched(view))
    shown.chart(return_charts.days_to_return(frame, counted), frame, alt=alt)


def _reasons(view: View) -> None:
    found = return_sums.by_reason(view.returns, view.snapshot.dictionaries)
    units = int(found["units"].sum())
    rows = pd.DataFrame(
        {
            "What it undoes": [REASONS.get(each, str(each)) for each in found["reason"]],
            "Lines": found["lines"],
            "Units": found["units"],
            "Share of units": found["units"] / units if units else 0.0,
            "Value": found["value"],
        }
    )
    title, scope = "Matched, and why not", of_goods(view.returns)
    Panel(view, "matched-and-not", title, _WHY, rows, scope).table()


_RATES = (
    "**Units sold** of goods within the filters. **Came back**: those of them that were returned"
    " since, on whatever day. **True rate**: came back divided by sold. **Units returned**: of all"
    " cancellations within the filters, matched or not, also of what was sold before. **Plain"
    " rate**: units returned divided by sold. Only {things} of which something came back;"
    " a click on one shows it alone."
)


def rates(view: View) -> None:
    """Draw the tables of return rates, by product and by country."""
    scope, snapshot = sold(view), view.snapshot
    found, texts = _rates(view, "product"), snapshot.dictionaries.products.texts
    codes = [str(texts[number]) for number in found["product"]]
    named = {"Code": codes, "Product": [snapshot.name(code) for code in codes]}
    _draw_rates(view, "product", "products", found, named, list(map(snapshot.label, codes)), scope)
    found, texts = _rates(view, "country"), snapshot.dictionaries.countries.texts
    names = [format.country(texts[number]) for number in found["country"]]
    _draw_rates(view, "country", "countries", found, {"Country": names}, names, scope)


def _rates(view: View, by: str) -> pd.DataFrame:
    found = return_sums.rates(
        view.products, view.returns, view.undone, view.snapshot.dictionaries, by
    )
    found = found[(found["returned"] != 0) | (found["undone"] != 0)]
    return found.sort_values(
        ["value", "returned"], ascending=False, kind="stable", ignore_index=True
    )


def _draw_rates(
    view: View,
    by: str,
    things: str,
    found: pd.DataFrame,
    named: dict[str, list[str]],
    options: list[str],
    scope: Scope,
) -> None:
    """Draw one table of rates; ``options`` are the rows' names in the filter ``by``."""
    rows = pd.DataFrame(
        {
            **named,
            "Units sold": found["sold"],
            "Came back": found["undone"],
            "True rate": found["true_rate"],
            "Units returned": found["returned"],
            "Plain rate": found["plain_rate"],
            "Value returned": found["value"],
        }
    )
    key, meaning = f"return-rate-by-{by}", _RATES.format(things=things)
    shown = Panel(view, key, f"Return rate by {by}", meaning, rows, scope)
    shown.table(partial(_pick, by), options)


def _pick(field: str, name: str | None) -> None:
    """Show the row that was clicked alone; the table lets it go as soon as it has fewer rows."""
    if name is not None:
        filters.choose(**{field: [name]})


def biggest(view: View) -> None:
    """Draw the table of the cancellations of the highest value, beside the sales they undo."""
    rows = _biggest_rows(view, MOST)
    meaning = (
        f"The {MOST} cancellation lines of the highest value within the filters; the CSV has all."
        " The sale is the one that most of its units undo. **Days away**: from that sale to the"
        " return."
    )
    Panel(
        view,
        "biggest-returns",
        "Biggest returns",
        meaning,
        rows,
        of_goods(view.returns),
        every_row=lambda: _biggest_rows(view),
    ).table(column_config={_AWAY: TENTHS})


def _biggest_rows(view: View, most: int | None = None) -> pd.DataFrame:
    """Return the ``most`` cancellation lines of the highest value, or all of them."""
    found = return_sums.biggest(view.returns, most)
    dictionaries = view.snapshot.dictionaries
    codes = [str(dictionaries.products.texts[number]) for number in found["product"]]
    undoes = (found["matched"] > 0).tolist()
    invoices = dictionaries.invoices.texts
    customers = [dictionaries.customers.texts[number] for number in found["customer"]]
    away = (found["returned"] - found["sold"]) / _MINUTES_A_DAY
    return pd.DataFrame(
        {
            "Value": sums.pounds_column(-found["micros"]),
            "Units": found["units"],
            "Product": [view.snapshot.name(code) for code in codes],
            "Returned (UTC)": [_minute(each) for each in found["returned"]],
            "Sold (UTC)": _where(undoes, [_minute(each) for each in found["sold"]]),
            _AWAY: away.where(found["matched"] > 0).round(2),
            "Units matched": found["matched"],
            "Not matched": [REASONS.get(each, each) for each in _why_not(view, found)],
            "Cancellation": [invoices[number] for number in found["invoice"]],
            "Sale": _where(undoes, [invoices[number] for number in found["sold_invoice"]]),
            "Sales undone": found["sales"],
            "Code": codes,
            "Customer": ["Guest" if each is None else each for each in customers],
            "Country": [
                format.country(dictionaries.countries.texts[number]) for number in found["country"]
            ],
        }
    )


def _why_not(view: View, found: pd.DataFrame) -> list[str]:
    """Return the reason of the first unmatched part of each line; an empty one where none is."""
    parts = view.returns[view.returns["reason"] != MATCHED]
    reasons = parts.groupby("line")["reason"].first()
    texts = view.snapshot.dictionaries.reasons.texts
    return [str(texts[reasons[line]]) if line in reasons.index else "" for line in found["line"]]


def _where(known: list[bool], texts: list[str | None]) -> list[str | None]:
    return [text if each else "" for each, text in zip(known, texts, strict=True)]


def _minute(minutes: int) -> str:
    return format.minute(EPOCH + timedelta(minutes=int(minutes)))
