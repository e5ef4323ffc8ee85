"""The figures of customers equal pandas' sums over the lines, under every filter."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.reads.customers import MongoCustomers
from retail_pipeline.adapters.mongo.reads.filters import MongoStatus
from retail_pipeline.adapters.mongo.reads.rollups import MongoRollupReads
from retail_pipeline.analytics import customers, rfm, sums
from retail_pipeline.analytics.cohorts import cohorts
from retail_pipeline.dashboard.snapshot_cache import SnapshotCache
from retail_pipeline.domain.days import date_of_number, day_number, moment_of_hour
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.money import from_micros
from retail_pipeline.settings import Settings
from tests import customer_truth, shop
from tests.conftest import RunningStack
from tests.customer_truth import Customer
from tests.selections import NOTHING, SELECTIONS

every_selection = pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
TABLE = shop.table()
ONE = "12007"
ITS_INVOICES = sorted(set(TABLE[TABLE["CustomerID"] == ONE]["InvoiceNo"]))
CODES = sorted(set(TABLE["StockCode"]))


@pytest.fixture(scope="module")
def loaded(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = stack.names(tmp_path_factory.mktemp("customers"))
    shop.load(stack, settings, shop.shop())
    yield settings
    stack.forget(settings)


@pytest.fixture(scope="module")
def store(loaded: Settings) -> Iterator[SnapshotCache]:
    with connect(loaded.mongo("reader"), name="tests") as client:
        database = loaded.mongo_database
        yield SnapshotCache(MongoRollupReads(client, database), MongoStatus(client, database))


@pytest.fixture(scope="module")
def reads(loaded: Settings) -> Iterator[MongoCustomers]:
    with connect(loaded.mongo("reader"), name="tests") as client:
        yield MongoCustomers(client, loaded.mongo_database)


def orders(store: SnapshotCache, selection: Selection) -> pd.DataFrame:
    of_products = store.orders_of_products(selection.products) if selection.products else None
    return store.snapshot().order_rows(selection, of_products)


def records(table: pd.DataFrame) -> Iterator[tuple[int, dict[Hashable, Any]]]:
    """Yield the place of each row with its figures."""
    yield from zip(table.index, table.to_dict("records"), strict=True)


def day(number: int) -> date | None:
    return None if number == customers.NO_DAY else date_of_number(number)


@every_selection
def test_customers_and_guests_equal_pandas(store: SnapshotCache, selection: Selection) -> None:
    rows, lines = orders(store, selection), shop.selected(TABLE, selection)
    texts = store.snapshot().dictionaries.customers.texts
    found = {
        texts[place]: Customer(
            from_micros(each["net"]),
            from_micros(each["gross"]),
            each["orders"],
            each["cancellations"],
            each["units"],
            day(each["first"]),
            day(each["last"]),
        )
        for place, each in records(customers.by_customer(rows))
    }
    assert found == customer_truth.by_customer(lines)
    guests = lines[[number is None for number in lines["CustomerID"]]]
    assert sums.figures(customers.split(rows)[1]) == shop.figures(guests)


@every_selection
def test_segments_equal_pandas(store: SnapshotCache, selection: Selection) -> None:
    table = customers.by_customer(orders(store, selection))
    texts = store.snapshot().dictionaries.customers.texts
    found = {
        texts[place]: (each["R"], each["F"], each["M"], rfm.NAMES[each["segment"]])
        for place, each in records(rfm.segmented(table, day_number(selection.last)))
    }
    lines = shop.selected(TABLE, selection)
    assert found == customer_truth.segments(lines, selection.last)


@every_selection
def test_cohorts_equal_pandas(store: SnapshotCache, selection: Selection) -> None:
    last = min(selection.last, shop.LAST)
    found = cohorts(orders(store, selection), last)
    counts = {
        (month.year * 12 + month.month - 1, after): int(found.active[place, after])
        for place, month in enumerate(found.months)
        for after in range(len(found.months))
    }
    expected = customer_truth.retention(shop.selected(TABLE, selection))
    assert {key: count for key, count in counts.items() if count} == expected
    sizes = {key: size for (key, after), size in expected.items() if after == 0}
    assert sum(sizes.values()) == found.sizes.sum()


@every_selection
def test_new_and_returning_customers_equal_pandas(
    store: SnapshotCache, selection: Selection
) -> None:
    reach = replace(selection, first=date(2000, 1, 1))
    first = customers.first_orders(orders(store, reach))
    found = customers.new_and_returning(orders(store, selection), first, "week")
    expected = customer_truth.new_and_returning(
        shop.selected(TABLE, selection), shop.selected(TABLE, reach)
    )
    assert {start.date(): (each["new"], each["returning"]) for start, each in found} == expected


@pytest.mark.parametrize("selection", NOTHING.values(), ids=NOTHING)
def test_nobody_is_no_error(
    store: SnapshotCache, reads: MongoCustomers, selection: Selection
) -> None:
    rows = orders(store, selection)
    table = customers.by_customer(rows)
    assert len(table) == 0 and len(rfm.segmented(table, 0)) == 0
    assert cohorts(rows, selection.last).months == ()
    assert reads.products(selection, ONE, CODES) == []
    assert reads.lines(selection, ONE, "540001", [], 10) == []


def counted_twice(selection: Selection) -> Selection:
    """Return the selection with duplicates: MongoDB can't tell them apart."""
    return replace(selection, duplicates=True)


@every_selection
def test_the_products_of_a_customer_equal_pandas(
    reads: MongoCustomers, selection: Selection
) -> None:
    lines = shop.selected(TABLE, counted_twice(selection))
    expected = {}
    for code, group in lines[lines["CustomerID"] == ONE].groupby("StockCode"):
        sold = group[group["kind"] == "sale"]
        expected[str(code)] = (
            len(group),
            sum(sold["Quantity"]),
            sum(group["amount"]),
            sold["InvoiceNo"].nunique(),
            max(sold["InvoiceDate"], default=None),
        )
    found = {
        each.code: (each.lines, each.units, each.amount, each.orders, each.last)
        for each in reads.products(selection, ONE, CODES)
    }
    assert found == expected


@every_selection
def test_the_lines_of_an_invoice_equal_pandas(
    store: SnapshotCache, reads: MongoCustomers, selection: Selection
) -> None:
    snapshot = store.snapshot()
    rows = orders(store, selection)
    mine = rows[rows["customer"] == snapshot.dictionaries.customers[ONE]]
    lines = shop.selected(TABLE, selection)
    for invoice in ITS_INVOICES[:8]:
        of_it = mine[mine["invoice"] == snapshot.dictionaries.invoices[invoice]]
        hours = [moment_of_hour(each) for each in np.unique(sums.starts(of_it, "hour"))]
        found = reads.lines(selection, ONE, invoice, hours, 1_000)
        expected = lines[(lines["CustomerID"] == ONE) & (lines["InvoiceNo"] == invoice)]
        assert len(found) == len(expected)
        assert sum(each.amount for each in found) == sum(expected["amount"])
        assert [each.invoiced_at for each in found] == sorted(expected["InvoiceDate"])
        assert len(reads.lines(selection, ONE, invoice, hours, 1)) == min(1, len(expected))


class Commands(CommandListener):
    """Notes each read of transactions, to have it explained."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        left_out = ("lsid", "$db", "maxTimeMS", "$clusterTime", "$readPreference", "cursor")
        if event.command_name in ("find", "aggregate"):
            command = {key: each for key, each in event.command.items() if key not in left_out}
            self.seen.append(command | ({"cursor": {}} if "pipeline" in command else {}))

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass


def test_reads_look_at_the_customers_lines_and_one_hour_only(
    stack: RunningStack, loaded: Settings
) -> None:
    everything = SELECTIONS["everything"]
    mine = TABLE[TABLE["CustomerID"] == ONE]
    moment = mine["InvoiceDate"].iloc[0].replace(minute=0, second=0)
    of_hour = TABLE["InvoiceDate"].map(lambda each: moment <= each < moment + timedelta(hours=1))
    commands = Commands()
    with MongoClient[dict[str, Any]](
        stack.root_uri, event_listeners=[commands], tz_aware=True
    ) as client:
        reads = MongoCustomers(client, loaded.mongo_database)
        reads.products(everything, ONE, CODES)
        reads.lines(everything, ONE, mine["InvoiceNo"].iloc[0], [moment], 100)
        for command, most in zip(commands.seen[:2], (len(mine), sum(of_hour)), strict=True):
            plan = client[loaded.mongo_database].command(
                "explain", command, verbosity="executionStats"
            )
            assert 0 < examined(plan) <= most


def examined(plan: object) -> int:
    """Return how many documents a plan's execution examined, wherever it says so."""
    if isinstance(plan, list):
        return max(map(examined, plan), default=0)
    if not isinstance(plan, dict):
        return 0
    own = int(plan.get("totalDocsExamined") or plan.get("docsExamined") or 0)
    return max(own, *(examined(each) for each in plan.values()), 0)
