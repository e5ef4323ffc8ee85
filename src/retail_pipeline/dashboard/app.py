"""The dashboard's frame: its pages, and what every one of them has."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from retail_pipeline.dashboard import frame, sign_in, states
from retail_pipeline.dashboard.pages import customers, live, overview, products, quality, returns
from retail_pipeline.errors import RetailError

_PAGES = [
    st.Page(
        partial(frame.show, "Overview", overview.body),
        title="Overview",
        icon=":material/monitoring:",
        url_path="overview",
        default=True,
    ),
    st.Page(
        partial(frame.show, "Products", products.body),
        title="Products",
        icon=":material/inventory_2:",
        url_path="products",
    ),
    st.Page(
        partial(frame.show, "Customers", customers.body),
        title="Customers",
        icon=":material/groups:",
        url_path="customers",
    ),
    st.Page(
        partial(frame.show, "Returns and adjustments", returns.body),
        title="Returns",
        icon=":material/undo:",
        url_path="returns",
    ),
    st.Page(
        partial(frame.show, "Live", live.body, every=live.REFRESH_SECONDS, bare=True),
        title="Live",
        icon=":material/bolt:",
        url_path="live",
    ),
    st.Page(
        partial(frame.show, "Data quality", quality.body, bare=True),
        title="Data quality",
        icon=":material/verified:",
        url_path="quality",
    ),
]


def run() -> None:
    """Draw the page that the viewer is on; Streamlit calls this at each full run."""
    st.set_page_config(
        page_title="Retail analytics",
        page_icon=Path(__file__).with_name("icon.svg"),
        layout="wide",
        menu_items={"about": "Retail analytics: net sales, orders, products and customers, live."},
    )
    try:
        if not sign_in.passed():
            return
    except RetailError as error:
        states.failed(error)
        return
    sign_in.signed_in()
    st.navigation(_PAGES, position="sidebar").run()
