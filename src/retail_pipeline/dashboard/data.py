"""The page's reads: one MongoDB client a process, and answers kept as long as they hold.

A status is kept two seconds. The figures are kept under the status's version, which changes when
the figures may have: a live page over data at rest costs a few milliseconds a refresh, however
many look at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st
from pymongo import MongoClient

from retail_pipeline.adapters.mongo_client import Document, connect
from retail_pipeline.adapters.mongo_queries import MongoReports
from retail_pipeline.adapters.mongo_reconciliations import MongoReconciliations
from retail_pipeline.domain.periods import Unit
from retail_pipeline.domain.reconciliation import Mode, Reconciliation
from retail_pipeline.domain.report import Contents, Figures, ProductFigures, Selection, Status
from retail_pipeline.errors import RetailError
from retail_pipeline.settings import load_settings

_STATUS_SECONDS = 2
_KEPT_SECONDS = 600
_KEPT_ANSWERS = 200
_AWAY_MS = 3_000

TOP = 10
LATEST = 20


@dataclass(frozen=True)
class Source:
    """Where the figures come from, and the version of them that answers are kept under."""

    uri: str
    database: str
    version: str = ""


@st.cache_resource(show_spinner=False)
def _client(uri: str) -> MongoClient[Document]:
    return connect(uri, name="retail-dashboard", timeout_ms=_AWAY_MS)


def _reports(source: Source) -> MongoReports:
    return MongoReports(_client(source.uri), source.database)


def source_of_settings() -> Source:
    """Return the database that the settings name, without connecting to it.

    Raises:
        SettingsError: a variable holds something that can't be used.
    """
    settings = load_settings()
    return Source(settings.mongo("reader"), settings.mongo_database)


def status(source: Source) -> Status:
    """Return what the database holds; raises TransientError when it is away for 3 seconds."""
    found = _status(source)
    if isinstance(found, RetailError):
        raise found
    return found


@st.cache_data(ttl=_STATUS_SECONDS, max_entries=_KEPT_ANSWERS, show_spinner=False)
def _status(source: Source) -> Status | RetailError:
    # A failure is kept too: a page, or ten viewers, then wait for an absent server once.
    try:
        return _reports(source).status()
    except RetailError as error:
        return error


@st.cache_data(ttl=_STATUS_SECONDS, max_entries=_KEPT_ANSWERS, show_spinner=False)
def reconciled(uri: str, database: str) -> list[Reconciliation]:
    """Return the last quick and the last full reconciliation, as far as there are any."""
    results = MongoReconciliations(_client(uri), database)
    found = (results.last(mode) for mode in Mode)
    return [result for result in found if result is not None]


@st.cache_data(ttl=_KEPT_SECONDS, max_entries=_KEPT_ANSWERS, show_spinner=False)
def contents(source: Source) -> Contents:
    """Return the countries to choose from, and the lines of each kind."""
    return _reports(source).contents()


@st.cache_data(ttl=_KEPT_SECONDS, max_entries=_KEPT_ANSWERS, show_spinner=False)
def figures(source: Source, selection: Selection) -> Figures:
    """Return the sums over the whole selection."""
    return _reports(source).figures(selection)


@st.cache_data(ttl=_KEPT_SECONDS, max_entries=_KEPT_ANSWERS, show_spinner=False)
def timeline(source: Source, selection: Selection, unit: Unit) -> list[tuple[datetime, Figures]]:
    """Return the sums for each hour, day, week or month with a transaction."""
    return _reports(source).timeline(selection, unit)


@st.cache_data(ttl=_KEPT_SECONDS, max_entries=_KEPT_ANSWERS, show_spinner=False)
def countries(source: Source, selection: Selection) -> list[tuple[str | None, Figures]]:
    """Return the sums for each country, the highest net sales first."""
    return _reports(source).countries(selection)


@st.cache_data(ttl=_KEPT_SECONDS, max_entries=_KEPT_ANSWERS, show_spinner=False)
def products(source: Source, selection: Selection) -> list[ProductFigures]:
    """Return the best products by net sales."""
    return _reports(source).products(selection, TOP)


@st.cache_data(ttl=_KEPT_SECONDS, max_entries=_KEPT_ANSWERS, show_spinner=False)
def latest(source: Source, selection: Selection) -> list[dict[str, Any]]:
    """Return the newest transactions of the selection."""
    return _reports(source).latest(selection, LATEST)
