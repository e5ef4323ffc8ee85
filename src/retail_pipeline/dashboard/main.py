"""The script that ``retail dashboard`` gives to Streamlit."""

from __future__ import annotations

from retail_pipeline.dashboard.app import run

run()
