"""The pages' way to MongoDB: one client a process, and the answers that it caches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd
import streamlit as st

from retail_pipeline.adapters.mongo.reads.customers import CustomerProduct, MongoCustomers
from retail_pipeline.adapters.mongo.reads.filters import MongoReports, StoredLine
from retail_pipeline.adapters.mongo.reads.latest import MongoLive
from retail_pipeline.adapters.mongo.reads.quality import Freshness, MongoQuality, QuarantineGroup
from retail_pipeline.analytics.products import incomplete, ranking
from retail_pipeline.analytics.snapshot import Snapshot
from retail_pipeline.bootstrap import DashboardReads
from retail_pipeline.dashboard.process import settings
from retail_pipeline.dashboard.snapshot_cache import Store
from retail_pipeline.domain.heartbeat import HeartbeatRecord
from retail_pipeline.domain.periods import Unit
from retail_pipeline.domain.products import Basket, Prices
from retail_pipeline.domain.reconciliation import Mode, Reconciliation
from retail_pipeline.domain.report import Selection

P = ParamSpec("P")
T = TypeVar("T")

_SHORT_SECONDS = 2
# Below the live page's own two seconds, so that each refresh has something new.
_LIVE_SECONDS = 1
_QUALITY_SECONDS = 5
_KEPT_SECONDS = 600
_AWAY_MS = 3_000
# Of the products' table, by far the largest, with some room for the others.
_BYTES_AN_ENTRY = 50
# Each may be nearly as large as the orders' own; those of older snapshots are of no use.
_MOST_PRODUCT_TABLES = 4
# Of more orders with a product than these, the latest tell what is bought along with it: reading
# the lines of 2,200 orders takes about a second.
ORDERS_COMPARED = 5_000


def _kept(
    seconds: float, most: int, cache: Any = st.cache_data
) -> Callable[[Callable[Concatenate[str, str, P], T]], Callable[P, T]]:
    """Return what keeps a read's answers, by its arguments, for the database of the settings.

    The read's first two parameters are the database's address and name: its callers leave them
    out. ``most`` answers are kept, each for ``seconds``. With ``st.cache_resource`` nobody may
    change an answer; with ``st.cache_data`` everybody gets one of their own.
    """

    def keep(read: Callable[Concatenate[str, str, P], T]) -> Callable[P, T]:
        kept = cache(ttl=seconds, max_entries=most, show_spinner=False)(read)

        @wraps(read)
        def ask(*args: P.args, **kwargs: P.kwargs) -> T:
            answer: T = kept(*_place(), *args, **kwargs)
            return answer

        return ask

    return keep


@st.cache_resource(show_spinner=False)
def _reads(uri: str, database: str) -> DashboardReads:
    return DashboardReads(uri, database, _AWAY_MS)


@st.cache_resource(show_spinner=False)
def _store(uri: str, database: str) -> Store:
    room = settings().dashboard_memory_mb * 1_000_000 // _BYTES_AN_ENTRY
    return Store(_reads(uri, database).entries, reports(), room)


def _place() -> tuple[str, str]:
    """Return the database's address and name as the settings have them."""
    return settings().mongo("reader"), settings().mongo_database


def store() -> Store:
    """Return what holds the summaries, the same for everyone; it connects when it is asked."""
    return _store(*_place())


def snapshot() -> Snapshot:
    """Return what is summarised, seconds old at most; raises RetailError when it can't be read."""
    return store().snapshot()


def reports() -> MongoReports:
    """Return the small reads beside the summaries."""
    return _reads(*_place()).reports


@_kept(_SHORT_SECONDS, 20)
def reconciled(uri: str, database: str) -> list[Reconciliation]:
    """Return the last count check and the last full reconciliation, as far as there are any."""
    results = _reads(uri, database).reconciliations
    found = (results.last(mode) for mode in Mode)
    return [result for result in found if result is not None]


def live() -> MongoLive:
    """Return the reads of what came in last."""
    return _reads(*_place()).live


@_kept(_LIVE_SECONDS, 20)
def processors(uri: str, database: str) -> list[HeartbeatRecord]:
    """Return each processor's last heartbeat."""
    return _reads(uri, database).heartbeats.latest()


@_kept(_LIVE_SECONDS, 20)
def delays(uri: str, database: str, rows: int) -> list[float]:
    """Return the seconds that the last ``rows`` rows took from file to database."""
    return _reads(uri, database).live.delays(rows)


def quality() -> MongoQuality:
    """Return the reads that are about one thing, when somebody asks for it."""
    return _reads(*_place()).quality


@_kept(_QUALITY_SECONDS, 20)
def sources(uri: str, database: str) -> list[Freshness]:
    """Return what is known of each source."""
    return _reads(uri, database).quality.sources()


@_kept(_QUALITY_SECONDS, 20)
def quarantine(uri: str, database: str) -> list[QuarantineGroup]:
    """Return what is in quarantine, counted."""
    return _reads(uri, database).quality.quarantine()


# Below, ``version`` is the snapshot's: a newer snapshot asks again.


@_kept(_KEPT_SECONDS, 100)
def undescribed(uri: str, database: str, selection: Selection, version: int) -> int:
    """Return how many lines that count have no description."""
    return _reads(uri, database).quality.undescribed(selection)


@_kept(_KEPT_SECONDS, _MOST_PRODUCT_TABLES, st.cache_resource)
def orders_of_products(
    uri: str, database: str, codes: tuple[str, ...], version: int
) -> pd.DataFrame:
    """Return the orders' table of these products alone."""
    return _store(uri, database).orders_of_products(codes)


def ranked_products(of: Snapshot, selection: Selection) -> pd.DataFrame:
    """Return the ranking of the products that count; not to be changed, it is everyone's."""
    return _ranked_products(selection, of.version, of)


@_kept(_KEPT_SECONDS, 50, st.cache_resource)
def _ranked_products(
    uri: str, database: str, selection: Selection, version: int, _of: Snapshot
) -> pd.DataFrame:
    return ranking(_of.product_rows(selection), _of.dictionaries)


@_kept(_KEPT_SECONDS, 50, st.cache_resource)
def prices(
    uri: str, database: str, code: str, selection: Selection, unit: Unit, version: int
) -> list[Prices]:
    """Return the prices paid for a product."""
    return _reads(uri, database).products.prices(code, selection, unit)


def bought_with(code: str, selection: Selection, of: Snapshot) -> Basket:
    """Return what is bought along with a product."""
    return _bought_with(code, selection, of.version, of)


@_kept(_KEPT_SECONDS, 50, st.cache_resource)
def _bought_with(
    uri: str, database: str, code: str, selection: Selection, version: int, _of: Snapshot
) -> Basket:
    rows = _of.order_rows(replace(selection, products=(), duplicates=True))
    elsewhere = partial(incomplete, rows, _of.dictionaries)
    reads = _reads(uri, database).products
    return reads.bought_with(code, selection, ORDERS_COMPARED, elsewhere)


def customers() -> MongoCustomers:
    """Return the reads about one customer, when somebody asks for all of them."""
    return _reads(*_place()).customers


@_kept(_KEPT_SECONDS, 50)
def lines_of_invoice(
    uri: str,
    database: str,
    selection: Selection,
    customer: str,
    invoice: str,
    hours: tuple[datetime, ...],
    limit: int,
    version: int,
) -> list[StoredLine]:
    """Return a customer's lines on an invoice."""
    reads = _reads(uri, database).customers
    return reads.lines(selection, customer, invoice, hours, limit)


def products_of_customer(
    selection: Selection, customer: str, snapshot: Snapshot
) -> list[CustomerProduct]:
    """Return what a customer's lines of each product add up to, as of the snapshot."""
    codes = [code for code in snapshot.dictionaries.products.texts if code is not None]
    return _products_of_customer(selection, customer, codes, snapshot.version)


@_kept(_KEPT_SECONDS, 50)
def _products_of_customer(
    uri: str, database: str, selection: Selection, customer: str, _codes: list[str], version: int
) -> list[CustomerProduct]:
    return _reads(uri, database).customers.products(selection, customer, _codes)
