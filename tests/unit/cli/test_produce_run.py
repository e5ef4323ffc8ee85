"""A producer's run: how long it stands failures, and what a watched folder's files do to it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from retail_pipeline import bootstrap
from retail_pipeline.adapters.prometheus import PrometheusRecorder
from retail_pipeline.cli.produce import run as produce_run
from retail_pipeline.cli.produce.run import ProducerRun
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import TransientError
from retail_pipeline.flows import produce, retry
from retail_pipeline.flows.source import ReadOptions
from retail_pipeline.flows.throttle import Throttle
from retail_pipeline.operations import metrics
from retail_pipeline.settings import Settings
from tests.fakes import FakePublisher
from tests.pipeline import HEADER, ROW
from tests.unit.adapters.sources.test_damaged_workbooks import late

HOUR = 3600.0


class World:
    """A producer on fakes, with a clock that only the tests move."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.folder = folder
        self.stop = Event()
        self.publisher = FakePublisher()
        monkeypatch.setattr(produce, "CHUNK_ROWS", 3)
        monkeypatch.setattr(produce, "_SECONDS_BETWEEN_SAVES", 0.0)
        monkeypatch.setattr(produce_run, "_SECONDS_BETWEEN_SCANS", 0.01)
        monkeypatch.setattr(retry, "_LONGEST_WAIT_S", 0.0)
        self.sent: set[str] = set()
        monkeypatch.setattr(bootstrap, "topic_id", lambda settings: "topic")
        monkeypatch.setattr(bootstrap, "sent_sources", lambda settings: self.sent)
        monkeypatch.setattr(bootstrap, "KafkaPublisher", lambda *args: self.publisher)

    def run(self, again: bool = False) -> ProducerRun:
        settings = Settings(state_dir=self.folder / "state")
        throttle = Throttle(self.stop)
        return ProducerRun(
            settings, self.stop, ReadOptions(), throttle, again, clock=lambda: self.now
        )

    def file(self, rows: int) -> str:
        path = self.folder / "retail.csv"
        path.write_text(HEADER + ROW * rows)
        return str(path)

    @contextmanager
    def watching(self) -> Iterator[Path]:
        """Give a folder that is watched meanwhile."""
        folder = self.folder / "watched"
        folder.mkdir()
        watch = Thread(target=self.run().watch, args=(folder, [], False))
        watch.start()
        try:
            yield folder
        finally:
            self.stop.set()
            watch.join(60)

    def wait_for(self, rows: int) -> None:
        """Return once so many rows that are as ROW came through."""
        until = time.monotonic() + 60
        while sum(row.StockCode in ROW for row in self.publisher.of(Transaction)) < rows:
            assert time.monotonic() < until, f"{len(self.publisher.of(Transaction))} rows came"
            time.sleep(0.01)

    @property
    def rows(self) -> set[int]:
        return {record.row for record in self.publisher.of(Transaction)}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_failures_hours_apart_are_each_tried_again(world: World) -> None:
    waits = 0

    def meet(step: str) -> None:
        nonlocal waits
        if step == "acknowledge":
            waits += 1
            world.now += HOUR
            if waits in (3, 6):
                raise TransientError("away")

    world.publisher.faults.meet = meet  # type: ignore[method-assign]  # moves the clock
    world.run().files([world.file(20)], loop=False)
    assert world.rows == set(range(2, 22))


def test_failures_without_progress_are_given_up_though_the_same_rows_came_through_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is saved on the way: each try sends the first rows once more.
    monkeypatch.setattr(produce, "_SECONDS_BETWEEN_SAVES", HOUR)
    waits = 0

    def meet(step: str) -> None:
        nonlocal waits
        if step == "acknowledge":
            waits += 1
            world.now += 60
            if waits % 3 == 0:
                raise TransientError("away")

    world.publisher.faults.meet = meet  # type: ignore[method-assign]  # moves the clock
    with pytest.raises(TransientError, match="away"):
        world.run().files([world.file(20)], loop=False)
    assert 300 <= world.now <= 900


def test_a_damaged_workbook_does_not_keep_a_watch_from_the_other_files(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with world.watching() as folder:
        (folder / "a.xlsx").write_bytes(late(lambda rest: b""))
        (folder / "b.xlsx").write_bytes(late(lambda rest: rest.replace(b"<v>6", b"<v>six", 1)))
        (folder / "c.csv").write_text(HEADER + ROW * 2)
        world.wait_for(2)
    for name in ("a.xlsx", "b.xlsx"):
        assert any(name in line and "damaged" in line for line in caplog.messages)


def test_rows_that_are_sent_again_after_a_failure_are_recorded_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = PrometheusRecorder(metrics.PRODUCER)
    monkeypatch.setattr(bootstrap, "recorder", lambda settings, names: recorder)
    # Nothing is saved on the way: the second attempt sends every row once more.
    monkeypatch.setattr(produce, "_SECONDS_BETWEEN_SAVES", HOUR)
    waits = 0

    def meet(step: str) -> None:
        nonlocal waits
        if step == "acknowledge":
            waits += 1
            if waits == 5:
                raise TransientError("away")

    world.publisher.faults.meet = meet  # type: ignore[method-assign]  # fails once
    name = world.file(20)
    with open(name, "a") as file:
        file.write(ROW.replace("2.55", "much"))
    world.run().files([name], loop=False)
    assert waits > 5

    def value(metric: metrics.Metric) -> float | None:
        return recorder.registry.get_sample_value(metric.name)

    assert value(metrics.ROWS_READ) == 21
    assert value(metrics.ROWS_SENT) == 20
    assert value(metrics.ROWS_REJECTED) == 1
    assert value(metrics.SOURCES_COMPLETED) == 1
    moments = value(metrics.ACKNOWLEDGED_AT), value(metrics.PRODUCER_CYCLE_AT)
    assert all(moment and time.time() - moment < 60 for moment in moments)
