"""What charts must know of the page's theme, which each viewer sets."""

from __future__ import annotations

import streamlit as st


def ink() -> str:
    """Return the colour of the page's text."""
    return "#f4f3f1" if st.context.theme.type == "dark" else "#2f2d2b"
