"""The products: which ones sell, how far sales concentrate on few of them, and each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from retail_pipeline.analytics import products
from retail_pipeline.analytics.snapshot import NAMED
from retail_pipeline.dashboard import charts, data, format, frames, picks, url_state
from retail_pipeline.dashboard.explain import Scope
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.products import charts as product_charts
from retail_pipeline.dashboard.products import one as product
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.contract import CONTRACT
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.money import from_micros

TOP = 10
_OFFERED = 200
_LONGEST = sum(CONTRACT.limit(name, "maxLength") for name in ("StockCode", "Description"))
ITEM = url_state.text("item", None, _LONGEST)
FIND = url_state.text("find", "", _LONGEST, typed=True)
_BELOW_ZERO = "Cancellations"
# What products are ranked by, and its column.
_MEASURES = {
    "Net sales": "net",
    "Units sold": "units",
    "Orders": "orders",
    "Units returned": "back",
    _BELOW_ZERO: "cancelled",
}
RANK = url_state.one_of("rank", _MEASURES)
_MEANING = (
    "**Net sales** of all lines of a product. **Units sold** and **orders** of its sale lines;"
    " an order is an invoice, counted for each day, country, and guests or known customers, so"
    " that one that runs over midnight counts twice. **Mean price**: gross sales divided by units"
    " sold. **Units returned** and **cancellations** (their amount) of lines on cancellation"
    " invoices. **Return rate**: units returned divided by units sold, within the filters, also of"
    " what was sold before. Names are those last sold under. Codes for postage and other fees"
    " count unless *Adjustments and fees* is off."
)


def body(view: View) -> None:
    """Draw the page: all products, or the one that is chosen."""
    ranked = data.ranked_products(view.snapshot, view.selection)
    with st.container(key="products-search"):
        search, opened = st.columns(2)
        with opened:
            code = _chosen(_best(view, ranked))
    if code is not None:
        with search:
            back = partial(product.open_product, None)
            st.button("All products", icon=":material/arrow_back:", on_click=back)
        product.body(view, code, ranked)
        product.to_the_top()
        return
    with search:
        asked = _search()
    _all(view, ranked, asked)


def _best(view: View, ranked: pd.DataFrame) -> list[str]:
    """Return labels of the best-selling of the products searched for: all would be slow."""
    found = _found(view, ranked, url_state.value(FIND).strip())[:_OFFERED]
    return [view.snapshot.label(code) for code in found["code"]]


def _found(view: View, ranked: pd.DataFrame, asked: str) -> pd.DataFrame:
    return ranked[products.matching(ranked, view.snapshot.names, asked)] if asked else ranked


def _chosen(offered: Sequence[str]) -> str | None:
    """Draw the choice of one product; a bare code, typed or from a link, is as good as a name.

    One that the data lacks stays chosen, and the page says that there are no rows of it.
    """
    more = [url_state.value(ITEM)] if url_state.value(ITEM) else []
    chosen: str | None = st.selectbox(
        "Product",
        list(dict.fromkeys([*offered, *more])),
        index=None,
        placeholder="All products: choose one by code or name",
        help="Shows one product by itself: one of the best-selling that *Search* finds, or that"
        " whose code is typed. A click on a bar or a row of the table does the same.",
        accept_new_options=True,
        **url_state.widget(ITEM, options=[None, *offered, *more]),
    )
    return chosen.partition(NAMED)[0] if chosen and len(chosen) <= _LONGEST else None


def _search() -> str:
    asked: str = st.text_input(
        "Search",
        type="search",
        max_chars=_LONGEST,
        placeholder="Code or words, such as: red lantern",
        help="Narrows the ranking and the table to products with all of these words.",
        live=True,
        **url_state.widget(FIND, "value"),
    )
    return asked.strip()


def _all(view: View, ranked: pd.DataFrame, asked: str) -> None:
    found = _found(view, ranked, asked)
    measure = url_state.segments("Ranked by", RANK)
    # What cancellations take away is below zero: the most of it first.
    rising = measure == _BELOW_ZERO
    found = found.sort_values(
        [_MEASURES[measure], "code"], ascending=[rising, True], ignore_index=True
    )
    rows = _rows(view, found, total=int(ranked["net"].sum()))
    left, right = st.columns(2, gap="large")
    with left:
        if len(found):
            _top(view, rows, measure, asked)
        else:
            st.info(f"**No product** has “{format.plain(asked)}” in its code or name.")
    with right:
        _pareto(view, ranked)
    if len(found):
        _table(view, rows, measure, asked)


def _titled(title: str, asked: str) -> str:
    return f"{title} with “{asked}”" if asked else title


def _top(view: View, every: pd.DataFrame, measure: str, asked: str) -> None:
    rows = every[:TOP]
    values = -rows[measure] if measure == _BELOW_ZERO else rows[measure]
    named = {"name": rows["Product"], "drawn": frames.floats(values), "Code": rows["Code"]}
    frame = pd.DataFrame({**named, **frames.written(rows, *_MEASURES)})
    title, meaning = _titled("Top products", asked), f"{_MEANING} The CSV has all products."
    Panel(view, "top-products", title, meaning, every, _of(every)).chart(
        charts.ranking(frame, "drawn", measure, "Code"),
        frame,
        alt=f"Products with the most {measure.lower()}",
        picked=_open_bar,
    )
    fees = sum(code in FEES for code in rows["Code"])
    if fees:
        st.caption(
            f"{format.counted(fees, 'row')} of fees and the like, no goods: switch *Adjustments and"
            " fees* off to leave them out."
        )


def _of(rows: pd.DataFrame) -> Scope:
    return Scope(rows=f"those of {format.counted(len(rows), 'product')}")


def _open_bar(key: str) -> None:
    for each in picks.of_chart(key):
        product.open_product(each["Code"])


def _table(view: View, rows: pd.DataFrame, measure: str, asked: str) -> None:
    title = _titled(format.counted(len(rows), "product"), asked)
    meaning = f"{_MEANING} Sorted by {measure.lower()}."
    Panel(view, "products", title, meaning, rows, _of(rows)).table(
        product.open_product, rows["Code"].tolist(), height=460, placeholder=format.NOTHING
    )


def _rows(view: View, found: pd.DataFrame, total: int) -> pd.DataFrame:
    """Return the table as it is shown and exported."""
    units = found["units"]
    gross = [from_micros(micros) for micros in found["gross"]]
    return pd.DataFrame(
        {
            "Code": found["code"].tolist(),
            "Product": [view.snapshot.name(code) for code in found["code"]],
            "Net sales": [from_micros(micros) for micros in found["net"]],
            "Share of net sales": found["net"].to_numpy(float) / (total or np.nan),
            "Units sold": units,
            "Orders": found["orders"].to_numpy(),
            "Mean price": [
                amount / sold if sold else None
                for amount, sold in zip(gross, units.tolist(), strict=True)
            ],
            "Units returned": found["back"],
            "Cancellations": [from_micros(micros) for micros in found["cancelled"]],
            "Return rate": found["back"] / units.where(units > 0).astype(float),
        }
    )


def _pareto(view: View, ranked: pd.DataFrame) -> None:
    found = products.pareto(ranked)
    if not found.earning:
        st.info("**No product** has net sales above zero under these filters.")
        return
    codes = found.curve["code"].tolist()
    names = [view.snapshot.name(code) for code in codes]
    rows = pd.DataFrame(
        {
            "Rank": range(1, len(codes) + 1),
            "Code": codes,
            "Product": names,
            "Net sales": [from_micros(micros) for micros in found.curve["net"]],
            "Share of products": found.curve["products"],
            "Share of net sales": found.curve["share"],
        }
    )
    frame = product_charts.pareto_frame(found, names)
    meaning = (
        "Products by net sales, the best first, and what share of net sales they make together."
        " Only products with net sales above zero are counted, all of them, whatever is searched"
        " for. The dashed lines meet where the"
        " fewest products make 80% of it. The line is drawn through some of the products; the CSV"
        " has them all."
    )
    scope = Scope(rows=f"those of {format.counted(len(rows), 'product')} with net sales above zero")
    text = _concentration(found)
    shown = Panel(view, "concentration", "Concentration", meaning, rows, scope)
    shown.chart(product_charts.pareto(), frame, alt=text)
    st.markdown(format.plain(text))
    if found.others:
        st.caption(
            format.plain(
                f"{format.counted(found.others, 'more product')} had no net sales, or less than"
                f" none: {format.money(from_micros(found.lost))} together."
            )
        )


def _concentration(found: products.Pareto) -> str:
    share = format.percent(found.best / found.earning)
    return (
        f"{share} of the products ({format.count(found.best)} of {format.count(found.earning)})"
        f" make 80% of their net sales of {format.money(from_micros(found.total))}."
    )
