"""The script that Streamlit runs for each viewer.

It has a folder of its own: a folder ``pages`` beside it Streamlit would take for pages in its way,
and run one of those files where a link to a page is the first thing that anybody opens.
"""

from __future__ import annotations

from retail_pipeline.dashboard.app import run

run()
