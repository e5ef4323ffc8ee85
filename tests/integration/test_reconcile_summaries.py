"""Reconciliation on real servers: rollups and returns that do not follow from rows are named."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128
from pymongo.database import Database

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.reconcile.kafka import TopicReader
from retail_pipeline.adapters.reconcile.mongo import MongoReader
from retail_pipeline.domain.reconciliation import Difference, Reconciliation, Sum, Verdict
from retail_pipeline.domain.topics import Topics
from retail_pipeline.reconcile.counts import CountCheck
from retail_pipeline.reconcile.full import FullReconciliation
from tests import shop
from tests.conftest import RunningStack
from tests.pipeline import Pipeline

ORDERS, PRODUCTS = "rollup_orders_daily", "rollup_products_daily"
DUPLICATES, RETURNS = "rollup_duplicates_daily", "returns"
Documents = Database[dict[str, Any]]
Undo = Callable[[], object]
TENTH_OF_A_PENNY = Decimal("0.001")


@dataclass
class Shop:
    """A pipeline that has taken in the whole shop, and its database for who may do everything."""

    pipeline: Pipeline
    file: Path
    database: Documents

    def full(self) -> Reconciliation:
        """Reconcile everything but the file."""
        settings = self.pipeline.settings
        with connect(settings.mongo("monitor"), name="tests") as client:
            database = MongoReader(client, settings.mongo_database)
            return FullReconciliation(
                TopicReader(settings), database, [], Topics(*settings.topics)
            ).run()

    def count_check(self) -> Reconciliation:
        settings = self.pipeline.settings
        with connect(settings.mongo("monitor"), name="tests") as client:
            database = MongoReader(client, settings.mongo_database)
            return CountCheck(TopicReader(settings), database, Topics(*settings.topics)).run()


@pytest.fixture(scope="module")
def sold(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    settings = stack.names(folder)
    pipeline = Pipeline(stack, settings, folder)
    path = folder / "shop.csv"
    with path.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(shop.LINE)
        for each in shop.shop():
            values = [getattr(each, name) for name in shop.LINE]
            table.writerow(["" if value is None else str(value)[:19] for value in values])
    pipeline.run("setup")
    pipeline.run("produce", str(path))
    pipeline.drain()
    with connect(stack.root_uri, name="tests") as client:
        yield Shop(pipeline, path, client[settings.mongo_database])
    stack.forget(settings)


def test_what_the_processor_summarised_agrees(sold: Shop) -> None:
    with_entries = sold.database[DUPLICATES].count_documents({"entries.0": {"$exists": True}})
    assert with_entries > 5
    assert sold.database[RETURNS].count_documents({"distinct_parts": {"$exists": True}}) > 5
    result = sold.full()
    assert (result.verdict, result.differences) == (Verdict.AGREE, [])
    assert sold.count_check().verdict is Verdict.AGREE


def put_back(database: Documents, name: str, document: dict[str, Any]) -> Undo:
    return partial(database[name].replace_one, {"_id": document["_id"]}, document, upsert=True)


def found(database: Documents, name: str, **condition: Any) -> dict[str, Any]:
    document = database[name].find_one(condition, sort=[("_id", 1)])
    assert document
    return document


def change(
    database: Documents, name: str, document: dict[str, Any], changes: dict[str, Any]
) -> Undo:
    database[name].update_one({"_id": document["_id"]}, {"$set": changes})
    return put_back(database, name, document)


def delete(database: Documents, name: str, document: dict[str, Any]) -> Undo:
    database[name].delete_one({"_id": document["_id"]})
    return put_back(database, name, document)


def more(amount: Decimal128) -> Decimal128:
    return Decimal128(amount.to_decimal() + TENTH_OF_A_PENNY)


def with_duplicates(database: Documents) -> dict[str, Any]:
    return found(database, DUPLICATES, **{"entries.0": {"$exists": True}})


def change_a_duplicates_amount(database: Documents) -> tuple[datetime, Undo]:
    day = with_duplicates(database)
    changed = {"entries.0.amount": more(day["entries"][0]["amount"])}
    return day["_id"], change(database, DUPLICATES, day, changed)


def change_a_duplicates_product(database: Documents) -> tuple[datetime, Undo]:
    day = with_duplicates(database)
    return day["_id"], change(database, DUPLICATES, day, {"entries.0.StockCode": "22999"})


def delete_a_day_of_duplicates(database: Documents) -> tuple[datetime, Undo]:
    day = with_duplicates(database)
    return day["_id"], delete(database, DUPLICATES, day)


def delete_a_day_without_duplicates(database: Documents) -> tuple[datetime, Undo]:
    day = found(database, DUPLICATES, entries=[])
    return day["_id"], delete(database, DUPLICATES, day)


def add_a_day_of_duplicates(database: Documents) -> tuple[datetime, Undo]:
    day = {**with_duplicates(database), "_id": datetime(2012, 1, 1)}
    database[DUPLICATES].insert_one(day)
    return day["_id"], partial(database[DUPLICATES].delete_one, {"_id": day["_id"]})


def take_an_entry_apart(database: Documents) -> tuple[datetime, Undo]:
    day = with_duplicates(database)
    return day["_id"], change(database, DUPLICATES, day, {"entries.0.amount": "much"})


def change_a_products_invoices(database: Documents) -> tuple[datetime, Undo]:
    day = found(database, PRODUCTS)
    changed = {"entries.0.invoices": day["entries"][0]["invoices"] + 1}
    return day["_id"], change(database, PRODUCTS, day, changed)


def change_a_products_name(database: Documents) -> tuple[datetime, Undo]:
    day = found(database, PRODUCTS)
    return day["_id"], change(database, PRODUCTS, day, {"entries.0.Description": "LANTERN"})


def change_the_number_of_rows(database: Documents) -> tuple[datetime, Undo]:
    day = found(database, ORDERS)
    return day["_id"], change(database, ORDERS, day, {"lines": day["lines"] + 1})


@pytest.mark.parametrize(
    ("damage", "rollup"),
    [
        (change_a_duplicates_amount, DUPLICATES),
        (change_a_duplicates_product, DUPLICATES),
        (delete_a_day_of_duplicates, DUPLICATES),
        (delete_a_day_without_duplicates, DUPLICATES),
        (add_a_day_of_duplicates, DUPLICATES),
        (take_an_entry_apart, DUPLICATES),
        (change_a_products_invoices, PRODUCTS),
        (change_a_products_name, PRODUCTS),
        (change_the_number_of_rows, ORDERS),
    ],
)
def test_each_damage_to_a_rollup_is_named_by_its_day(
    sold: Shop, damage: Callable[[Documents], tuple[datetime, Undo]], rollup: str
) -> None:
    day, undo = damage(sold.database)
    try:
        result = sold.full()
    finally:
        undo()
    assert result.verdict is Verdict.DIFFER
    assert {(each.what, each.place) for each in result.differences} == {("rollup", rollup)}
    assert {each.day for each in result.differences} == {day.date().isoformat()}
    assert all("delete the day's document" in each.advice for each in result.differences)


def test_what_a_rollup_is_wrong_by_is_reported_exactly(sold: Shop) -> None:
    _, undo = change_a_duplicates_amount(sold.database)
    try:
        [difference] = sold.full().differences
    finally:
        undo()
    right, real = pounds(difference.expected), pounds(difference.found)
    assert real - right == TENTH_OF_A_PENNY
    assert difference.kind in ("sale", "cancellation", "adjustment")


def pounds(total: Sum | None) -> Decimal:
    assert total and total.pounds
    return Decimal(total.pounds)


def test_the_count_check_counts_the_rows_behind_the_duplicates(sold: Shop) -> None:
    _, undo = delete_a_day_without_duplicates(sold.database)
    try:
        result = sold.count_check()
    finally:
        undo()
    assert [(each.what, each.place) for each in result.differences] == [("rollup", DUPLICATES)]


def of_a_sale(database: Documents) -> dict[str, Any]:
    return found(database, RETURNS, **{"parts.0.sale": {"$exists": True}})


def reconcile_returns(sold: Shop, undo: Undo, what: str, document: dict[str, Any]) -> Difference:
    """Return the one difference, which must name the document; take the damage back."""
    try:
        result = sold.full()
    finally:
        undo()
    assert result.verdict is Verdict.DIFFER
    [difference] = result.differences
    assert (difference.what, difference.place, difference.kind) == (what, RETURNS, "cancellation")
    assert (difference.ids, difference.more) == ((document["_id"],), 0)
    assert difference.day == document["InvoiceDate"].date().isoformat()
    return difference


def test_a_return_that_was_deleted_is_missing(sold: Shop) -> None:
    document = of_a_sale(sold.database)
    undo = delete(sold.database, RETURNS, document)
    lost = reconcile_returns(sold, undo, "missing", document)
    assert lost.expected and lost.found and lost.expected.rows - lost.found.rows == 1
    assert pounds(lost.expected) - pounds(lost.found) == document["amount"].to_decimal()
    assert "retail produce --again" in lost.advice


@pytest.mark.parametrize("field", ["amount", "parts.0.amount", "UnitPrice"])
def test_a_tenth_of_a_penny_in_a_return_is_named(sold: Shop, field: str) -> None:
    document = of_a_sale(sold.database)
    part = document["parts"][0]
    values = {"amount": document["amount"], "parts.0.amount": part["amount"]}
    right = values.get(field, document["UnitPrice"])
    undo = change(sold.database, RETURNS, document, {field: more(right)})
    changed = reconcile_returns(sold, undo, "changed", document)
    expected = right.to_decimal()
    words = [f"{each.normalize():f}" for each in (expected + TENTH_OF_A_PENNY, expected)]
    assert changed.detail == f"{field} is {words[0]}, {words[1]} is right"
    assert "delete these documents of the collection `returns`" in changed.advice


def test_changes_of_returns_that_cancel_each_other_out_are_seen(sold: Shop) -> None:
    document = found(sold.database, RETURNS, **{"parts.1": {"$exists": True}})
    first, second = (part["units"] for part in document["parts"][:2])
    changes = {"parts.0.units": first + 1, "parts.1.units": second - 1}
    undo = change(sold.database, RETURNS, document, changes)
    reconcile_returns(sold, undo, "changed", document)


def test_a_part_that_points_at_another_sale_is_named(sold: Shop) -> None:
    document = of_a_sale(sold.database)
    other = found(sold.database, "transactions", kind="sale")["_id"]
    undo = change(sold.database, RETURNS, document, {"parts.0.sale._id": other})
    changed = reconcile_returns(sold, undo, "changed", document)
    assert f"parts.0.sale is {other}" in changed.detail


def test_a_return_whose_parts_without_duplicates_are_gone_is_named(sold: Shop) -> None:
    document = found(sold.database, RETURNS, distinct_parts={"$exists": True})
    undo = put_back(sold.database, RETURNS, document)
    sold.database[RETURNS].update_one({"_id": document["_id"]}, {"$unset": {"distinct_parts": ""}})
    reconcile_returns(sold, undo, "changed", document)


def test_a_return_without_a_cancellation_is_unknown(sold: Shop) -> None:
    document = {**of_a_sale(sold.database), "_id": "0000000000000000:000000002"}
    sold.database[RETURNS].insert_one(document)
    undo = partial(sold.database[RETURNS].delete_one, {"_id": document["_id"]})
    extra = reconcile_returns(sold, undo, "unknown", document)
    assert extra.expected and extra.found and extra.found.rows - extra.expected.rows == 1


@pytest.mark.parametrize("change_to", [{"parts": "none"}, {"InvoiceDate": None}, {"units": [1]}])
def test_a_return_that_makes_no_sense_is_a_difference_and_no_crash(
    sold: Shop, change_to: dict[str, Any]
) -> None:
    document = of_a_sale(sold.database)
    undo = change(sold.database, RETURNS, document, change_to)
    try:
        result = sold.full()
    finally:
        undo()
    assert {each.place for each in result.differences} == {RETURNS}
    assert document["_id"] in {identity for each in result.differences for identity in each.ids}


def test_dirty_days_are_not_compared_nor_returns_of_later_days(sold: Shop) -> None:
    document = of_a_sale(sold.database)
    day = document["InvoiceDate"].replace(hour=0, minute=0, second=0)
    dirty = sold.database["dirty_buckets"]
    undo = [delete(sold.database, RETURNS, document)]
    undo.append(delete(sold.database, DUPLICATES, found(sold.database, DUPLICATES, _id=day)))
    try:
        for day_before, expected in ((day, set()), (day - timedelta(1), {DUPLICATES})):
            dirty.insert_one({"_id": day_before})
            assert {each.place for each in sold.full().differences} == expected
            dirty.delete_one({"_id": day_before})
        assert {each.place for each in sold.full().differences} == {DUPLICATES, RETURNS}
    finally:
        for each in undo:
            each()


def test_following_the_advice_repairs_it(sold: Shop) -> None:
    lost = of_a_sale(sold.database)
    changed = found(sold.database, RETURNS, **{"parts.1": {"$exists": True}})
    sold.database[RETURNS].delete_many({"_id": {"$in": [lost["_id"], changed["_id"]]}})
    delete_a_day_of_duplicates(sold.database)
    assert sold.full().verdict is Verdict.DIFFER
    sold.pipeline.run("produce", "--again", str(sold.file))
    sold.pipeline.drain()
    result = sold.full()
    assert (result.verdict, result.differences) == (Verdict.AGREE, [])
