"""A day that can't be summarised stops nothing else, and shows wherever somebody may look."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128
from pymongo.database import Database

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.reads.rollups import MongoRollupReads
from retail_pipeline.adapters.mongo.rollups import MongoRollups
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import as_documents, mark_dirty
from retail_pipeline.domain.collections import (
    DIRTY_BUCKETS,
    DUPLICATES_ROLLUP,
    ORDERS_ROLLUP,
    PRODUCTS_ROLLUP,
    RETURNS,
    SAMPLE,
    TRANSACTIONS,
)
from retail_pipeline.settings import Settings
from tests import shop
from tests.big_day import ROWS, store_too_large
from tests.conftest import RunningStack
from tests.pipeline import HEADER, LONGEST_S, ROW, Pipeline

DAY = datetime(2011, 12, 9, tzinfo=UTC)
OTHER = datetime(2010, 12, 1, tzinfo=UTC)
TOO_LARGE = "it needs a document larger than 16 MB, the most that MongoDB allows"
Documents = Database[Any]
SOLD = ((3, "22000"), (4, "BAD"), (5, "22001"))


@pytest.fixture
def database(stack: RunningStack, pipeline: Pipeline) -> Iterator[Documents]:
    """The pipeline's database for who may do everything, with a day that is too large."""
    with connect(stack.root_uri, name="tests") as client:
        found = client[pipeline.settings.mongo_database]
        store_too_large(found, DAY)
        yield found


def failure_of(database: Documents, attempts: int = 1) -> dict[str, Any]:
    """Return the failure of the large day, once it has had so many attempts."""
    until = time.monotonic() + LONGEST_S
    while True:
        dirty = database.dirty_buckets.find_one({"_id": DAY})
        assert dirty is not None
        if dirty.get("failure", {}).get("attempts", 0) >= attempts:
            failure: dict[str, Any] = dirty["failure"]
            return failure
        assert time.monotonic() < until, dirty
        time.sleep(0.1)


def summarised(database: Documents, day: datetime) -> set[str]:
    """Return the parts of a day's summaries that are there."""
    rollups = {
        name
        for name in (ORDERS_ROLLUP, PRODUCTS_ROLLUP, DUPLICATES_ROLLUP)
        if database[name].find_one(day)
    }
    return rollups | (
        {RETURNS} if database[RETURNS].find_one({"InvoiceDate": {"$gte": day}}) else set()
    )


def send(pipeline: Pipeline, name: str, *rows: str) -> None:
    path = pipeline.folder / name
    path.write_text(HEADER + "".join(rows))
    pipeline.run("produce", str(path))


@pytest.fixture
def shop_of(stack: RunningStack, fresh: Settings) -> Iterator[tuple[Documents, MongoRollups]]:
    """A database with two days, one of them with a row that no contract allows.

    The summaries are made with the writer's own rights.
    """
    bad = {"UnitPrice": 2.55, "StockCode": "BAD"}
    lines = [
        shop.transaction(2, InvoiceDate=OTHER),
        *(shop.transaction(row, InvoiceDate=DAY, StockCode=code) for row, code in SOLD),
        *(
            shop.transaction(row + 10, InvoiceDate=DAY, StockCode=code, InvoiceNo="C1", Quantity=-1)
            for row, code in SOLD
        ),
    ]
    documents = as_documents(lines, DAY)
    for each in documents:
        each |= bad if each["StockCode"] == "BAD" else {}
    with (
        connect(stack.root_uri, name="tests") as root,
        connect(fresh.mongo("writer"), name="tests") as writer,
    ):
        database = root[fresh.mongo_database]
        ensure_schema(database)
        database.transactions.insert_many(documents, bypass_document_validation=True)
        mark_dirty(database, [DAY, OTHER])
        yield database, MongoRollups(writer, fresh.mongo_database)


def summarise(summaries: MongoRollups) -> None:
    """Rebuild until there is nothing left that can be."""
    until = time.monotonic() + LONGEST_S
    while summaries.pending():
        assert time.monotonic() < until
        if not summaries.rebuild_next():
            time.sleep(0.05)


def test_a_row_that_breaks_the_contract_keeps_nothing_else_from_being_made(
    shop_of: tuple[Documents, MongoRollups],
) -> None:
    database, summaries = shop_of
    summarise(summaries)
    assert summarised(database, OTHER) >= {ORDERS_ROLLUP, PRODUCTS_ROLLUP, DUPLICATES_ROLLUP}
    assert summarised(database, DAY) == {ORDERS_ROLLUP, PRODUCTS_ROLLUP, DUPLICATES_ROLLUP, RETURNS}
    assert database[RETURNS].distinct("StockCode") == ["22000", "22001"]
    [failed] = summaries.failed()
    assert (failed.day, list(failed.reasons), failed.attempts) == (DAY.date(), [RETURNS], 1)
    assert "product BAD and customer 17850 is not as the record contract says" in failed.why


def test_a_failed_day_is_tried_again_later_or_when_it_changes_or_a_processor_starts(
    shop_of: tuple[Documents, MongoRollups],
) -> None:
    database, summaries = shop_of
    summarise(summaries)
    assert not summaries.rebuild_next()
    first = failure_of(database)
    tries: list[Callable[[], object]] = [
        lambda: mark_dirty(database, [DAY]),
        summaries.mark_outdated,
        lambda: database.dirty_buckets.update_one(
            {"_id": DAY}, {"$set": {"failure.retry_at": datetime(2000, 1, 1, tzinfo=UTC)}}
        ),
    ]
    pauses = []
    for attempts, due in enumerate(tries, start=2):
        due()
        while not summaries.rebuild_next():
            time.sleep(0.05)
        failure = failure_of(database, attempts)
        assert failure["attempts"] == attempts and failure["since"] == first["since"]
        pauses.append(failure["retry_at"] - first["since"])
        assert summaries.pending() == 0 and not summaries.rebuild_next()
    assert pauses == sorted(pauses) and pauses[-1] > timedelta(seconds=80)
    database.transactions.update_many(
        {"StockCode": "BAD"}, {"$set": {"UnitPrice": Decimal128("2.55")}}
    )
    summaries.mark_outdated()
    summarise(summaries)
    assert database.dirty_buckets.count_documents({}) == 0 and summaries.failed() == []


def test_a_dirty_bucket_that_no_processor_wrote_stops_no_day(
    shop_of: tuple[Documents, MongoRollups],
) -> None:
    database, summaries = shop_of
    database.dirty_buckets.delete_many({})
    database.dirty_buckets.insert_many([{"_id": "yesterday"}, {"_id": OTHER}])
    database[ORDERS_ROLLUP].insert_one({"_id": "no day", "lines": 1})
    assert summaries.mark_outdated() == 0
    summarise(summaries)
    assert summarised(database, OTHER) >= {ORDERS_ROLLUP, PRODUCTS_ROLLUP, DUPLICATES_ROLLUP}
    assert database.dirty_buckets.distinct("_id") == ["yesterday"]


def test_missing_rights_on_one_collection_cost_that_part_alone(
    shop_of: tuple[Documents, MongoRollups],
) -> None:
    database, summaries = shop_of
    all_but_products = [
        {
            "resource": {"db": database.name, "collection": name},
            "actions": ["find", "insert", "update", "remove"],
        }
        for name in (
            TRANSACTIONS,
            DIRTY_BUCKETS,
            SAMPLE,
            ORDERS_ROLLUP,
            DUPLICATES_ROLLUP,
            RETURNS,
        )
    ]
    database.command("updateRole", "retail_writer", privileges=all_but_products)
    summarise(summaries)
    assert summarised(database, OTHER) == {ORDERS_ROLLUP, DUPLICATES_ROLLUP, RETURNS}
    [other, _] = summaries.failed()
    assert list(other.reasons) == [PRODUCTS_ROLLUP] and "lacks the rights" in other.why


def test_a_day_that_is_too_large_is_named_everywhere_and_stops_nothing_else(
    pipeline: Pipeline, database: Documents
) -> None:
    before = pipeline.count()
    processor = pipeline.start("process")
    assert set(failure_of(database)["reasons"].values()) == {TOO_LARGE}
    send(pipeline, "more.csv", ROW, ROW)
    pipeline.wait_for(before + 2)
    until = time.monotonic() + LONGEST_S
    while database.dirty_buckets.count_documents({}) > 1:
        assert time.monotonic() < until and processor.poll() is None
        time.sleep(0.1)
    assert processor.poll() is None
    assert summarised(database, OTHER) >= {ORDERS_ROLLUP, PRODUCTS_ROLLUP, DUPLICATES_ROLLUP}
    # The parts of the day that can be made are made.
    assert summarised(database, DAY) == {DUPLICATES_ROLLUP, RETURNS}

    processor.terminate()
    assert processor.wait(LONGEST_S) == 0
    attempts = failure_of(database)["attempts"]
    status, output = pipeline.try_to("process", "--until-idle", "1")
    assert status == 1
    assert "1 day can't be summarised: 2011-12-09 (orders, products: " + TOO_LARGE in output
    assert "Traceback" not in output
    assert failure_of(database)["attempts"] > attempts, "a processor that starts tries again"
    for arguments in ((), ("--quick",)):
        status, output = pipeline.try_to("reconcile", "--json", *arguments)
        found = json.loads(output)
        assert status == 1 and not found["pending_days"]
        named = [(each["what"], each["place"], each["day"]) for each in found["differences"]]
        assert [each for each in named if each[0] in ("not_summarised", "rollup")] == [
            ("not_summarised", ORDERS_ROLLUP, "2011-12-09"),
            ("not_summarised", PRODUCTS_ROLLUP, "2011-12-09"),
        ]
        assert TOO_LARGE in output and "restart the processor" in output

    # The dashboard's product filter reads the day's lines themselves.
    with connect(pipeline.settings.mongo("reader"), name="tests") as client:
        entries = MongoRollupReads(client, database.name)
        codes = database.transactions.distinct("StockCode", {"source": "f" * 16})
        [day] = entries.orders_of_products([code for code in codes if code != "85123A"])
    assert day["day"] == DAY and sum(day["lines"]) == ROWS - 2

    database.transactions.delete_many({"row": {"$gt": 5_000}, "source": "f" * 16})
    pipeline.drain()
    assert database.dirty_buckets.count_documents({}) == 0
    assert summarised(database, DAY) >= {ORDERS_ROLLUP, PRODUCTS_ROLLUP, DUPLICATES_ROLLUP}
