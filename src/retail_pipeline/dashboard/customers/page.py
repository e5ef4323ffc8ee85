"""The customers: segments, retention and the top ones; and one of them, by number."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import streamlit as st

from retail_pipeline.analytics import customers, rfm, sums
from retail_pipeline.dashboard import format, panel, url_state
from retail_pipeline.dashboard.customers import one as customer_view
from retail_pipeline.dashboard.customers import panels as customer_panels
from retail_pipeline.dashboard.customers.one import CUSTOMER, MOST_LETTERS
from retail_pipeline.dashboard.customers.panels import EVERY_SEGMENT, SEGMENT
from retail_pipeline.dashboard.explain import among
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.days import date_of_number, day_number
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.periods import CUSTOM

TOP = 100
_CARDS = {
    "New customers": "Customers whose first order in all data up to the period's last day, under"
    " the other filters, is in this period.",
    "Ordered again": "The share of the customers with two or more orders in this period.",
    "Net sales per customer": "Net sales of customers with a number, divided by those of them who"
    " ordered.",
    "Guests' orders": "Orders without a customer number.",
    "Guests' gross sales": "Amounts of all sale lines without a customer number.",
    "Guests' net sales": "What all lines without a customer number add up to.",
}
_OF_KNOWN = ("Customers", "New customers", "Ordered again", "Net sales per customer")
_OF_GUESTS = ("Guests' orders", "Guests' gross sales", "Guests' net sales")


def body(view: View) -> None:
    """Draw the page, or the view of the customer whose number is asked for."""
    text = _lookup()
    place = _place(view, text)
    if place is not None:
        customer_view.show(view, place, text)
        return
    if text:
        st.warning(
            f"**No customer has the number {format.plain(text)}.** Numbers are as in the data, such"
            " as 17850; guests have none.",
            icon=":material/person_off:",
        )
    _everyone(view)


def _lookup() -> str:
    text = st.text_input(
        "Customer number",
        type="search",
        max_chars=MOST_LETTERS,
        placeholder="A customer's number, for orders, products and trend",
        width=420,
        **url_state.widget(CUSTOMER, "value", inv=None),
    )
    return (text or "").strip()


def _place(view: View, text: str) -> int | None:
    """Return the place of the customer with this number in the dictionary; None without one."""
    found = view.snapshot.dictionaries.customers.known([text])
    return found[0] if found and (view.snapshot.orders["customer"] == found[0]).any() else None


def _everyone(view: View) -> None:
    table = customers.by_customer(view.orders)
    from_the_start = replace(
        view.choice, preset=CUSTOM, first=view.days.first, last=view.period.last
    )
    reach = View(view.snapshot, from_the_start, view.days)
    first = customers.first_orders(reach.orders)
    _cards(view, table, first)
    found = rfm.segmented(table, day_number(view.period.last))
    if len(found):
        _panels(view, table, found, reach, first)
    else:
        st.info(
            "**No order of a customer with a number** is in this selection: there is nothing to"
            " say about who comes back.",
            icon=":material/group_off:",
        )
    if len(table):
        _top(view, table, found)


def _panels(
    view: View, table: pd.DataFrame, found: pd.DataFrame, reach: View, first: pd.Series
) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        customer_panels.segments(view, table, found)
    with right:
        customer_panels.movement(view, found)
    customer_panels.segment_figures(view, found)
    left, right = st.columns(2, gap="large")
    with left:
        customer_panels.cohorts(reach)
    with right:
        customer_panels.new_and_returning(view, first)


def _cards(view: View, table: pd.DataFrame, first: pd.Series) -> None:
    ordered = table[table["orders"] > 0]
    began = first.reindex(ordered.index) >= day_number(view.period.first)
    known_rows, guest_rows = customers.split(view.orders)
    guests = sums.figures(guest_rows)
    known_net = from_micros(int(table["net"].sum()))
    share_of_net = float(guests.net / view.figures.net) if view.figures.net else None
    values = {
        "Customers": format.count(len(ordered)),
        "New customers": format.count(int(began.sum())),
        "Ordered again": format.percent(
            float((ordered["orders"] > 1).mean()) if len(ordered) else None
        ),
        "Net sales per customer": format.money(known_net / len(ordered) if len(ordered) else None),
        "Guests' orders": format.count(guests.orders),
        "Guests' gross sales": format.money(guests.gross),
        "Guests' net sales": format.money(guests.net),
        "Guests' share": format.percent(view.figures.guest_share),
    }
    scopes = {
        **dict.fromkeys(_OF_KNOWN, among(known_rows, "of customers with a number")),
        **dict.fromkeys(_OF_GUESTS, among(guest_rows, "of guests")),
    }
    panel.cards(view, "customers", values, _CARDS, scopes=scopes)
    st.caption(
        format.plain(
            f"Net sales {format.money(view.figures.net)} = customers with a number"
            f" {format.money(known_net)}, guests {format.money(guests.net)}"
            f" ({format.percent(share_of_net)}). Guests can't be identified: they are in no segment"
            " and no cohort."
        )
    )


def _top(view: View, table: pd.DataFrame, found: pd.DataFrame) -> None:
    segments = found["segment"].reindex(table.index, fill_value=rfm.ABSENT)
    names = np.array([*rfm.NAMES, format.NOTHING])
    table = table.assign(segment=names[segments.to_numpy()])
    wanted = url_state.dropdown("Customers of segment", SEGMENT, width=420)
    if wanted in rfm.NAMES:
        table = table[table["segment"] == wanted]
    ranked = customers.ranked(table, view.snapshot.dictionaries)
    shown = ranked.head(TOP)
    title = "Top customers" if wanted == EVERY_SEGMENT else f"Top customers: {wanted}"
    meaning = (
        f"Customers with a number by net sales: the first {TOP}; the CSV has all. A click on a row"
        " opens that customer's own view. The cancellation rate is cancellation invoices divided"
        " by orders."
    )
    rows = view.orders[view.orders["customer"].isin(ranked.index)]
    which = (
        "of customers with a number" if wanted == EVERY_SEGMENT else "of this segment's customers"
    )
    Panel(
        view,
        "top-customers",
        title,
        meaning,
        _top_rows(view, shown),
        among(rows, which),
        every_row=lambda: _top_rows(view, ranked),
    ).table(open_customer, shown["number"].tolist(), height=420)
    if len(table) > len(shown):
        rest = int(table["net"].sum() - shown["net"].sum())
        others = format.counted(len(table) - len(shown), "other customer")
        st.caption(format.plain(f"{others}: {format.money(from_micros(rest))} of net sales."))


def _top_rows(view: View, shown: pd.DataFrame) -> pd.DataFrame:
    texts = view.snapshot.dictionaries.countries.texts
    rows = view.orders[view.orders["customer"].isin(shown.index)]
    country = customers.countries(rows).reindex(shown.index)
    net, gross = ([from_micros(each) for each in shown[name]] for name in ("net", "gross"))
    orders, ordered = shown["orders"].tolist(), shown["orders"].where(shown["orders"] > 0)
    return pd.DataFrame(
        {
            "Customer": shown["number"].to_numpy(),
            "Country": [format.country(texts[place]) for place in country],
            "Segment": shown["segment"].to_numpy(),
            "Net sales": net,
            "Orders": orders,
            "Last order": [_day(each) for each in shown["last"]],
            "Gross sales": gross,
            "Units sold": shown["units"].to_numpy(),
            "Average order value": [
                value / count if count else None for value, count in zip(gross, orders, strict=True)
            ],
            "Cancellations": shown["cancellations"].to_numpy(),
            "Cancellation rate": (shown["cancellations"] / ordered).to_numpy(float),
            "First order": [_day(each) for each in shown["first"]],
        }
    )


def _day(number: int) -> date | None:
    return None if number == customers.NO_DAY else date_of_number(number)


def open_customer(number: str | None) -> None:
    """Open the view of the customer whose row was chosen; called when one was."""
    if number is not None:
        url_state.put(id=number, inv=None)
