"""The summaries give what pandas gives over the same rows, and walk the right indexes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from pymongo import MongoClient

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.reads.filters import MongoStatus
from retail_pipeline.adapters.mongo.reads.rollups import MongoRollupReads
from retail_pipeline.analytics import sums
from retail_pipeline.analytics.snapshot import NAMED
from retail_pipeline.dashboard.snapshot_cache import SnapshotCache
from retail_pipeline.domain.days import day_number
from retail_pipeline.domain.figures import Figures, Selection
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.periods import UNITS, Period, Unit
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.selections import NOTHING, SELECTIONS

every_selection = pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)


@pytest.fixture(scope="module")
def transactions() -> list[Transaction]:
    return shop.shop()


@pytest.fixture(scope="module")
def table(transactions: list[Transaction]) -> pd.DataFrame:
    return shop.frame(transactions)


@pytest.fixture(scope="module")
def loaded(
    stack: RunningStack,
    transactions: list[Transaction],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Settings]:
    settings = stack.names(tmp_path_factory.mktemp("queries"))
    shop.load(stack, settings, transactions)
    yield settings
    stack.forget(settings)


@pytest.fixture(scope="module")
def store(loaded: Settings) -> Iterator[SnapshotCache]:
    with connect(loaded.mongo("reader"), name="tests") as client:
        yield store_of(client, loaded)


def store_of(client: MongoClient[Any], settings: Settings) -> SnapshotCache:
    database = settings.mongo_database
    return SnapshotCache(MongoRollupReads(client, database), MongoStatus(client, database))


def orders(store: SnapshotCache, selection: Selection) -> pd.DataFrame:
    of_products = store.orders_of_products(selection.products) if selection.products else None
    return store.snapshot().order_rows(selection, of_products)


@every_selection
def test_figures_equal_pandas(
    store: SnapshotCache, table: pd.DataFrame, selection: Selection
) -> None:
    assert sums.figures(orders(store, selection)) == shop.figures(shop.selected(table, selection))


@pytest.mark.parametrize("unit", UNITS)
@every_selection
def test_the_timeline_equals_pandas(
    store: SnapshotCache, table: pd.DataFrame, selection: Selection, unit: Unit
) -> None:
    rows = shop.selected(table, selection)
    moments = pd.to_datetime(rows["InvoiceDate"], utc=True).dt.tz_localize(None)
    starts = moments.dt.to_period({"hour": "h", "day": "D", "week": "W", "month": "M"}[unit])
    expected = {
        period.start_time.to_pydatetime().replace(tzinfo=UTC): shop.figures(group)
        for period, group in rows.groupby(starts)
    }
    found = sums.timeline(orders(store, selection), unit)
    assert dict(found) == expected
    assert [start for start, _ in found] == sorted(expected)


@every_selection
def test_countries_equal_pandas_best_first(
    store: SnapshotCache, table: pd.DataFrame, selection: Selection
) -> None:
    rows = shop.selected(table, selection)
    expected = {
        country: shop.figures(rows[[each == country for each in rows["Country"]]])
        for country in set(rows["Country"])
    }
    found = sums.by_country(orders(store, selection), store.snapshot().dictionaries)
    assert dict(found) == expected
    assert [each.net for _, each in found] == sorted(
        (each.net for each in expected.values()), reverse=True
    )


@every_selection
def test_hours_of_the_week_equal_pandas(
    store: SnapshotCache, table: pd.DataFrame, selection: Selection
) -> None:
    rows = shop.selected(table, selection)
    moments = rows["InvoiceDate"].tolist()
    hours = pd.Series([(each.weekday(), each.hour) for each in moments], rows.index, dtype=object)
    expected = {hour: shop.figures(group) for hour, group in rows.groupby(hours)}
    assert sums.by_weekday_and_hour(orders(store, selection)) == expected


@every_selection
def test_products_add_up_to_what_pandas_says(
    store: SnapshotCache, table: pd.DataFrame, selection: Selection
) -> None:
    rows = shop.selected(table, selection)
    snapshot = store.snapshot()
    found = snapshot.product_rows(selection)
    net = found.groupby("product")["micros"].sum()
    codes = snapshot.dictionaries.products.texts
    by_code = {codes[code]: from_micros(each) for code, each in zip(net.index, net, strict=True)}
    assert by_code == {code: sum(group["amount"]) for code, group in rows.groupby("StockCode")}


def test_a_product_bears_the_name_last_sold_under(
    store: SnapshotCache, table: pd.DataFrame
) -> None:
    snapshot = store.snapshot()
    named = table[(table["kind"] == "sale") & table["Description"].notna()]
    for code, sold in named.groupby("StockCode"):
        assert snapshot.names[str(code)] == max(
            sold[sold["day"] == sold["day"].max()]["Description"]
        )
    assert snapshot.name("no such code") == "no such code"


@pytest.mark.parametrize("selection", NOTHING.values(), ids=NOTHING)
def test_a_selection_without_rows_gives_zeros_and_empty_lists(
    store: SnapshotCache, selection: Selection
) -> None:
    rows = orders(store, selection)
    assert sums.figures(rows) == Figures()
    assert sums.timeline(rows, "day") == []
    assert sums.by_country(rows, store.snapshot().dictionaries) == []
    assert sums.by_weekday_and_hour(rows) == {}
    assert len(store.snapshot().product_rows(selection)) == 0


def test_contents_and_status_count_everything(store: SnapshotCache, table: pd.DataFrame) -> None:
    snapshot = store.snapshot()
    status = snapshot.status
    assert snapshot.countries == ("EIRE", "France", "Saudi Arabia", "United Kingdom", None)
    assert list(snapshot.labels) == sorted(set(table["StockCode"]))
    for code, label in snapshot.labels.items():
        assert label.partition(NAMED)[0] == code
    assert snapshot.days == Period(table["day"].min(), table["day"].max())
    assert (status.stored, status.quarantined, status.pending_days) == (len(table), 0, 0)
    assert status.last_stored_at is not None
    assert datetime.now(UTC) - status.last_stored_at < timedelta(hours=1)


def test_the_days_without_room_are_left_out_from_the_oldest_on(
    loaded: Settings, table: pd.DataFrame
) -> None:
    with connect(loaded.mongo("reader"), name="tests") as client:
        database = loaded.mongo_database
        whole = store_of(client, loaded).snapshot()
        room = len(whole.products) // 2
        entries, status = MongoRollupReads(client, database), MongoStatus(client, database)
        small = SnapshotCache(entries, status, room).snapshot()
    assert whole.since is None and small.since is not None
    assert len(small.products) <= room < len(whole.products)
    assert small.products["day"].min() == day_number(small.since)
    kept = Selection(small.since, shop.LAST)
    assert sums.figures(small.order_rows(Selection(shop.FIRST, shop.LAST))) == shop.figures(
        shop.selected(table, kept)
    )


def test_an_empty_database_has_a_status_and_no_figures(fresh: Settings) -> None:
    with connect(fresh.mongo("reader"), name="tests") as client:
        snapshot = store_of(client, fresh).snapshot()
        assert (snapshot.status.stored, snapshot.status.last_stored_at) == (0, None)
        assert (snapshot.days, snapshot.countries, snapshot.labels) == (None, (), {})
        assert sums.figures(snapshot.order_rows(Selection(shop.FIRST, shop.LAST))) == Figures()


def test_a_server_away_is_a_transient_error_within_seconds() -> None:
    with connect("mongodb://127.0.0.1:9", name="tests") as client:
        begun = datetime.now()
        with pytest.raises(TransientError, match=r"127\.0\.0\.1:9 is away"):
            MongoStatus(client, "retail_db").status()
        assert datetime.now() - begun < timedelta(seconds=5)


def test_a_user_without_rights_is_a_permanent_error(stack: RunningStack, fresh: Settings) -> None:
    with connect(fresh.mongo("reader"), name="tests") as client:
        with pytest.raises(PermanentError, match="lacks the rights"):
            MongoStatus(client, "somebody_elses").status()
