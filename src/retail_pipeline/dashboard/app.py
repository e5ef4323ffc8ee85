"""The dashboard's frame: its pages, and what happens when a page can't be shown."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from retail_pipeline.dashboard.overview import page


def run() -> None:
    """Draw the page that the viewer is on; Streamlit calls this at each full run."""
    st.set_page_config(
        page_title="Retail analytics",
        page_icon=Path(__file__).with_name("icon.svg"),
        layout="wide",
        menu_items={"about": "Retail analytics: net sales, orders, products and countries, live."},
    )
    st.navigation(
        [st.Page(page, title="Overview", url_path="overview", default=True)],
        position="hidden",
    ).run()
