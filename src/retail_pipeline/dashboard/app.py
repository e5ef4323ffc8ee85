"""The dashboard's pages, and what all of them share."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from retail_pipeline.dashboard import data, shell, sign_in, states
from retail_pipeline.dashboard.customers import page as customers
from retail_pipeline.dashboard.operations import live, quality
from retail_pipeline.dashboard.overview import page as overview
from retail_pipeline.dashboard.products import page as products
from retail_pipeline.dashboard.returns import page as returns
from retail_pipeline.errors import RetailError


def _page(
    path: str, title: str, body: shell.Body, icon: str, *, heading: str = "", **how: Any
) -> Any:
    draw = partial(shell.show, heading or title, body, **how)
    default = path == "overview"
    return st.Page(draw, title=title, icon=f":material/{icon}:", url_path=path, default=default)


def _pages() -> list[Any]:
    return [
        _page("overview", "Overview", overview.body, "monitoring"),
        _page("products", "Products", products.body, "inventory_2"),
        _page("customers", "Customers", customers.body, "groups"),
        _page("returns", "Returns", returns.body, "undo", heading="Returns and adjustments"),
        _page("live", "Live", live.body, "bolt", every=live.REFRESH_SECONDS, bare=True),
        _page("quality", "Data quality", quality.body, "verified", bare=True),
    ]


def warm_up() -> None:
    """Read what is summarised, for the first viewer to find; raises RetailError when it can't."""
    data.snapshot()


def run() -> None:
    """Draw the page that the viewer is on; Streamlit calls this at each full run."""
    st.set_page_config(
        page_title="Retail analytics",
        page_icon=Path(__file__).with_name("icon.svg"),
        layout="wide",
        menu_items={"about": "Retail analytics: net sales, orders, products and customers, live."},
    )
    try:
        if not sign_in.ask_for_sign_in():
            return
    except RetailError as error:
        states.failed(error)
        return
    st.navigation(_pages(), position="sidebar").run()
