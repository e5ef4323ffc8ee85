"""What a dashboard's process has once: its settings, and where it records its metrics."""

from __future__ import annotations

from functools import cache

import streamlit as st

from retail_pipeline import bootstrap
from retail_pipeline.operations import metrics
from retail_pipeline.settings import Settings, load_settings


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """Return the settings, read once: they come from the process's environment.

    Raises:
        SettingsError: a variable holds something that can't be used.
    """
    return load_settings()


@cache
def recorder() -> metrics.Recorder:
    """Return where metrics are recorded; the first call serves them, if a port is set.

    Raises:
        SettingsError: a variable holds something that can't be used.
        PermanentError: nothing can listen at the address and port.
    """
    return bootstrap.recorder(load_settings(), metrics.DASHBOARD)
