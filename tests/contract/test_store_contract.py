"""What the flows rely on in a store holds for the fake of the unit tests and for MongoDB alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.rollup_pipelines import PIPELINES
from retail_pipeline.adapters.mongo.rollups import MongoRollups
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.domain.probe import ReceivedProbe
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.flows.ports import Store
from retail_pipeline.settings import Settings
from tests.fakes import FakeStore, manifest, rejection, transaction

DAY = datetime(2010, 12, 1, tzinfo=UTC)


@dataclass
class Subject:
    """A store, and a way to see what it holds: identity -> the fields of interest."""

    store: Store
    transactions: Callable[[], dict[str, str | None]]
    quarantined: Callable[[], dict[str, str]]
    manifests: Callable[[], dict[str, tuple[int, bool]]]
    days: Callable[[], set[datetime]]
    probes: Callable[[], dict[str, tuple[int, int]]]
    purge: Callable[[str], object]


def fake() -> Subject:
    store = FakeStore()
    return Subject(
        store,
        lambda: {key: item.Description for key, item in store.transactions.items()},
        lambda: {key: item.reason.value for key, item in store.quarantined.items()},
        lambda: {key: (item.rows_read, item.complete) for key, item in store.manifests.items()},
        lambda: set(store.marked),
        lambda: {key: (item.partition, item.offset) for key, item in store.probes.items()},
        store.purged.add,
    )


def real(settings: Settings) -> Iterator[Subject]:
    with connect(settings.mongo("setup"), name="tests") as client:
        ensure_schema(client[settings.mongo_database])
    with connect(settings.mongo("writer"), name="tests") as client:
        found = client[settings.mongo_database]
        yield Subject(
            MongoStore(client, settings.mongo_database),
            lambda: {item["_id"]: item["Description"] for item in found.transactions.find()},
            lambda: {item["_id"]: item["reason"] for item in found.quarantine.find()},
            lambda: {
                item["_id"]: (item["rows_read"], item["complete"])
                for item in found.manifests.find()
            },
            lambda: {item["_id"].astimezone(UTC) for item in found.dirty_buckets.find()},
            lambda: {
                item["_id"]: (item["partition"], item["offset"]) for item in found.probes.find()
            },
            lambda row: found.purged.insert_one({"_id": row}),
        )


@pytest.fixture(params=["fake", "mongodb"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "fake":
        yield fake()
    else:
        yield from real(request.getfixturevalue("fresh"))


def test_a_row_is_stored_once_however_often_it_comes(subject: Subject) -> None:
    rows = [transaction(2), transaction(3)]
    assert subject.store.insert(rows) == []
    assert subject.store.insert([*rows, transaction(4)]) == []
    assert sorted(subject.transactions()) == [transaction(row).id for row in (2, 3, 4)]


def test_the_first_to_be_stored_stays(subject: Subject) -> None:
    subject.store.insert([transaction(2)])
    subject.store.insert([transaction(2, Description="SOMETHING ELSE")])
    assert subject.transactions() == {transaction(2).id: "LANTERN"}


def test_nothing_to_store_is_no_error(subject: Subject) -> None:
    assert subject.store.insert([]) == []
    subject.store.quarantine([])
    subject.store.release([])
    subject.store.record([])
    subject.store.mark_dirty([])
    subject.store.keep_probes([])
    assert subject.transactions() == {} and subject.days() == set()


def test_a_rejected_row_is_quarantined_once(subject: Subject) -> None:
    subject.store.quarantine([rejection(3), rejection(3)])
    subject.store.quarantine([rejection(3), rejection(4)])
    assert subject.quarantined() == {rejection(row).id: "not_a_number" for row in (3, 4)}


def poison(row: int, claims: str | None, **changes: Any) -> Rejection:
    """Return the rejection of a record that could not be used."""
    return rejection(row, source="tx-0", stage="processor", claims=claims, **changes)


def test_a_row_that_is_stored_does_not_come_into_quarantine(subject: Subject) -> None:
    subject.store.insert([transaction(3)])
    subject.store.quarantine([rejection(3), rejection(4)])
    assert list(subject.quarantined()) == [rejection(4).id]


def test_a_record_whose_row_is_stored_does_not_come_into_quarantine(subject: Subject) -> None:
    subject.store.insert([transaction(3)])
    subject.store.quarantine([poison(1, transaction(3).id), poison(2, transaction(4).id)])
    assert list(subject.quarantined()) == [poison(2, None).id]


def test_a_purged_row_does_not_come_back(subject: Subject) -> None:
    subject.purge(rejection(3).id)
    subject.store.quarantine([rejection(3), rejection(4), poison(1, rejection(3).id)])
    assert list(subject.quarantined()) == [rejection(4).id]


def test_a_released_row_leaves_quarantine_whatever_stood_for_it(subject: Subject) -> None:
    subject.store.quarantine([rejection(3), rejection(4), poison(1, rejection(3).id)])
    subject.store.insert([transaction(3)])
    subject.store.release([transaction(3).id])
    assert list(subject.quarantined()) == [rejection(4).id]


def test_a_row_that_is_stored_after_all_is_no_longer_purged(subject: Subject) -> None:
    subject.purge(rejection(3).id)
    subject.store.release([rejection(3).id])
    subject.store.quarantine([rejection(3)])
    assert list(subject.quarantined()) == [rejection(3).id]


def test_what_processors_rejected_lately_is_counted_and_nothing_else(subject: Subject) -> None:
    began = datetime.now(UTC) - timedelta(minutes=1)
    subject.store.quarantine([rejection(3), poison(1, None, rejected_at=datetime.now(UTC))])
    assert subject.store.rejected_since(began) == 1
    assert subject.store.rejected_since(datetime.now(UTC) + timedelta(minutes=1)) == 0


def test_a_manifest_that_says_less_changes_nothing(subject: Subject) -> None:
    key = manifest().source
    subject.store.record([manifest(5), manifest(9)])
    subject.store.record([manifest(3)])
    assert subject.manifests() == {key: (9, False)}
    subject.store.record([manifest(9, complete=True)])
    subject.store.record([manifest(9)])
    assert subject.manifests() == {key: (9, True)}


def test_a_day_is_marked_once_however_often(subject: Subject) -> None:
    subject.store.mark_dirty({DAY})
    subject.store.mark_dirty({DAY})
    assert subject.days() == {DAY}


def test_a_probe_is_kept_once_however_often_it_is_read(subject: Subject) -> None:
    subject.store.keep_probes([ReceivedProbe("a", 0, 7)])
    subject.store.keep_probes([ReceivedProbe("a", 0, 7), ReceivedProbe("b", 1, 8)])
    assert subject.probes() == {"a": (0, 7), "b": (1, 8)}
    assert subject.transactions() == {} and subject.days() == set()


# From here on: what only MongoDB can show.


@pytest.fixture
def mongo(fresh: Settings) -> Iterator[tuple[Any, MongoStore, Settings]]:
    with connect(fresh.mongo("setup"), name="tests") as client:
        ensure_schema(client[fresh.mongo_database])
    with connect(fresh.mongo("writer"), name="tests") as client:
        yield client[fresh.mongo_database], MongoStore(client, fresh.mongo_database), fresh


def test_a_stored_document_is_enriched_and_exact(mongo: tuple[Any, MongoStore, Settings]) -> None:
    database, store, _ = mongo
    store.insert([transaction(2, Quantity=-3, UnitPrice="0.001", InvoiceNo="C1", CustomerID=None)])
    [found] = database.transactions.find()
    assert found["_id"] == "abcdef0123456789:000000002"
    assert found["UnitPrice"].to_decimal() == Decimal("0.001")
    assert found["TotalAmount"].to_decimal() == Decimal("-0.003")
    assert (found["kind"], found["CustomerID"]) == ("cancellation", None)
    assert found["InvoiceDate"] == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert (found["source"], found["row"], found["schema_version"]) == ("abcdef0123456789", 2, 1)
    assert found["ingested_at"] < found["stored_at"]


def test_mongodb_deletes_a_probe_an_hour_after_it_was_stored(
    mongo: tuple[Any, MongoStore, Settings],
) -> None:
    database, store, _ = mongo
    store.keep_probes([ReceivedProbe("a", 0, 7)])
    [found] = database.probes.find()
    index = database.probes.index_information()["by_age"]
    assert index["expireAfterSeconds"] == 3_600
    [(field, _)] = index["key"]
    assert abs(found[field] - datetime.now(UTC)) < timedelta(minutes=5)


def test_what_the_validator_refuses_is_handed_back_and_the_rest_is_stored(
    mongo: tuple[Any, MongoStore, Settings],
) -> None:
    database, store, _ = mongo
    odd = msgspec.structs.replace(transaction(3), StockCode=7)
    [refusal] = store.insert([transaction(2), odd, transaction(4), transaction(2)])
    assert refusal.transaction is odd
    assert refusal.detail == "MongoDB's validator refused StockCode"
    assert database.transactions.count_documents({}) == 2


def test_a_dirty_day_is_rebuilt_from_what_is_stored_and_is_clean_then(
    mongo: tuple[Any, MongoStore, Settings],
) -> None:
    database, store, settings = mongo
    rollups = MongoRollups(database.client, settings.mongo_database)
    guest = transaction(4, CustomerID=None)
    store.insert(
        [transaction(2), transaction(3, Quantity=1), guest, msgspec.structs.replace(guest, row=5)]
    )
    store.mark_dirty({DAY})
    while rollups.pending():
        rollups.rebuild_next()
    [orders] = database.rollup_orders_daily.find()
    [products] = database.rollup_products_daily.find()
    assert orders["_id"] == DAY and orders["lines"] == 4
    assert sorted((entry["CustomerID"] or "", entry["units"]) for entry in orders["entries"]) == [
        ("", 12),
        ("17850", 7),
    ]
    by_guests = {entry["guest"]: entry for entry in products["entries"]}
    figures = {
        guest: (entry["lines"], entry["units"], entry["amount"].to_decimal(), entry["invoices"])
        for guest, entry in by_guests.items()
    }
    assert figures == {
        True: (2, 12, Decimal("30.60"), 1),
        False: (2, 7, Decimal("17.85"), 1),
    }
    [duplicates] = database.rollup_duplicates_daily.find()
    [entry] = duplicates["entries"]
    assert duplicates["lines"] == 4
    assert (entry["CustomerID"], entry["lines"], entry["units"]) == (None, 1, 6)
    assert entry["amount"].to_decimal() == Decimal("15.30")


def test_a_day_summarised_by_an_older_release_is_marked_once(
    mongo: tuple[Any, MongoStore, Settings],
) -> None:
    database, store, settings = mongo
    rollups = MongoRollups(database.client, settings.mongo_database)
    store.insert([transaction(2)])
    database.rollup_orders_daily.insert_one({"_id": DAY, "lines": 1, "entries": []})
    assert rollups.mark_outdated() == 1
    while rollups.pending():
        rollups.rebuild_next()
    assert len(database.rollup_orders_daily.find_one()["entries"]) == 1
    assert rollups.mark_outdated() == 0


def test_a_day_marked_again_during_its_rebuild_stays_marked(
    mongo: tuple[Any, MongoStore, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, store, settings = mongo
    rollups = MongoRollups(database.client, settings.mongo_database)
    store.insert([transaction(2)])
    store.mark_dirty({DAY})
    release = rollups._release

    def late_row(dirty: dict[str, Any]) -> None:
        store.insert([transaction(3)])
        store.mark_dirty({DAY})
        release(dirty)

    monkeypatch.setattr(rollups, "_release", late_row)
    while not rollups.rebuild_next():
        pass
    assert database.rollup_orders_daily.find_one()["lines"] == 1
    assert rollups.pending() == 1
    monkeypatch.setattr(rollups, "_release", release)
    while rollups.pending():
        rollups.rebuild_next()
    assert database.rollup_orders_daily.find_one()["lines"] == 2


def test_a_rebuild_that_saw_less_never_replaces_one_that_saw_more(
    mongo: tuple[Any, MongoStore, Settings],
) -> None:
    database, store, settings = mongo
    rollups = MongoRollups(database.client, settings.mongo_database)
    store.insert([transaction(2)])
    database.rollup_orders_daily.insert_one({"_id": DAY, "lines": 2, "entries": []})
    store.mark_dirty({DAY})
    while rollups.pending():
        rollups.rebuild_next()
    assert database.rollup_orders_daily.find_one()["lines"] == 2
    assert database.rollup_products_daily.find_one()["lines"] == 1


def test_a_user_without_rights_gets_a_permanent_error(
    mongo: tuple[Any, MongoStore, Settings],
) -> None:
    _, _, settings = mongo
    with connect(settings.mongo("reader"), name="tests") as client:
        with pytest.raises(PermanentError, match="lacks the rights"):
            MongoStore(client, settings.mongo_database).insert([transaction(2)])


def test_a_server_that_is_away_is_a_transient_error_with_its_address() -> None:
    with connect("mongodb://127.0.0.1:1", name="tests", timeout_ms=200) as client:
        with pytest.raises(TransientError, match="MongoDB at 127.0.0.1:1 is away"):
            MongoStore(client, "retail_db").insert([transaction(2)])


def test_a_rebuild_walks_the_index_by_date(mongo: tuple[Any, MongoStore, Settings]) -> None:
    database, store, settings = mongo
    store.insert([transaction(2)])
    with connect(settings.mongo("setup"), name="tests") as client:
        for pipeline_of in PIPELINES.values():
            asked = {"aggregate": "transactions", "pipeline": pipeline_of(DAY), "cursor": {}}
            plan = str(client[settings.mongo_database].command("explain", asked))
            assert "'indexName': 'by_date'" in plan and "COLLSCAN" not in plan
