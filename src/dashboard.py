"""The dashboard: ``streamlit run src/dashboard.py``."""

from __future__ import annotations

from retail_pipeline.dashboard.app import run

run()
