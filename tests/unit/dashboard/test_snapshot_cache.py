"""The snapshot is bounded, of this release's form, and never silently old."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Event
from typing import Any, cast

import pytest

from retail_pipeline.adapters.mongo.reads.filters import MongoStatus
from retail_pipeline.adapters.mongo.reads.rollups import FIELDS, MongoRollupReads
from retail_pipeline.analytics.tables import Dictionary
from retail_pipeline.dashboard import snapshot_cache as module
from retail_pipeline.dashboard.filters import Choice
from retail_pipeline.dashboard.snapshot_cache import SnapshotCache
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.collections import ORDERS_ROLLUP, RETURNS
from retail_pipeline.domain.days import day_number
from retail_pipeline.domain.figures import Selection, Status
from retail_pipeline.domain.periods import Period
from retail_pipeline.errors import FiguresError, TransientError

DAY = datetime(2011, 1, 1, tzinfo=UTC)
EVER = Selection(date(2000, 1, 1), date(2020, 1, 1))
LONG = 10.0


def columns(day: datetime, lines: int = 1) -> dict[str, Any]:
    """Return a day's document of any rollup, with as many entries as lines."""
    values: dict[str, object] = {
        "InvoiceNo": "536365",
        "StockCode": "85123A",
        "Description": "LAMP",
        "CustomerID": "17850",
        "Country": "France",
        "kind": "sale",
        "hour": 9,
        "fee": False,
        "guest": False,
        "invoices": 1,
    }
    names = {name for fields in FIELDS.values() for name in fields}
    figures = {"lines": [1] * lines, "units": [2] * lines, "micros": [5_000_000] * lines}
    return {"day": day, **{name: [values[name]] * lines for name in names}, **figures}


class Summaries:
    """Stands for the reads of the rollups: the days there are, and those of another release."""

    def __init__(self) -> None:
        self.made: dict[datetime, datetime] = {}
        self.older: set[datetime] = set()
        self.lines = 1
        self.read: list[tuple[str, list[datetime]]] = []
        self.failure: Exception | None = None
        self.broken: set[datetime] = set()
        self.reading, self.go_on = Event(), Event()
        self.go_on.set()

    def make(self, *places: int) -> None:
        """Summarise the days so many days after the first, or do so again."""
        self.made |= {DAY + timedelta(days=place): datetime.now(UTC) for place in places}

    def versions(self, rollup: str, since: datetime = datetime.min) -> dict[Any, datetime]:
        self.reading.set()
        assert self.go_on.wait(LONG)
        return {} if rollup == RETURNS else dict(self.made)

    def days(self, rollup: str, days: Iterable[datetime]) -> Iterator[dict[str, Any]]:
        if self.failure is not None:
            raise self.failure
        asked = sorted(days)
        self.read.append((rollup, asked))
        if self.broken & set(asked):
            raise ValueError("cannot convert NaN to integer")
        return iter([columns(day, self.lines) for day in asked if day not in self.older])

    def orders_of_products(self, codes: Sequence[str]) -> list[dict[str, Any]]:
        return [columns(day) for day in sorted(self.made)]

    def status(self, outdated: Collection[datetime] = ()) -> Status:
        return Status(len(self.made), 0, len(outdated), DAY)


@pytest.fixture
def summaries() -> Summaries:
    return Summaries()


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each caller wait for a refresh of its own."""
    monkeypatch.setattr(module, "_FRESH_SECONDS", -1.0)
    monkeypatch.setattr(module, "_STALE_SECONDS", -1.0)
    monkeypatch.setattr(module, "REST_FACTOR", 0)


def store_of(summaries: Summaries, most: int = 1_000) -> SnapshotCache:
    return SnapshotCache(cast(MongoRollupReads, summaries), cast(MongoStatus, summaries), most)


@pytest.mark.usefixtures("hurry")
def test_a_day_of_another_release_is_one_to_be_summarised(summaries: Summaries) -> None:
    summaries.make(0, 1, 2)
    summaries.older = {DAY + timedelta(days=1)}
    store = store_of(summaries)
    snapshot = store.snapshot()
    assert snapshot.status.pending_days == 1
    assert snapshot.order_rows(EVER)["lines"].sum() == 2

    summaries.older = set()
    summaries.make(1)
    snapshot = store.snapshot()
    assert snapshot.status.pending_days == 0
    assert snapshot.order_rows(EVER)["lines"].sum() == 3


@pytest.mark.usefixtures("hurry")
def test_an_unexpected_fault_is_a_failure_that_viewers_see(
    summaries: Summaries, caplog: pytest.LogCaptureFixture
) -> None:
    summaries.make(0)
    store = store_of(summaries)
    store.snapshot()
    summaries.make(0)
    summaries.failure = TypeError("int() argument must not be 'NoneType'")
    for _ in range(2):
        with pytest.raises(FiguresError, match="TypeError: int"):
            store.snapshot()
    assert len(caplog.records) == 1, "the log has it once"
    summaries.failure = None
    assert len(store.snapshot().orders) == 1


@pytest.mark.usefixtures("hurry")
def test_a_day_that_no_figures_can_be_made_of_is_named_and_keeps_no_other_from_being_shown(
    summaries: Summaries,
) -> None:
    summaries.make(0, 1, 2)
    summaries.broken = {DAY + timedelta(days=1)}
    store = store_of(summaries)
    for _ in range(2):
        snapshot = store.snapshot()
        assert snapshot.order_rows(EVER)["lines"].sum() == 2
        [failed] = snapshot.status.failed_days
        assert failed.day == date(2011, 1, 2) and "ValueError: cannot convert NaN" in failed.why
        assert snapshot.status.pending_days == 0
    summaries.broken = set()
    summaries.make(1)
    snapshot = store.snapshot()
    assert snapshot.status.failed_days == ()
    assert snapshot.order_rows(EVER)["lines"].sum() == 3


def test_a_refresh_in_the_background_reports_an_unexpected_fault(
    summaries: Summaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FRESH_SECONDS", -1.0)
    monkeypatch.setattr(module, "REST_FACTOR", 0)
    summaries.make(0)
    store = store_of(summaries)
    store.snapshot()
    summaries.make(0)
    summaries.failure = KeyError("invoices")
    with pytest.raises(FiguresError, match="KeyError"):
        until = time.monotonic() + LONG
        while time.monotonic() < until:
            store.snapshot()
            time.sleep(0.01)


@pytest.mark.usefixtures("hurry")
def test_what_changed_before_a_read_failed_is_new_at_the_next_refresh(
    summaries: Summaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    summaries.make(0)
    store = store_of(summaries)
    before = store.snapshot().version
    summaries.make(1)

    def away(outdated: Collection[datetime] = ()) -> Status:
        raise TransientError("away")

    with monkeypatch.context() as patch:
        patch.setattr(summaries, "status", away)
        with pytest.raises(TransientError):
            store.snapshot()
    assert store.snapshot().version > before


def test_a_product_filter_does_not_wait_for_a_refresh(summaries: Summaries) -> None:
    summaries.make(0)
    summaries.go_on.clear()
    store = store_of(summaries)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(store.snapshot)
        assert summaries.reading.wait(LONG)
        try:
            found = threads.submit(store.orders_of_products, ["85123A"]).result(LONG / 2)
        finally:
            summaries.go_on.set()
        assert len(found) == len(waiting.result(LONG).orders) == 1


class Slow(list[str | None]):
    """A list that another thread always comes upon in the middle of an append."""

    def append(self, value: str | None) -> None:
        time.sleep(0.005)
        super().append(value)


def test_no_two_texts_ever_get_the_same_number() -> None:
    numbers = Dictionary()
    numbers.texts = Slow()
    texts: list[str | None] = [f"text {number}" for number in range(20)]
    with ThreadPoolExecutor(4) as threads:
        found = [each.tolist() for each in threads.map(numbers.of, [texts, texts[::-1]] * 2)]
    assert sorted(numbers.values()) == list(range(20))
    assert [numbers.texts[number] for number in found[0]] == texts
    assert found[0] == found[1][::-1] == found[2] == found[3][::-1]


@pytest.mark.usefixtures("hurry")
def test_a_dashboard_that_began_with_little_never_reads_all_that_comes(
    summaries: Summaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DAYS_AT_ONCE", 2)
    summaries.lines = 10
    summaries.make(0, 1)
    store = store_of(summaries, most=40)
    store.snapshot()
    summaries.read.clear()
    summaries.make(*range(2, 20))
    snapshot = store.snapshot()
    read = [day for rollup, days in summaries.read if rollup == ORDERS_ROLLUP for day in days]
    assert min(read) == DAY + timedelta(days=14), "four days have room, and two at once are read"
    assert snapshot.since == date(2011, 1, 17)
    assert sorted(set(snapshot.orders["day"])) == [
        day_number(date(2011, 1, day)) for day in (17, 18, 19, 20)
    ]


@pytest.mark.usefixtures("hurry")
def test_days_that_came_late_are_read_as_far_as_they_have_room(
    summaries: Summaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the days that are loaded already, but those as new as what is read count."""
    monkeypatch.setattr(module, "_DAYS_AT_ONCE", 1)
    summaries.lines = 10
    summaries.make(0, 1, 2, 9)
    store = store_of(summaries, most=50)
    store.snapshot()
    summaries.make(4, 5, 6)
    snapshot = store.snapshot()
    assert snapshot.since == date(2011, 1, 3)
    assert sorted(set(snapshot.orders["day"])) == [
        day_number(date(2011, 1, day)) for day in (3, 5, 6, 7, 10)
    ]


@pytest.mark.usefixtures("hurry")
def test_a_product_filter_leaves_out_the_days_without_room_too(summaries: Summaries) -> None:
    summaries.make(0, 1, 2)
    store = store_of(summaries, most=2)
    snapshot = store.snapshot()
    assert snapshot.since == date(2011, 1, 2)
    of_products = store.orders_of_products(["85123A"])
    assert len(of_products) == 3
    assert len(snapshot.order_rows(EVER, of_products)) == len(snapshot.order_rows(EVER)) == 2
    assert View(snapshot, Choice(), Period(EVER.first, EVER.last)).selection.first == snapshot.since


def test_a_product_that_only_another_rollup_has_so_far_is_called_by_its_code(
    summaries: Summaries,
) -> None:
    summaries.make(0)
    snapshot = store_of(summaries).snapshot()
    assert (snapshot.label("85123A"), snapshot.label("NEW")) == ("85123A · LAMP", "NEW")
