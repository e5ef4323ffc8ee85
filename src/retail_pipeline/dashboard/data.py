"""The pages' way to MongoDB: one client a process, and the answers that it caches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial, wraps
from operator import attrgetter
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd
import streamlit as st

from retail_pipeline.adapters.mongo.reads.customers import CustomerProduct
from retail_pipeline.adapters.mongo.reads.filters import StoredLine
from retail_pipeline.adapters.mongo.reads.quality import Freshness, QuarantineGroup
from retail_pipeline.analytics.products import incomplete, ranking
from retail_pipeline.analytics.snapshot import Snapshot
from retail_pipeline.bootstrap import DashboardReads
from retail_pipeline.dashboard.process import settings
from retail_pipeline.dashboard.snapshot_cache import SnapshotCache
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.heartbeat import StoredHeartbeat
from retail_pipeline.domain.periods import Unit
from retail_pipeline.domain.products import Basket, Prices
from retail_pipeline.domain.reconciliation import Mode, Reconciliation

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
# Of more orders with a product than these, the latest show what is bought along with it: reading
# the lines of 2,200 orders takes about a second.
ORDERS_COMPARED = 5_000


# What of an argument is part of a cached answer's key.
_KEYS = {DashboardReads: attrgetter("place"), Snapshot: attrgetter("version")}


@st.cache_resource(show_spinner=False)
def _reads(uri: str, database: str) -> DashboardReads:
    return DashboardReads(uri, database, _AWAY_MS)


def reads() -> DashboardReads:
    """Return the uncached reads of the settings' database, which connect at their first use."""
    return _reads(settings().mongo("reader"), settings().mongo_database)


def _cached(
    seconds: float | None, most: int | None = 20, cache: Any = st.cache_data
) -> Callable[[Callable[Concatenate[DashboardReads, P], T]], Callable[P, T]]:
    """Return a decorator that caches a read's answers by its arguments and its database.

    The first parameter of the decorated function is the DashboardReads; callers leave it out.
    At most ``most`` answers are cached, each for ``seconds``; None means without limit. With
    ``st.cache_resource`` nobody may change an answer; with ``st.cache_data`` each caller gets a
    copy.
    """

    def keep(read: Callable[Concatenate[DashboardReads, P], T]) -> Callable[P, T]:
        kept = cache(ttl=seconds, max_entries=most, show_spinner=False, hash_funcs=_KEYS)(read)

        @wraps(read)
        def ask(*args: P.args, **kwargs: P.kwargs) -> T:
            answer: T = kept(reads(), *args, **kwargs)
            return answer

        return ask

    return keep


@_cached(None, None, st.cache_resource)
def snapshot_cache(reads: DashboardReads) -> SnapshotCache:
    """Return the cache of the summaries, the same for everyone; it connects at its first read."""
    room = settings().dashboard_memory_mb * 1_000_000 // _BYTES_AN_ENTRY
    return SnapshotCache(reads.entries, reads.status, room)


def snapshot() -> Snapshot:
    """Return what is summarised, seconds old at most; raises RetailError when it can't be read."""
    return snapshot_cache().snapshot()


@_cached(_SHORT_SECONDS)
def reconciled(reads: DashboardReads) -> list[Reconciliation]:
    """Return the last count check and the last full reconciliation, as far as there are any."""
    found = map(reads.reconciliations.last, Mode)
    return [result for result in found if result is not None]


@_cached(_LIVE_SECONDS)
def processors(reads: DashboardReads) -> list[StoredHeartbeat]:
    """Return each processor's last heartbeat."""
    return reads.heartbeats.latest()


@_cached(_LIVE_SECONDS)
def delays(reads: DashboardReads, rows: int) -> list[float]:
    """Return the seconds that the last ``rows`` rows took from file to database."""
    return reads.live.delays(rows)


@_cached(_QUALITY_SECONDS)
def sources(reads: DashboardReads) -> list[Freshness]:
    """Return what is known of each source."""
    return reads.quality.sources()


@_cached(_QUALITY_SECONDS)
def quarantine(reads: DashboardReads) -> list[QuarantineGroup]:
    """Return what is in quarantine, counted."""
    return reads.quality.quarantine()


# Below, ``of`` is the snapshot as of which the answer is: a newer one asks again.


@_cached(_KEPT_SECONDS, 100)
def undescribed(reads: DashboardReads, selection: Selection, of: Snapshot) -> int:
    """Return how many lines that count have no description."""
    return reads.quality.undescribed(selection)


@_cached(_KEPT_SECONDS, _MOST_PRODUCT_TABLES, st.cache_resource)
def orders_of_products(reads: DashboardReads, codes: tuple[str, ...], of: Snapshot) -> pd.DataFrame:
    """Return the orders' table of these products alone."""
    return snapshot_cache().orders_of_products(codes)


@_cached(_KEPT_SECONDS, 50, st.cache_resource)
def ranked_products(reads: DashboardReads, of: Snapshot, selection: Selection) -> pd.DataFrame:
    """Return the ranking of the products that count; not to be changed, it is everyone's."""
    return ranking(of.product_rows(selection), of.dictionaries)


@_cached(_KEPT_SECONDS, 50, st.cache_resource)
def prices(
    reads: DashboardReads, code: str, selection: Selection, unit: Unit, of: Snapshot
) -> list[Prices]:
    """Return the prices paid for a product."""
    return reads.products.prices(code, selection, unit)


@_cached(_KEPT_SECONDS, 50, st.cache_resource)
def bought_with(reads: DashboardReads, code: str, selection: Selection, of: Snapshot) -> Basket:
    """Return what is bought along with a product."""
    rows = of.order_rows(replace(selection, products=(), duplicates=True))
    elsewhere = partial(incomplete, rows, of.dictionaries)
    return reads.products.bought_with(code, selection, ORDERS_COMPARED, elsewhere)


@_cached(_KEPT_SECONDS, 50)
def lines_of_invoice(
    reads: DashboardReads,
    selection: Selection,
    customer: str,
    invoice: str,
    hours: tuple[datetime, ...],
    limit: int,
    of: Snapshot,
) -> list[StoredLine]:
    """Return a customer's lines on an invoice."""
    return reads.customers.lines(selection, customer, invoice, hours, limit)


@_cached(_KEPT_SECONDS, 50)
def products_of_customer(
    reads: DashboardReads, selection: Selection, customer: str, of: Snapshot
) -> list[CustomerProduct]:
    """Return what a customer's lines of each product add up to."""
    codes = [code for code in of.dictionaries.products.texts if code is not None]
    return reads.customers.products(selection, customer, codes)
