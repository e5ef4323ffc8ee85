"""One product by itself: its figures, sales and prices over time, countries, and companions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from retail_pipeline.analytics import products, sums
from retail_pipeline.dashboard import data, format, frames, panel, panels, states, url_state
from retail_pipeline.dashboard.explain import Scope
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.products import charts as product_charts
from retail_pipeline.dashboard.view import View

TOP_COUNTRIES, TOP_ALONG = 8, 20
_OPENED = "opened_product"
_SCROLL = """<script>
document.querySelector('[data-testid="stMain"]')?.scrollTo({top: 0});
</script>"""
_LIFT = st.column_config.NumberColumn(format="%.1f\N{MULTIPLICATION SIGN}")
_HELP = {
    "Mean price": "Gross sales divided by units sold: each line's price counts as often as it sold"
    " units.",
    "Return rate": "Units on cancellation lines divided by units sold, both within the filters;"
    " what was sold before them may be among the former.",
    "Rank": "Its place among all products by net sales, under the filters of the page.",
}


def open_product(code: str | None) -> None:
    """Show one product, or all of them; only for callbacks."""
    url_state.put(item=code)
    st.session_state[_OPENED] = True


def to_the_top() -> None:
    """Begin to read at the product's figures, not where the row was that led to it."""
    if st.session_state.pop(_OPENED, False):
        st.html(_SCROLL, unsafe_allow_javascript=True)


def body(page: View, code: str, ranked: pd.DataFrame) -> None:
    """Draw one product under the page's filters; ``ranked`` are all products under them."""
    view = View(page.snapshot, replace(page.choice, products=(code,)), page.days)
    st.header(f"{format.plain(view.snapshot.name(code))} :gray[{format.plain(code)}]")
    if page.choice.products and code not in page.choice.products:
        st.info(
            "**The filters leave this product out:** it is not among the products chosen there.",
            icon=":material/filter_alt_off:",
        )
        return
    if not view.figures.lines:
        states.no_rows(view)
        return
    _cards(view, code, ranked)
    _trend(view, code)
    left, right = st.columns(2, gap="large")
    with left:
        _prices(view, code)
        _countries(view, code)
    with right:
        _companions(view, page, code)


def _cards(view: View, code: str, ranked: pd.DataFrame) -> None:
    found, back = view.figures, products.units_back(view.orders)
    cards = {
        "Net sales": format.money(found.net),
        "Gross sales": format.money(found.gross),
        "Orders": format.count(found.orders),
        "Units sold": format.count(found.units),
        "Mean price": format.money(found.gross / found.units if found.units else None),
        "Customers": format.count(found.customers),
        "Return rate": format.percent(back / found.units if found.units else None),
        "Rank": _rank(code, ranked["code"].tolist()),
    }
    ranking = Scope(rows="those of all products under the filters of the page")
    panel.cards(view, "product", cards, _HELP, scopes={"Rank": ranking})
    st.caption(
        format.plain(
            f"{format.counted(back, 'unit')} returned, on"
            f" {format.counted(found.cancellations, 'cancellation invoice')}:"
            f" {format.money(found.cancelled)}. Adjustments: {format.money(found.adjusted)}."
        )
    )


def _rank(code: str, ranked: list[str]) -> str:
    """Return the product's place; its first lines may be stored and not summarised yet."""
    if code not in ranked:
        return format.NOTHING
    return f"{format.count(ranked.index(code) + 1)} of {format.count(len(ranked))}"


def _trend(view: View, code: str) -> None:
    unit = view.period.best_unit
    title, alt = f"Revenue of {code} over time", f"Net sales of {code} by {unit}"
    alt = f"{alt}, {format.span(view.period)}"
    panels.over_time(view, "product-over-time", title, unit, alt=alt)


def _prices(view: View, code: str) -> None:
    unit = view.period.best_unit
    found = data.prices(code, view.selection, unit, view.snapshot)
    if not found:
        st.subheader("Prices paid")
        st.caption("No sale under these filters, so there is no price.")
        return
    rows = product_charts.price_rows(found)
    frame = product_charts.prices_frame(rows, [each.start for each in found], unit)
    meaning = (
        f"Unit prices of the sale lines of each {unit}, in UTC. The line is the mean, in which each"
        " line's price counts as often as it sold units; the grey bars reach from the lowest to"
        " the highest price."
    )
    scope = Scope(sum(each.lines for each in found), "of sales")
    shown = Panel(view, "product-prices", f"Prices paid for {code}", meaning, rows, scope)
    spec = product_charts.prices(view.period, unit)
    shown.chart(spec, frame, alt=f"Unit prices of {code} by {unit}")


def _countries(view: View, code: str) -> None:
    rows = frames.country_rows(sums.by_country(view.orders, view.snapshot.dictionaries))
    title, alt = f"Countries of {code}", f"Net sales of {code} in its top countries"
    panels.countries(view, "product-countries", title, rows, TOP_COUNTRIES, alt=alt)
    if len(rows) > TOP_COUNTRIES:
        st.caption(format.counted(len(rows) - TOP_COUNTRIES, "more country", "more countries"))


def _companions(view: View, page: View, code: str) -> None:
    basket = data.bought_with(code, view.selection, view.snapshot)
    if basket.since is None or not basket.others:
        st.subheader("Bought together")
        st.caption("No order under these filters has anything else on it.")
        return
    # Beside all orders of the same days: what sells in December goes along with all else in it.
    first = page.selection.first if basket.every else basket.since
    same = replace(page.selection, products=(), first=first)
    base = data.ranked_products(page.snapshot, same)
    orders = sums.figures(page.snapshot.order_rows(same)).orders
    found = products.bought_together(basket, base, orders)
    rows = pd.DataFrame(
        {
            "Product": [page.snapshot.name(each) for each in found["code"]],
            "Orders": found["together"],
            "Share": found["share"],
            "Lift": np.round(found["lift"], 2),
            "Code": found["code"].tolist(),
        }
    )
    shown, orders_with = rows[:TOP_ALONG], format.counted(basket.orders, "order")
    which = f"{'all' if basket.every else 'the latest'} {orders_with} with it"
    title = f"Bought together with {code}"
    Panel(
        view,
        "bought-together",
        title if basket.every else f"{title}, latest {orders_with}",
        f"Products on the same invoices: the {len(shown)} most frequent on {which} since"
        f" {format.day(first)}; the CSV has all {format.count(len(rows))}. **Share**: of those"
        " orders. **Lift**: that share divided by the share of all orders of the same days"
        " that have the other product; above 1, the two are bought together more often than by"
        " chance. Sale lines alone, without fee codes, whatever products the filters choose.",
        shown,
        Scope(rows=f"sale lines of {which}"),
        every_row=lambda: rows,
    ).table(
        open_product,
        shown["Code"].tolist(),
        column_config={"Lift": _LIFT},
        height="content",
        placeholder=format.NOTHING,
    )
    st.caption(f"Of {which}.")
