"""What a replay relies on in the quarantine holds for the fake and for MongoDB alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retail_pipeline.adapters.mongo import quarantine as mongo_quarantine
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.quarantine import MongoQuarantine
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import MongoStore, rows_filter
from retail_pipeline.domain.quarantined import QuarantineSelection
from retail_pipeline.domain.rejection import Reason, Rejection
from retail_pipeline.flows.ports import Quarantine
from retail_pipeline.settings import Settings
from tests.fake_quarantine import FakeQuarantine, quarantined
from tests.fakes import manifest, rejection, transaction


@dataclass
class Subject:
    quarantine: Quarantine
    put: Callable[..., None]
    store: Callable[[int], object]
    tombstones: Callable[[], set[str]]

    def ids(self, **selected: Any) -> list[str]:
        return [row.id for row in self.quarantine.find(QuarantineSelection(**selected))]


def fake() -> Subject:
    quarantine = FakeQuarantine()
    quarantine.manifests[manifest().source] = manifest()

    def put(*rejections: Rejection) -> None:
        now = datetime.now(UTC)
        quarantine.put(*(quarantined(each, quarantined_at=now) for each in rejections))

    def store(row: int) -> None:
        quarantine.stored.add(transaction(row).id)

    return Subject(quarantine, put, store, lambda: quarantine.tombstones)


def real(settings: Settings) -> Iterator[Subject]:
    with connect(settings.mongo("setup"), name="tests") as client:
        ensure_schema(client[settings.mongo_database])
    with connect(settings.mongo("writer"), name="tests") as client:
        found, writer = client[settings.mongo_database], MongoStore(client, settings.mongo_database)
        writer.record([manifest()])
        yield Subject(
            MongoQuarantine(client, settings.mongo_database),
            lambda *rejections: writer.quarantine(rejections),
            lambda row: writer.insert([transaction(row)]),
            lambda: {row.get("claims") or row["_id"] for row in found.purged.find()},
        )


@pytest.fixture(params=["fake", "mongodb"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "fake":
        yield fake()
    else:
        yield from real(request.getfixturevalue("fresh"))


POISON = rejection(
    7,
    source="tx-0",
    name="tx",
    stage="processor",
    reason=Reason.UNKNOWN_VERSION,
    claims="f:000000001",
)


def test_rows_come_in_order_page_by_page_none_twice(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_quarantine, "_PAGE_ROWS", 3)
    subject.put(*(rejection(row) for row in (9, 2, 7, 3, 5, 4, 8)))
    assert subject.ids() == [rejection(row).id for row in (2, 3, 4, 5, 7, 8, 9)]
    found = subject.quarantine.find(QuarantineSelection(), 4)
    assert [row.row for row in found] == [2, 3, 4, 5]


def test_rows_are_chosen_by_identity_reason_file_stage_and_time(subject: Subject) -> None:
    subject.put(rejection(3), rejection(4, source="b", name="b.csv"), POISON)
    first, second, poison = rejection(3).id, rejection(4, source="b").id, POISON.id
    hour, now = timedelta(hours=1), datetime.now(UTC)
    assert subject.ids(ids=(first,)) == [first]
    assert subject.ids(ids=("f:000000001",)) == [poison]
    assert subject.ids(reasons=(Reason.UNKNOWN_VERSION,)) == [poison]
    assert subject.ids(source="b") == subject.ids(source="b.csv") == [second]
    assert subject.ids(source="f") == [poison], "the file that it claims to be of"
    assert subject.ids(stage="processor") == [poison]
    assert len(subject.ids(since=now - hour)) == len(subject.ids(until=now + hour)) == 3
    assert subject.ids(since=now + hour) == subject.ids(until=now - hour) == []
    assert subject.ids(stage="processor", source="b") == []


def test_replays_are_counted_and_those_sent_are_waited_for(subject: Subject) -> None:
    subject.put(rejection(3), rejection(4))
    subject.quarantine.count_replays([rejection(3).id], "run")
    subject.quarantine.count_replays([rejection(3).id, rejection(4).id, "gone:000000001"])
    assert [row.replays for row in subject.quarantine.find(QuarantineSelection())] == [2, 1]
    assert all(row.last_replayed_at for row in subject.quarantine.find(QuarantineSelection()))
    assert (subject.quarantine.waiting("run"), subject.quarantine.waiting("other")) == (1, 0)
    subject.quarantine.forget([rejection(3).id])
    assert subject.quarantine.waiting("run") == 0
    assert subject.ids() == [rejection(4).id]


def test_a_purged_row_leaves_a_tombstone_but_none_if_it_is_stored(subject: Subject) -> None:
    subject.put(rejection(3), rejection(4), POISON)
    subject.store(4)
    rows = list(subject.quarantine.find(QuarantineSelection()))
    assert subject.quarantine.purge(rows) == 2
    assert subject.quarantine.purge(rows) == 2, "again, as after a kill in the middle"
    assert subject.quarantine.purge([]) == 0
    assert subject.tombstones() == {rejection(3).id, "f:000000001"}
    assert subject.ids() == []


def test_a_manifest_is_found_by_its_source(subject: Subject) -> None:
    assert subject.quarantine.manifest(manifest().source) == manifest()
    assert subject.quarantine.manifest("unknown") is None


@pytest.mark.parametrize(
    ("collection", "query", "index"),
    [
        ("quarantine", {"stage": "processor", "quarantined_at": {"$gte": datetime.now(UTC)}},
         "by_stage"),
        ("quarantine", {"replaying": "run"}, "by_replay"),
        ("quarantine", rows_filter(["a:000000001"]), "by_claims"),
        ("purged", rows_filter(["a:000000001"]), "by_claims"),
    ],
)  # fmt: skip
def test_what_is_asked_of_each_batch_walks_an_index(
    fresh: Settings, collection: str, query: dict[str, Any], index: str
) -> None:
    with connect(fresh.mongo("setup"), name="tests") as client:
        database = client[fresh.mongo_database]
        ensure_schema(database)
        plan = str(database.command("explain", {"find": collection, "filter": query}))
    assert f"'indexName': '{index}'" in plan and "COLLSCAN" not in plan
