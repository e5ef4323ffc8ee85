"""Products' figures, prices and companions are what pandas finds in the lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pandas as pd
import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.reads.filters import MongoStatus
from retail_pipeline.adapters.mongo.reads.products import FindIncomplete, MongoProducts
from retail_pipeline.adapters.mongo.reads.rollups import MongoRollupReads
from retail_pipeline.analytics import products
from retail_pipeline.analytics.snapshot import Snapshot
from retail_pipeline.dashboard.snapshot_cache import SnapshotCache
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.periods import UNITS, Unit
from retail_pipeline.domain.products import Basket
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.selections import NOTHING, SELECTIONS

PERIODS: dict[Unit, str] = {"hour": "h", "day": "D", "week": "W", "month": "M"}
CODE = "22003"
every_selection = pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)


def lines() -> list[Transaction]:
    """Return the shop's lines: most of an order at one moment, the beginning of its hour, and some
    a minute or an hour later."""
    later = (0, 0, 0, 0, 1, 61)
    return [
        msgspec.structs.replace(
            each,
            InvoiceDate=each.InvoiceDate.replace(minute=0, second=0)
            + timedelta(minutes=later[place % len(later)]),
        )
        for place, each in enumerate(shop.shop())
    ]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return shop.frame(lines())


@pytest.fixture(scope="module")
def loaded(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = stack.names(tmp_path_factory.mktemp("products"))
    shop.load(stack, settings, lines())
    yield settings
    stack.forget(settings)


@pytest.fixture(scope="module")
def client(loaded: Settings) -> Iterator[MongoClient[Any]]:
    with connect(loaded.mongo("reader"), name="tests") as opened:
        yield opened


@pytest.fixture(scope="module")
def reads(client: MongoClient[Any], loaded: Settings) -> MongoProducts:
    return MongoProducts(client, loaded.mongo_database)


@pytest.fixture(scope="module")
def snapshot(client: MongoClient[Any], loaded: Settings) -> Snapshot:
    database = loaded.mongo_database
    return SnapshotCache(
        MongoRollupReads(client, database), MongoStatus(client, database)
    ).snapshot()


def sales_of(table: pd.DataFrame, selection: Selection, code: str = "") -> pd.DataFrame:
    """Return the sale lines that count, whatever products the selection has."""
    every = shop.selected(table, shop_selection(selection))
    sales = every[every["kind"] == "sale"]
    return sales[sales["StockCode"] == code] if code else sales


def shop_selection(selection: Selection) -> Selection:
    fields = {**vars(selection), "products": ()}
    return Selection(**fields)


@every_selection
def test_the_ranking_equals_pandas(
    snapshot: Snapshot, table: pd.DataFrame, selection: Selection
) -> None:
    rows = shop.selected(table, selection)
    found = products.ranking(snapshot.product_rows(selection), snapshot.dictionaries)
    assert found["code"].tolist() == sorted(
        set(rows["StockCode"]),
        key=lambda code: (-sum(rows["amount"][rows["StockCode"] == code]), code),
    )
    for each in found.to_dict("records"):
        lines = rows[rows["StockCode"] == each["code"]]
        sold, back = lines[lines["kind"] == "sale"], lines[lines["kind"] == "cancellation"]
        assert from_micros(each["net"]) == sum(lines["amount"], Decimal(0))
        assert from_micros(each["gross"]) == sum(sold["amount"], Decimal(0))
        assert from_micros(each["cancelled"]) == sum(back["amount"], Decimal(0))
        assert (each["units"], each["back"]) == (sum(sold["Quantity"]), -sum(back["Quantity"]))
        assert each["lines"] == len(lines)
        counted = {
            (line.InvoiceNo, line.day, line.Country, line.CustomerID is None)
            for line in sold.itertuples()
        }
        assert each["orders"] == len(counted)


@pytest.mark.parametrize("unit", UNITS)
@every_selection
def test_prices_equal_pandas(
    reads: MongoProducts, table: pd.DataFrame, selection: Selection, unit: Unit
) -> None:
    rows = sales_of(table, selection, CODE)
    moments = pd.to_datetime(rows["InvoiceDate"], utc=True).dt.tz_localize(None)
    expected = {}
    for start, group in rows.groupby(moments.dt.to_period(PERIODS[unit])):
        prices = group["UnitPrice"].map(Decimal)
        units = int(sum(group["Quantity"]))
        amount = sum(group["amount"], Decimal(0))
        at = start.start_time.to_pydatetime().replace(tzinfo=UTC)
        expected[at] = (min(prices), amount / units, max(prices), amount, units, len(group))
    found = reads.prices(CODE, selection, unit)
    assert [each.start for each in found] == sorted(expected)
    assert {
        each.start: (each.lowest, each.mean, each.highest, each.amount, each.units, each.lines)
        for each in found
    } == expected


def elsewhere(snapshot: Snapshot, selection: Selection) -> FindIncomplete:
    """Return what finds the invoices with lines at other moments, as the dashboard does."""
    every = replace(selection, products=(), duplicates=True)
    return partial(products.incomplete, snapshot.order_rows(every), snapshot.dictionaries)


def nowhere(_: object) -> dict[str, list[datetime]]:
    return {}


def companions(rows: pd.DataFrame, orders: int) -> Basket:
    """Return what pandas finds on the latest orders with CODE."""
    own = rows[rows["StockCode"] == CODE]
    if not len(own):
        return Basket(0, None, True, ())
    latest = own.groupby("InvoiceNo")["InvoiceDate"].max()
    order = sorted(((at, number) for number, at in latest.items()), reverse=True)
    numbers = [number for _, number in order[:orders]]
    along = rows[rows["InvoiceNo"].isin(numbers)]
    along = along[~along["StockCode"].isin([CODE, *FEES])]
    counts = along.groupby("StockCode")["InvoiceNo"].nunique()
    best = sorted((-count, str(code)) for code, count in counts.items())
    return Basket(
        len(numbers),
        order[: len(numbers)][-1][0].date(),
        len(order) <= orders,
        tuple((code, -count) for count, code in best),
    )


@pytest.mark.parametrize("orders", [1_000, 5])
@every_selection
def test_what_is_bought_along_equals_pandas_also_at_other_moments_of_an_invoice(
    reads: MongoProducts,
    snapshot: Snapshot,
    table: pd.DataFrame,
    selection: Selection,
    orders: int,
) -> None:
    expected = companions(sales_of(table, selection), orders)
    more = elsewhere(snapshot, selection)
    assert reads.bought_with(CODE, selection, orders, more) == expected


def test_the_shop_has_orders_to_tell_from(reads: MongoProducts, snapshot: Snapshot) -> None:
    everything = SELECTIONS["everything"]
    found = reads.bought_with(CODE, everything, 1_000, elsewhere(snapshot, everything))
    assert found.orders > 50 and len(found.others) > 20 and found.others[0][1] > 3
    assert found != reads.bought_with(CODE, everything, 1_000, nowhere), "some are elsewhere"


@pytest.mark.parametrize("selection", NOTHING.values(), ids=NOTHING)
def test_nothing_chosen_has_no_prices_and_no_companions(
    reads: MongoProducts, selection: Selection
) -> None:
    code = selection.products[0] if selection.products else CODE
    assert reads.prices(code, selection, "day") == []
    assert reads.bought_with(code, selection, 10, nowhere) == Basket(0, None, True, ())


def test_a_code_like_an_operator_is_a_code(reads: MongoProducts) -> None:
    everything = SELECTIONS["everything"]
    for code in ("$ne", '{"$gt": ""}', ""):
        assert reads.prices(code, everything, "day") == []
        assert reads.bought_with(code, everything, 10, nowhere).orders == 0


class Aggregations(CommandListener):
    """Notes each aggregation, to have it explained."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if "aggregate" in event.command:
            wanted = ("aggregate", "pipeline", "cursor", "hint")
            self.commands.append({name: event.command[name] for name in wanted})

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass


def stages_of(plan: object) -> set[str]:
    if isinstance(plan, list):
        return set().union(*(stages_of(each) for each in plan))
    if not isinstance(plan, dict):
        return set()
    own = {str(plan[name]) for name in ("indexName", "stage") if name in plan}
    return own.union(*(stages_of(each) for each in plan.values()))


def test_reads_walk_the_lines_of_a_product_and_of_its_orders_alone(
    stack: RunningStack, loaded: Settings, table: pd.DataFrame
) -> None:
    seen = Aggregations()
    with MongoClient[dict[str, Any]](
        stack.root_uri, event_listeners=[seen], tz_aware=True
    ) as client:
        reads = MongoProducts(client, loaded.mongo_database)
        reads.prices(CODE, SELECTIONS["everything"], "week")
        reads.bought_with(CODE, SELECTIONS["everything"], 10, nowhere)
        commands, indexes = seen.commands, ("by_product", "by_product", "by_date")
        own = int((table["StockCode"] == CODE).sum())
        for command, index in zip(commands, indexes, strict=True):
            plan = client[loaded.mongo_database].command(
                "explain", command, verbosity="executionStats"
            )
            assert index in stages_of(plan) and "COLLSCAN" not in stages_of(plan)
            assert examined(plan) <= own + 10


def examined(plan: object) -> int:
    """Return how many documents a plan read, as far as any part of it says."""
    if isinstance(plan, list):
        return max(map(examined, plan), default=0)
    if not isinstance(plan, dict):
        return 0
    return max([int(plan.get("totalDocsExamined", 0)), *map(examined, plan.values())])


def test_mongodb_away_and_a_user_without_rights_are_different_errors(fresh: Settings) -> None:
    selection = SELECTIONS["one day"]
    with connect("mongodb://127.0.0.1:9", name="tests", timeout_ms=300) as client:
        with pytest.raises(TransientError, match=r"127\.0\.0\.1:9 is away"):
            MongoProducts(client, "retail_db").prices(CODE, selection, "day")
    with connect(fresh.mongo("reader"), name="tests") as client:
        with pytest.raises(PermanentError, match="lacks the rights"):
            MongoProducts(client, "somebody_elses").bought_with(CODE, selection, 10, nowhere)


def test_the_oldest_order_looked_at_tells_since_when(stack: RunningStack, fresh: Settings) -> None:
    orders = [
        shop.transaction(
            row, InvoiceNo=f"55{row}", InvoiceDate=datetime(2011, 2, row, 9, tzinfo=UTC)
        )
        for row in (3, 4, 5)
    ]
    shop.load(stack, fresh, orders)
    with connect(fresh.mongo("reader"), name="tests") as client:
        reads = MongoProducts(client, fresh.mongo_database)
        selection = Selection(date(2011, 2, 1), date(2011, 2, 28))
        assert reads.bought_with("85123A", selection, 2, nowhere) == Basket(
            2, date(2011, 2, 4), False, ()
        )
        assert reads.bought_with("85123A", selection, 3, nowhere) == Basket(
            3, date(2011, 2, 3), True, ()
        )
