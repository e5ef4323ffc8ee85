"""The report queries give what pandas gives over the same rows, and walk the right indexes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from retail_pipeline.adapters.mongo_client import connect
from retail_pipeline.adapters.mongo_queries import MongoReports
from retail_pipeline.adapters.mongo_store import MongoStore
from retail_pipeline.domain.periods import UNITS, Unit
from retail_pipeline.domain.report import Figures, Selection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack

SELECTIONS = {
    "everything": Selection(shop.FIRST, shop.LAST),
    "one country": Selection(shop.FIRST, shop.LAST, ("United Kingdom",)),
    "a rare country": Selection(shop.FIRST, shop.LAST, ("Saudi Arabia",)),
    "no country given": Selection(shop.FIRST, shop.LAST, (None,)),
    "two countries and none": Selection(shop.FIRST, shop.LAST, ("France", "EIRE", None)),
    "one day": Selection(date(2011, 3, 1), date(2011, 3, 1)),
    "a month of one country": Selection(date(2011, 2, 1), date(2011, 2, 28), ("France",)),
    "beyond the data": Selection(date(2000, 1, 1), date(2030, 1, 1)),
}
NOTHING = {
    "an unknown country": Selection(shop.FIRST, shop.LAST, ("Narnia",)),
    "a name like an operator": Selection(shop.FIRST, shop.LAST, ("$ne", '{"$gt": ""}')),
    "before the data": Selection(date(2000, 1, 1), date(2000, 1, 2)),
}
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
def reports(loaded: Settings) -> Iterator[MongoReports]:
    with connect(loaded.mongo("reader"), name="tests") as client:
        yield MongoReports(client, loaded.mongo_database)


@every_selection
def test_figures_equal_pandas(
    reports: MongoReports, table: pd.DataFrame, selection: Selection
) -> None:
    assert reports.figures(selection) == shop.figures(shop.selected(table, selection))


@pytest.mark.parametrize("unit", UNITS)
@every_selection
def test_the_timeline_equals_pandas(
    reports: MongoReports, table: pd.DataFrame, selection: Selection, unit: Unit
) -> None:
    rows = shop.selected(table, selection)
    moments = pd.to_datetime(rows["InvoiceDate"], utc=True).dt.tz_localize(None)
    starts = moments.dt.to_period({"hour": "h", "day": "D", "week": "W", "month": "M"}[unit])
    expected = {
        period.start_time.to_pydatetime().replace(tzinfo=UTC): shop.figures(group)
        for period, group in rows.groupby(starts)
    }
    found = reports.timeline(selection, unit)
    assert dict(found) == expected
    assert [start for start, _ in found] == sorted(expected)


@every_selection
def test_countries_equal_pandas_best_first(
    reports: MongoReports, table: pd.DataFrame, selection: Selection
) -> None:
    rows = shop.selected(table, selection)
    expected = {
        country: shop.figures(rows[[each == country for each in rows["Country"]]])
        for country in set(rows["Country"])
    }
    found = reports.countries(selection)
    assert dict(found) == expected
    assert [each.net for _, each in found] == sorted(
        (each.net for each in expected.values()), reverse=True
    )


@every_selection
def test_products_equal_pandas_and_bear_the_name_last_sold(
    reports: MongoReports, table: pd.DataFrame, selection: Selection
) -> None:
    rows = shop.selected(table, selection)
    net = {code: sum(group["amount"]) for code, group in rows.groupby("StockCode")}
    best = sorted(net, key=lambda code: (-net[code], code))[:5]
    found = reports.products(selection, 5)
    assert [(each.code, each.net) for each in found] == [(code, net[code]) for code in best]
    sales = table[table["kind"] == "sale"]
    for each in found:
        sold = shop.selected(sales, selection)
        assert each.units == sum(sold[sold["StockCode"] == each.code]["Quantity"])
        named = sales[(sales["StockCode"] == each.code) & sales["Description"].notna()]
        newest = named[named["day"] == named["day"].max()]
        assert each.name == max(newest["Description"])


@every_selection
def test_the_latest_transactions_are_the_newest_selected(
    reports: MongoReports, table: pd.DataFrame, selection: Selection
) -> None:
    rows = shop.selected(table, selection)
    found = reports.latest(selection, 20)
    assert [line["InvoiceDate"] for line in found] == sorted(rows["InvoiceDate"], reverse=True)[:20]
    amounts = {f"{row.source}:{row.row:09d}": row.amount for row in rows.itertuples()}
    assert all(line["TotalAmount"] == amounts[line["_id"]] for line in found)


@pytest.mark.parametrize("selection", NOTHING.values(), ids=NOTHING)
def test_a_selection_without_rows_gives_zeros_and_empty_lists(
    reports: MongoReports, selection: Selection
) -> None:
    assert reports.figures(selection) == Figures()
    assert reports.timeline(selection, "day") == []
    assert reports.countries(selection) == []
    assert reports.products(selection, 10) == []
    assert reports.latest(selection, 20) == []


def test_contents_and_status_count_everything(reports: MongoReports, table: pd.DataFrame) -> None:
    contents, status = reports.contents(), reports.status()
    assert contents.lines == table["kind"].value_counts().to_dict()
    assert contents.countries == ("EIRE", "France", "Saudi Arabia", "United Kingdom", None)
    assert (status.stored, status.quarantined, status.pending_days) == (len(table), 0, 0)
    assert (status.first, status.last) == (table["day"].min(), table["day"].max())
    assert status.last_stored_at is not None
    assert datetime.now(UTC) - status.last_stored_at < timedelta(hours=1)


def test_an_empty_database_has_a_status_and_no_figures(fresh: Settings) -> None:
    with connect(fresh.mongo("reader"), name="tests") as client:
        reports = MongoReports(client, fresh.mongo_database)
        status = reports.status()
        assert (status.stored, status.first, status.last_stored_at) == (0, None, None)
        assert reports.contents().countries == ()
        assert reports.figures(Selection(shop.FIRST, shop.LAST)) == Figures()


def test_the_version_changes_with_each_step_of_new_rows(
    stack: RunningStack, fresh: Settings
) -> None:
    with connect(fresh.mongo("reader"), name="tests") as client:
        reports = MongoReports(client, fresh.mongo_database)
        versions = [reports.status().version]
        shop.load(stack, fresh, [shop.transaction(2)])
        versions.append(reports.status().version)
        assert reports.status().version == versions[-1], "at rest it stays"
        with connect(stack.root_uri, name="tests") as root:
            store = MongoStore(root, fresh.mongo_database)
            store.mark([datetime(2011, 2, 1, tzinfo=UTC)])
            versions.append(reports.status().version)
            assert reports.status().pending_days == 1
            store.mark([datetime(2011, 2, 1, tzinfo=UTC)])
            versions.append(reports.status().version)
        shop.load(stack, fresh, [shop.transaction(3, UnitPrice="1.005")])
        versions.append(reports.status().version)
        assert len(set(versions)) == len(versions)
        net = reports.figures(Selection(date(2011, 2, 1), date(2011, 2, 1))).net
        assert net == Decimal("15.30") + Decimal("6.030")


class Finds(CommandListener):
    """Notes each find command on transactions, to have it explained."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command.get("find") == "transactions":
            wanted = ("find", "filter", "sort", "limit", "projection")
            self.commands.append(
                {name: event.command[name] for name in wanted if name in event.command}
            )

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass


def indexes_of(plan: object) -> set[str]:
    """Return every index (or COLLSCAN, SORT) that a plan uses, however deep."""
    if isinstance(plan, list):
        return set().union(*(indexes_of(each) for each in plan))
    if not isinstance(plan, dict):
        return set()
    own = {plan["indexName"]} if "indexName" in plan else set()
    own |= {plan["stage"]} & {"COLLSCAN", "SORT"} if "stage" in plan else set()
    return own.union(*(indexes_of(each) for each in plan.values()))


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda reports: reports.latest(SELECTIONS["everything"], 20), "by_date"),
        (lambda reports: reports.latest(SELECTIONS["a rare country"], 20), "by_date"),
    ],
    ids=["latest", "latest of a rare country"],
)
def test_reads_of_transactions_walk_an_index_and_never_sort(
    stack: RunningStack, loaded: Settings, ask: Any, index: str
) -> None:
    finds = Finds()
    with MongoClient(stack.root_uri, event_listeners=[finds], tz_aware=True) as client:
        ask(MongoReports(client, loaded.mongo_database))
        assert finds.commands
        for command in finds.commands:
            plan = client[loaded.mongo_database].command(
                "explain", command, verbosity="executionStats"
            )
            assert indexes_of(plan["queryPlanner"]["winningPlan"]) == {index}
            # A walk to the end of the index would be a scan by another name.
            assert plan["executionStats"]["totalDocsExamined"] <= 60


def test_a_server_away_is_a_transient_error_within_seconds() -> None:
    with connect("mongodb://127.0.0.1:9", name="tests") as client:
        begun = datetime.now()
        with pytest.raises(TransientError, match=r"127\.0\.0\.1:9 is away"):
            MongoReports(client, "retail_db").status()
        assert datetime.now() - begun < timedelta(seconds=5)


def test_a_user_without_rights_is_a_permanent_error(stack: RunningStack, fresh: Settings) -> None:
    with connect(fresh.mongo("reader"), name="tests") as client:
        with pytest.raises(PermanentError, match="lacks the rights"):
            MongoReports(client, "somebody_elses").status()
