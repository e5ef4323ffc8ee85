"""One customer's own view: figures, trend, products, invoices and their lines."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from retail_pipeline.adapters.mongo.reads.customers import CustomerProduct
from retail_pipeline.analytics import customers, rfm
from retail_pipeline.analytics.tables import SALE
from retail_pipeline.dashboard import data, format, panel, panels, url_state
from retail_pipeline.dashboard.customers import invoices as customer_invoices
from retail_pipeline.dashboard.explain import Scope
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.view import OneCustomer, View
from retail_pipeline.domain.days import date_of_number, day_number
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.periods import Period

MOST_PRODUCTS = 25
MOST_LETTERS = 100  # no customer's number is longer
CUSTOMER = url_state.text("id", "", MOST_LETTERS)
_MOST_DAYS_BY_BEST_UNIT = 120
# A customer's row of the segments; None without an order.
Scored = dict[Hashable, Any] | None


def show(view: View, place: int, number: str) -> None:
    """Draw the view of the customer whose number in the dictionary is ``place``."""
    own = OneCustomer(view.snapshot, view.choice, view.days, place, number)
    st.button("All customers", icon=":material/arrow_back:", on_click=_back, key="back")
    st.header(f"Customer {format.plain(number)}")
    if not len(own.orders):
        st.info(_elsewhere(own), icon=":material/filter_alt_off:")
        return
    _cards(view, own)
    _trend(own)
    invoices = customers.by_invoice(own.orders, own.snapshot.dictionaries)
    _products(own)
    customer_invoices.draw(own, invoices)


def _back() -> None:
    url_state.put(id="", inv=None)


def _elsewhere(own: OneCustomer) -> str:
    """Return what there is of the customer when the filters leave nothing."""
    days = own.mine(own.snapshot.orders)["day"]
    there = Period(date_of_number(days.min()), date_of_number(days.max()))
    return (
        "**No transactions of this customer** under these filters. There are some from"
        f" {format.span(there)}: choose another period, or set a filter back."
    )


def _cards(view: View, own: OneCustomer) -> None:
    figures, reach = own.figures, own.during(Period(own.days.first, own.period.last))
    found = rfm.segmented(customers.by_customer(view.orders), day_number(own.period.last))
    first = customers.first_orders(reach)
    scored = next(iter(found[found.index == own.place].to_dict("records")), None)
    since = format.day(date_of_number(first.iloc[0])) if len(first) else format.NOTHING
    last, meaning_of_last = _last_order(own, scored)
    segment, meaning_of_segment = _segment(scored, len(found))
    values = {
        "Net sales": format.money(figures.net),
        "Gross sales": format.money(figures.gross),
        "Orders": format.count(figures.orders),
        "Average order value": format.money(figures.average_order_value),
        "Cancellation rate": format.percent(figures.cancellation_rate),
        "Last order": last,
        "First order": since,
        "Segment": segment,
    }
    meanings = {
        "Last order": meaning_of_last,
        "First order": "The day of the first order in all data up to the period's last day, under"
        " the other filters.",
        "Segment": meaning_of_segment,
    }
    ordered = view.orders[view.orders["customer"].isin(found.index).to_numpy()]
    lines = format.count(int(ordered["lines"].sum()))
    everyone = Scope(rows=f"{lines} of all customers who ordered, of {view.stored}")
    panel.cards(own, "customer", values, meanings, scopes={"Segment": everyone})


def _last_order(own: OneCustomer, scored: Scored) -> tuple[str, str]:
    meaning = "Days from the last order in this selection to the period's last day"
    if scored is None:
        return format.NOTHING, f"{meaning}: there is none."
    ago = format.counted(int(scored["recency"]), "day")
    return f"{ago} ago", f"{meaning}, {format.day(own.period.last)}."


def _segment(scored: Scored, of: int) -> tuple[str, str]:
    if scored is None:
        return format.NOTHING, "Without an order in this selection there is no segment."
    r, f, m = (int(scored[name]) for name in "RFM")
    return rfm.NAMES[int(scored["segment"])], (
        f"RFM: recency scores {r} of 5, frequency {f}, monetary value {m}, among the"
        f" {format.counted(of, 'customer')} who ordered in this selection. The customers page"
        " explains the scores."
    )


def _trend(own: OneCustomer) -> None:
    period = own.period
    unit = "month" if period.days > _MOST_DAYS_BY_BEST_UNIT else period.best_unit
    title, alt = f"Trend of customer {own.number}", f"Net sales to customer {own.number} by {unit}"
    panels.over_time(own, "customer-trend", title, unit, alt=alt)


def _products(own: OneCustomer) -> None:
    snapshot = own.snapshot
    found = data.products_of_customer(own.selection, own.number, snapshot)
    table = pd.DataFrame(found, columns=list(CustomerProduct._fields))
    table = _less_duplicates(own, table.set_index("code").sort_index())
    table = table[~table.index.isin(list(FEES))]
    table = table.sort_values(["orders", "amount"], ascending=False, kind="stable")
    rows = pd.DataFrame(
        {
            "Product": table.index,
            "Name": [snapshot.name(code) for code in table.index],
            "Orders": table["orders"].to_numpy(),
            "Units sold": table["units"].to_numpy(),
            "Net sales": table["amount"].to_numpy(),
            "Last order": [None if moment is None else moment.date() for moment in table["last"]],
        }
    )
    meaning = (
        "The products that are on most of the customer's orders, and of those on as many the ones"
        f" with the highest net sales: the first {MOST_PRODUCTS} of {format.count(len(table))}; the"
        " CSV has all. Fee codes, such as postage, are no products."
    )
    title = f"Favourite products of {own.number}"
    scope = Scope(rows=f"those of {format.counted(len(rows), 'product')}")
    shown = rows.head(MOST_PRODUCTS)
    Panel(own, "customer-products", title, meaning, shown, scope, every_row=lambda: rows).table()


def _less_duplicates(own: OneCustomer, table: pd.DataFrame) -> pd.DataFrame:
    """Take away what is counted twice, if duplicates are left out: MongoDB counted them in."""
    if own.selection.duplicates:
        return table
    taken = own.mine(own.snapshot.duplicate_rows(own.selection))
    texts = own.snapshot.dictionaries.products.texts
    codes = [texts[place] for place in taken["product"]]
    units = np.where(taken["kind"] == SALE, taken["units"], 0)
    less = pd.DataFrame({"units": units, "micros": taken["micros"].to_numpy()}).groupby(codes).sum()
    less = less.reindex(table.index, fill_value=0)
    amounts = [
        each + from_micros(more) for each, more in zip(table["amount"], less["micros"], strict=True)
    ]
    return table.assign(units=table["units"] + less["units"], amount=amounts)
