"""Other data replaces the sample in MongoDB, with nothing of it left in any collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pymongo.database import Database

from chaos.compare import differences
from retail_pipeline.adapters.mongo import rollups
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.rollup_pipelines import PIPELINES
from retail_pipeline.adapters.mongo.rollups import MongoRollups
from retail_pipeline.adapters.mongo.sample import WITHOUT_SAMPLE, MongoSample, has_sample_rows
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.domain.periods import floor
from retail_pipeline.domain.sample_source import SAMPLE_SOURCE
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.flows.sample_guard import SampleGuard
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.fakes import manifest, rejection

Data = Database[dict[str, Any]]
# Half of the days have no other rows than the sample's; the others have fewer of their own.
_ROWS = [row for row in shop.shop() if row.InvoiceDate < datetime(2011, 2, 4, tzinfo=UTC)]
MADE_UP = [msgspec.structs.replace(row, source=SAMPLE_SOURCE) for row in _ROWS]
OWN = [row for row in _ROWS[::2] if row.InvoiceDate.day % 2]
SUMMARIES = (
    "rollup_orders_daily",
    "rollup_products_daily",
    "rollup_duplicates_daily",
    "returns",
)
_NOT_COMPARED = frozenset({"rebuilt_at", "stored_at", "without_sample"})


@pytest.fixture(scope="module")
def control(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Data]:
    """A database that never held the sample."""
    settings = stack.names(tmp_path_factory.mktemp("control"))
    shop.load(stack, settings, OWN)
    with connect(stack.root_uri, name="tests") as client:
        yield client[settings.mongo_database]
    stack.forget(settings)


@pytest.fixture
def database(stack: RunningStack, fresh: Settings) -> Iterator[Data]:
    """An empty database, as the processor's own user reaches it."""
    with connect(fresh.mongo("setup"), name="tests") as client:
        ensure_schema(client[fresh.mongo_database])
    with connect(fresh.mongo("writer"), name="tests") as client:
        yield client[fresh.mongo_database]


def guarded(database: Data) -> SampleGuard:
    """Return a processor's store, as it is when the processor has started."""
    store = MongoStore(database.client, database.name)
    guard = SampleGuard(store, MongoSample(database.client, database.name), allowed=True)
    guard.prepare()
    return guard


def take_in(store: SampleGuard | MongoStore, rows: Sequence[Transaction]) -> None:
    assert store.insert(rows) == []
    store.mark_dirty({floor(row.InvoiceDate, "day") for row in rows})


def summarise(database: Data) -> None:
    summaries = MongoRollups(database.client, database.name)
    while summaries.pending():
        if not summaries.rebuild_next():
            time.sleep(0.05)


def assert_same(database: Data, control: Data) -> None:
    """Check that no collection shows that there ever was a sample."""
    for name in ("transactions", "quarantine", "manifests", *SUMMARIES):
        found, wanted = (each[name].find().sort("_id", 1) for each in (database, control))
        some = (each for each in found if each.get("lines") != 0)
        assert not list(differences(name, _NOT_COMPARED, some, wanted)), name


def test_the_first_row_of_other_data_removes_the_sample_from_each_collection(
    database: Data, control: Data
) -> None:
    guard = guarded(database)
    take_in(guard, MADE_UP)
    guard.quarantine([rejection(9, source=SAMPLE_SOURCE)])
    guard.record([manifest(9, source=SAMPLE_SOURCE)])
    summarise(database)
    assert has_sample_rows(database)
    take_in(guard, OWN)
    assert not has_sample_rows(database)
    summarise(database)
    assert_same(database, control)


def test_a_day_that_only_the_sample_had_rows_in_is_empty_afterwards(database: Data) -> None:
    guard = guarded(database)
    take_in(guard, MADE_UP)
    summarise(database)
    take_in(guard, OWN[:1])
    summarise(database)
    for name in SUMMARIES[:3]:
        assert sum(each["lines"] for each in database[name].find()) == 1
    assert database["returns"].count_documents({}) == 0


def test_what_an_older_release_mixed_is_apart_once_a_processor_has_started(
    database: Data, control: Data
) -> None:
    take_in(MongoStore(database.client, database.name), [*MADE_UP, *OWN])
    summarise(database)
    guarded(database)
    summarise(database)
    assert_same(database, control)


@pytest.mark.parametrize("step", ["orders", "returns", "release"])
def test_a_rebuild_that_began_before_the_replacement_brings_nothing_back(
    database: Data, control: Data, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    guard = guarded(database)
    take_in(guard, MADE_UP)
    old = MongoRollups(database.client, database.name)
    owner, name = {
        # Between a day's sums and their write.
        "orders": (rollups, "_older"),
        "returns": (old._returns, "rebuild"),
        "release": (old, "_release"),
    }[step]
    real: Callable[..., Any] = getattr(owner, name)
    replaced: list[bool] = []

    def late(*args: Any, **options: Any) -> Any:
        if not replaced:
            replaced.append(True)
            take_in(guarded(database), OWN)
            # Another processor finds this one's claim run out, and summarises the day meanwhile.
            database["dirty_buckets"].update_many({}, {"$unset": {"claimed_until": ""}})
            summarise(database)
        return real(*args, **options)

    monkeypatch.setattr(owner, name, late)
    while not old.rebuild_next():
        time.sleep(0.05)
    assert replaced
    summarise(database)
    assert_same(database, control)


def test_a_rebuild_without_the_sample_walks_the_index_by_date(
    database: Data, fresh: Settings
) -> None:
    take_in(guarded(database), OWN)
    pipeline = [
        {"$match": WITHOUT_SAMPLE},
        *PIPELINES[SUMMARIES[0]](floor(OWN[0].InvoiceDate, "day")),
    ]
    asked = {"aggregate": "transactions", "pipeline": pipeline, "cursor": {}}
    with connect(fresh.mongo("setup"), name="tests") as client:
        plan = str(client[fresh.mongo_database].command("explain", asked))
    assert "'indexName': 'by_date'" in plan and "COLLSCAN" not in plan
