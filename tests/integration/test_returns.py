"""Cancellations end matched to the same sales, whatever order rows come in and whoever dies."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import AutoReconnect

from chaos.compare import differences
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.reads.rollups import MongoRollupReads
from retail_pipeline.adapters.mongo.returns import MongoReturns
from retail_pipeline.adapters.mongo.rollups import MongoRollups
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.analytics.tables import Dictionaries
from retail_pipeline.dashboard import snapshot_cache
from retail_pipeline.dashboard.snapshot_cache import ReturnsCache
from retail_pipeline.domain.periods import floor
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import TransientError
from retail_pipeline.settings import Settings
from tests import returns_truth, shop
from tests.conftest import RunningStack

ROWS = shop.shop()
TABLE = shop.frame(ROWS)
Data = Database[dict[str, Any]]


@pytest.fixture(scope="module")
def loaded(
    stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Data, Settings]]:
    """The whole shop, stored and summarised at once."""
    settings = stack.names(tmp_path_factory.mktemp("returns"))
    shop.load(stack, settings, ROWS)
    with connect(stack.root_uri, name="tests") as client:
        yield client[settings.mongo_database], settings
    stack.forget(settings)


@pytest.fixture
def empty(stack: RunningStack, fresh: Settings) -> Iterator[Data]:
    with connect(stack.root_uri, name="tests") as client:
        ensure_schema(client[fresh.mongo_database])
        yield client[fresh.mongo_database]


def stored(database: Data, field: str = "parts") -> set[tuple[object, ...]]:
    """Return the parts of all returns, by places in TABLE."""
    places = {each.id: place for place, each in enumerate(ROWS)}
    return {
        (
            places[document["_id"]],
            places[part["sale"]["_id"]] if "sale" in part else -1,
            part.get("reason", ""),
            part["units"],
            -part["amount"].to_decimal(),
        )
        for document in database["returns"].find()
        for part in (document[field] if field in document else document["parts"])
    }


def expected(*, duplicates: bool) -> set[tuple[object, ...]]:
    table = returns_truth.matched(TABLE, duplicates=duplicates)
    return set(table.itertuples(index=False, name=None))


def take_in(database: Data, rows: Sequence[Transaction]) -> None:
    store = MongoStore(database.client, database.name)
    assert store.insert(rows) == []
    store.mark_dirty({floor(each.InvoiceDate, "day") for each in rows})


def summarise(summaries: MongoRollups) -> None:
    while summaries.pending():
        if not summaries.rebuild_next():
            time.sleep(0.05)


def same(one: Data, other: Data) -> list[str]:
    """Return how the returns of two databases differ."""
    lists = [database["returns"].find().sort("_id", 1) for database in (one, other)]
    return list(differences("returns", frozenset({"rebuilt_at"}), *lists))


def test_the_shop_has_returns_of_every_sort() -> None:
    parts = returns_truth.matched(TABLE)
    counts = parts["reason"].value_counts()
    assert set(counts.index) == {"", "guest", "no earlier sale", "more than was sold"}
    sales = parts[parts["sale"] >= 0].groupby("line")["sale"].nunique()
    assert counts.min() >= 5 and (sales > 1).sum() >= 5, "some undo several sales"
    assert expected(duplicates=True) != expected(duplicates=False)


@pytest.mark.parametrize(("field", "duplicates"), [("parts", True), ("distinct_parts", False)])
def test_what_is_stored_equals_an_independent_matching(
    loaded: tuple[Data, Settings], field: str, duplicates: bool
) -> None:
    assert stored(loaded[0], field) == expected(duplicates=duplicates)


def test_each_cancellation_of_goods_has_a_document_that_adds_up(
    loaded: tuple[Data, Settings],
) -> None:
    goods = TABLE[(TABLE["kind"] == "cancellation") & ~TABLE["StockCode"].isin(shop.FEE_CODES)]
    documents = {each["_id"]: each for each in loaded[0]["returns"].find()}
    assert documents.keys() == {ROWS[place].id for place in goods.index}
    for place, line in goods.iterrows():
        document = documents[ROWS[int(str(place))].id]
        assert sum(part["units"] for part in document["parts"]) == -line["Quantity"]
        amounts = [part["amount"].to_decimal() for part in document["parts"]]
        assert sum(amounts) == document["amount"].to_decimal() == line["amount"]


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_in_any_order_and_processors_side_by_side_end_the_same(
    loaded: tuple[Data, Settings], empty: Data, seed: int
) -> None:
    rng = random.Random(seed)
    rows = rng.sample(ROWS, len(ROWS))
    processors = [MongoRollups(empty.client, empty.name) for _ in range(2)]
    while rows:
        take_in(empty, rows[:700])
        rows = rows[rng.choice((500, 700)) :]  # some come twice
        for _ in range(rng.randrange(30)):
            rng.choice(processors).rebuild_next()
    summarise(processors[0])
    assert same(loaded[0], empty) == []


def test_what_a_slow_processor_saw_earlier_does_not_replace_what_came_later(empty: Data) -> None:
    sale = shop.transaction(2)
    back = shop.transaction(
        3, InvoiceNo="C9", Quantity=-6, InvoiceDate=datetime(2011, 2, 1, 12, tzinfo=UTC)
    )
    take_in(empty, [back])
    summarise(MongoRollups(empty.client, empty.name))
    [before] = empty["returns"].find()
    take_in(empty, [sale])
    summarise(MongoRollups(empty.client, empty.name))
    [after] = empty["returns"].find()
    assert [part.get("reason") for part in before["parts"]] == ["no earlier sale"]
    assert [part["sale"]["_id"] for part in after["parts"]] == [sale.id]
    seen_earlier = list(empty["transactions"].find({"_id": back.id}))
    MongoReturns(empty)._write(floor(back.InvoiceDate, "day"), [seen_earlier], without_sample=False)
    assert list(empty["returns"].find()) == [after]


def test_a_rebuild_that_dies_half_way_leaves_the_day_dirty_and_is_made_up_for(
    loaded: tuple[Data, Settings], empty: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(empty, ROWS)
    summaries = MongoRollups(empty.client, empty.name)
    write, deaths = MongoReturns._write, iter(range(12))

    def dying(self: MongoReturns, *args: Any, **options: Any) -> Any:
        if next(deaths, None) is not None:
            raise AutoReconnect("connection closed")
        return write(self, *args, **options)

    monkeypatch.setattr(MongoReturns, "_write", dying)
    died = 0
    while died < 12:
        marks = summaries.pending()
        try:
            summaries.rebuild_next()
        except TransientError:
            died += 1
            assert summaries.pending() == marks
            empty["dirty_buckets"].update_many({}, {"$unset": {"claimed_until": ""}})
    summarise(summaries)
    assert same(loaded[0], empty) == []


def test_a_replay_writes_no_document_again(loaded: tuple[Data, Settings]) -> None:
    database, _ = loaded
    before = {each["_id"]: each["rebuilt_at"] for each in database["returns"].find()}
    take_in(database, ROWS[:900])
    summarise(MongoRollups(database.client, database.name))
    assert {each["_id"]: each["rebuilt_at"] for each in database["returns"].find()} == before


def test_a_database_that_an_older_release_summarised_gets_its_returns(
    loaded: tuple[Data, Settings], empty: Data
) -> None:
    take_in(empty, ROWS)
    summaries = MongoRollups(empty.client, empty.name)
    summarise(summaries)
    empty["returns"].delete_many({})
    empty["rollup_orders_daily"].update_many({}, {"$set": {"layout": 2}})
    assert summaries.mark_outdated() == TABLE["day"].nunique()
    summarise(summaries)
    assert same(loaded[0], empty) == []
    assert summaries.mark_outdated() == 0


def test_what_customers_cancelled_is_read_from_an_index_alone(
    loaded: tuple[Data, Settings],
) -> None:
    database, _ = loaded
    asked = {
        "find": "transactions",
        "filter": {
            "kind": "cancellation",
            "StockCode": {"$nin": ["POST"]},
            "CustomerID": {"$in": ["12001", "12002"]},
            "InvoiceDate": {"$gte": datetime(2011, 3, 1)},
        },
        "projection": {"_id": 0, "StockCode": 1, "CustomerID": 1, "InvoiceDate": 1},
    }
    plan = database.command("explain", asked, verbosity="executionStats")
    assert "by_cancellation" in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["nReturned"] > 0
    assert plan["executionStats"]["totalDocsExamined"] == 0


def cache(client: MongoClient[Any], database: Data) -> ReturnsCache:
    return ReturnsCache(MongoRollupReads(client, database.name), Dictionaries())


def test_the_dashboard_reads_again_only_what_was_matched_since(
    empty: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    returns = cache(empty.client, empty)
    assert not returns.refresh() and len(returns.table) == 0
    summaries = MongoRollups(empty.client, empty.name)
    take_in(empty, ROWS[::2])
    summarise(summaries)
    assert returns.refresh() and not returns.refresh()
    read: list[int] = []
    parts = MongoRollupReads.return_parts

    def noted(self: MongoRollupReads, ids: Sequence[str]) -> dict[str, Any]:
        read.append(len(ids))
        return parts(self, ids)

    monkeypatch.setattr(MongoRollupReads, "return_parts", noted)
    late = shop.transaction(9_999, CustomerID="12001", StockCode="22001", Quantity=1)
    back = shop.transaction(
        9_998, CustomerID="12001", StockCode="22001", Quantity=-1, InvoiceNo="C1"
    )
    take_in(empty, [late, back])
    summarise(summaries)
    assert returns.refresh()
    assert 1 <= sum(read) <= 10
    whole = cache(empty.client, empty)
    whole.refresh()
    columns = ["units", "micros", "sold_micros"]
    assert returns.table[columns].sum().equals(whole.table[columns].sum())
    assert len(returns.table) == len(whole.table)


def test_what_is_gone_is_forgotten_at_the_next_whole_read(
    empty: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(empty, ROWS[::3])
    summarise(MongoRollups(empty.client, empty.name))
    returns = cache(empty.client, empty)
    returns.refresh()
    assert len(returns.table)
    empty["returns"].delete_many({})
    monkeypatch.setattr(snapshot_cache, "_SECONDS_BETWEEN_FULL_READS", 0.0)
    assert returns.refresh() and len(returns.table) == 0


def test_a_frame_of_parts_adds_up_to_the_cancellations_of_goods(
    loaded: tuple[Data, Settings],
) -> None:
    database, settings = loaded
    with connect(settings.mongo("reader"), name="tests") as client:
        returns = cache(client, database)
        returns.refresh()
    table: pd.DataFrame = returns.table
    counted = table[table["duplicate_mode"] != 2]
    goods = TABLE[(TABLE["kind"] == "cancellation") & ~TABLE["StockCode"].isin(shop.FEE_CODES)]
    assert counted["units"].sum() == -goods["Quantity"].sum()
    assert counted["micros"].sum() == int(sum(goods["amount"]) * 1_000_000)
