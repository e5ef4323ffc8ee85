"""What a dashboard's process has once: its settings."""

from __future__ import annotations

import streamlit as st

from retail_pipeline.settings import Settings, load_settings


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Return the settings, read once: they come from the process's environment.

    Raises:
        SettingsError: a variable holds something that can't be used.
    """
    return load_settings()
