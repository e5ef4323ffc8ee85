"""What the pages about the pipeline read is exact, bounded, and answered by an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.reads.latest import MongoLatest
from retail_pipeline.adapters.mongo.reads.quality import MongoQuality
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.rejection import Reason, Rejection
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.fakes import manifest, rejection
from tests.selections import NOTHING, SELECTIONS

SALES = shop.shop()
TABLE = shop.frame(SALES)
REJECTED: list[Rejection] = [
    *(rejection(row) for row in range(4_000, 4_030)),
    *(rejection(row, reason=Reason.TOO_LONG, stage="processor") for row in range(5_000, 5_005)),
    rejection(6_000, name="other.csv", source="fedcba9876543210"),
]


@pytest.fixture(scope="module")
def loaded(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = stack.names(tmp_path_factory.mktemp("quality"))
    shop.load(stack, settings, SALES)
    with connect(stack.root_uri, name="tests") as client:
        store = MongoStore(client, settings.mongo_database)
        store.quarantine(REJECTED)
        later = manifest().started_at + timedelta(days=1)
        of_shop = manifest(len(SALES), source=SALES[0].source, complete=True, started_at=later)
        store.record([of_shop, manifest(7, name="other.csv", source="fedcba9876543210")])
    yield settings
    stack.forget(settings)


@pytest.fixture(scope="module")
def reads(loaded: Settings) -> Iterator[MongoQuality]:
    with connect(loaded.mongo("reader"), name="tests") as client:
        yield MongoQuality(client, loaded.mongo_database)


def test_the_quarantine_is_counted_by_reason_stage_and_file(reads: MongoQuality) -> None:
    found = {(each.reason, each.stage, each.name): each.rows for each in reads.quarantine()}
    assert found == {
        ("not_a_number", "producer", "retail.csv"): 30,
        ("too_long", "processor", "retail.csv"): 5,
        ("not_a_number", "producer", "other.csv"): 1,
    }


@pytest.mark.parametrize("odd", ["", "no_such_reason", '{"$ne": null}', "$where"])
def test_samples_are_of_one_reason_and_no_more_than_asked_for(
    reads: MongoQuality, odd: str
) -> None:
    assert len(reads.quarantined("not_a_number", 10)) == 10
    assert {each.row for each in reads.quarantined("too_long", 10)} == set(range(5_000, 5_005))
    assert reads.quarantined("too_long", 10)[0].raw == REJECTED[0].raw
    assert reads.quarantined(odd, 10) == []


def test_a_sources_furthest_row_is_found_by_its_number(reads: MongoQuality) -> None:
    first, second = reads.sources()
    assert first.manifest.complete and first.last_row == max(each.row for each in SALES)
    assert first.last_stored_at is not None
    assert datetime.now(UTC) - first.last_stored_at < timedelta(hours=1)
    assert (second.manifest.name, second.last_row, second.last_stored_at) == (
        "other.csv",
        None,
        None,
    )


@pytest.mark.parametrize("selection", [*SELECTIONS.values(), *NOTHING.values()])
def test_lines_without_a_description_are_counted_as_pandas_counts_them(
    reads: MongoQuality, selection: Selection
) -> None:
    table = shop.selected(TABLE, replace(selection, duplicates=True))
    assert reads.undescribed(selection) == sum(each is None for each in table["Description"])


@pytest.fixture
def live(loaded: Settings) -> Iterator[MongoLatest]:
    with connect(loaded.mongo("reader"), name="tests") as client:
        yield MongoLatest(client, loaded.mongo_database)


def test_what_came_in_last_is_in_the_order_in_which_it_was_stored(live: MongoLatest) -> None:
    newest = live.newest(SELECTIONS["everything"], 500, 20)
    assert [each.id for each in newest] == [each.id for each in reversed(SALES[-20:])]
    last = SALES[-1]
    assert newest[0].price == Decimal(last.UnitPrice)
    assert newest[0].amount == last.Quantity * Decimal(last.UnitPrice)


@pytest.mark.parametrize("name", [*SELECTIONS, *NOTHING])
def test_only_lines_that_count_come_of_those_stored_last(live: MongoLatest, name: str) -> None:
    selection = replace({**SELECTIONS, **NOTHING}[name], duplicates=True)
    kept = shop.selected(TABLE[-500:], selection)
    expected = [SALES[place].id for place in reversed(kept.index)][:20]
    assert [each.id for each in live.newest(selection, 500, 20)] == expected


def test_delays_are_from_the_file_to_the_database(live: MongoLatest) -> None:
    delays = live.delays(50)
    assert len(delays) == 50
    since = (datetime.now(UTC) - SALES[-1].ingested_at).total_seconds()
    assert all(since - 3_600 < each < since for each in delays)


@pytest.mark.parametrize(
    ("ask", "index", "most"),
    [
        (lambda at: MongoQuality(*at).quarantine(), {"by_reason"}, 0),
        (lambda at: MongoQuality(*at).quarantined("not_a_number", 5), {"by_reason"}, 5),
        (
            lambda at: MongoQuality(*at).undescribed(SELECTIONS["everything"]),
            {"by_date_undescribed"},
            sum(each is None for each in TABLE["Description"]),
        ),
        (lambda at: MongoLatest(*at).newest(NOTHING["an unknown country"], 500, 20), set(), 500),
        (lambda at: MongoLatest(*at).delays(50), set(), 50),
        (lambda at: MongoQuality(*at).sources(), {"_id_"}, 1),
    ],
    ids=["counts", "samples", "undescribed", "newest", "delays", "furthest row"],
)
def test_no_read_looks_at_more_than_it_needs(
    stack: RunningStack, loaded: Settings, ask: Any, index: set[str], most: int
) -> None:
    asked = Asked()
    with MongoClient[dict[str, Any]](
        stack.root_uri, event_listeners=[asked], tz_aware=True
    ) as client:
        ask((client, loaded.mongo_database))
        assert asked.commands
        for command in asked.commands:
            plan = client[loaded.mongo_database].command(
                "explain", command, verbosity="executionStats"
            )
            assert indexes_of(plan) == index, plan
            assert max(numbers_of(plan, "totalDocsExamined")) <= most


class Asked(CommandListener):
    """Keeps the reads of rows, as they can be explained."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        asks = event.command_name in ("find", "aggregate")
        if asks and event.command[event.command_name] in ("transactions", "quarantine"):
            unwanted = {"lsid", "$db", "maxTimeMS", "$readPreference"}
            self.commands.append(
                {name: each for name, each in event.command.items() if name not in unwanted}
            )

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass


def numbers_of(plan: object, name: str) -> list[int]:
    """Return every number of that name in a plan, however deep."""
    if isinstance(plan, list):
        return [number for each in plan for number in numbers_of(each, name)]
    if not isinstance(plan, dict):
        return []
    own = [int(plan[name])] if name in plan else []
    return own + numbers_of(list(plan.values()), name)


def indexes_of(plan: Any) -> set[str]:
    """Return the indexes of the plan that won."""
    text = str(_winner(plan))
    names = ("by_reason", "by_date_undescribed", "by_date", "by_product", "_id_")
    return {name for name in names if f"'indexName': '{name}'" in text}


def _winner(plan: Any) -> Any:
    if isinstance(plan, list):
        return [_winner(each) for each in plan]
    if isinstance(plan, dict):
        return {name: _winner(each) for name, each in plan.items() if name != "rejectedPlans"}
    return plan


def test_a_server_away_and_a_user_without_rights_are_different_errors(loaded: Settings) -> None:
    with connect("mongodb://127.0.0.1:9", name="tests", timeout_ms=200) as client:
        with pytest.raises(TransientError, match=r"127\.0\.0\.1:9 is away"):
            MongoQuality(client, "retail_db").quarantine()
        with pytest.raises(TransientError, match=r"127\.0\.0\.1:9 is away"):
            MongoLatest(client, "retail_db").delays(1)
    with connect(loaded.mongo("reader"), name="tests") as client:
        with pytest.raises(PermanentError, match="lacks the rights"):
            MongoQuality(client, "somebody_elses").sources()
        with pytest.raises(PermanentError, match="lacks the rights"):
            MongoLatest(client, "somebody_elses").newest(SELECTIONS["everything"], 10, 10)
