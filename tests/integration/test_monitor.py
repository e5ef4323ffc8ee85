"""``retail monitor`` on real servers, while their processes stop, hang and lose data."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from retail_devstack.processes import find
from retail_pipeline.adapters.kafka.topics import kafka_admin
from retail_pipeline.operations.report import Report
from retail_pipeline.operations.verdict import State
from tests.conftest import RunningStack
from tests.pipeline import HEADER, LONGEST_S, ROW, Pipeline


class Monitor:
    """A monitor that prints JSON, and everything that it has printed."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "retail_pipeline"]
            + ["monitor", "--format", "json", "--interval", "0.5"],
            env=pipeline.env,
            cwd=pipeline.folder,
            stdout=subprocess.PIPE,
        )
        self.reports: list[Report] = []

    def next(self) -> Report:
        assert self.process.stdout is not None
        report = msgspec.json.decode(self.process.stdout.readline(), type=Report)
        self.reports.append(report)
        return report

    def wait_for(self, holds: Callable[[Report], bool]) -> Report:
        """Return the first report for which ``holds``."""
        until = time.monotonic() + LONGEST_S
        while not holds(report := self.next()):
            assert time.monotonic() < until, report
        return report

    def wait_for_state(self, state: State) -> Report:
        """Return the first report with this verdict."""
        return self.wait_for(lambda report: report.verdict.state == state)


@pytest.fixture
def monitor(pipeline: Pipeline) -> Iterator[Monitor]:
    monitor = Monitor(pipeline)
    yield monitor
    monitor.process.kill()
    monitor.process.wait(10)


numbers = itertools.count(600_000)


def produce(pipeline: Pipeline, rows: int) -> None:
    """Send so many new rows."""
    file = Path(pipeline.folder, f"rows-{next(numbers)}.csv")
    file.write_text(
        HEADER + "".join(ROW.replace("536365", str(next(numbers))) for _ in range(rows))
    )
    pipeline.run("produce", str(file))


def test_each_fault_has_its_verdict_and_nothing_unknown_is_shown_as_zero(
    stack: RunningStack, pipeline: Pipeline, monitor: Monitor
) -> None:
    topic = pipeline.settings.kafka_topic
    idle = monitor.wait_for(lambda report: report.lag is not None)
    assert idle.members == 0 and idle.database is not None and idle.database.latencies_s is None

    # So that the brokers don't miss it while it hangs.
    pipeline.env["KAFKA_SESSION_TIMEOUT_MS"] = "60000"
    processor = pipeline.start("process")
    produce(pipeline, 300)
    monitor.wait_for(lambda report: bool(report.database and report.database.stored == 300))
    done = monitor.wait_for(lambda report: bool(report.sources and report.sources[0].complete))
    assert done.sources and done.sources[0].rows_read == 300
    caught_up = monitor.wait_for_state(State.CAUGHT_UP)
    assert caught_up.members == caught_up.processors == 1

    processor.send_signal(signal.SIGSTOP)
    started_at = time.monotonic()
    produce(pipeline, 60)
    sent_at = time.monotonic()
    stalled = monitor.wait_for_state(State.STALLED)
    assert stalled.lag and all(each.startswith(topic) for each in stalled.verdict.partitions)
    assert len(stalled.verdict.owners) == 1
    now = time.monotonic()
    assert stalled.oldest_s and now - sent_at - 4 < stalled.oldest_s < now - started_at
    processor.send_signal(signal.SIGCONT)
    monitor.wait_for_state(State.CAUGHT_UP)

    processor.terminate()
    processor.wait(30)
    unowned = monitor.wait_for_state(State.UNOWNED)
    assert unowned.members == 0 and unowned.verdict.detail == "no processor runs"
    assert all(each.owner is None for each in unowned.partitions)

    partitions = [TopicPartition(topic, number) for number in range(3)]
    with closing(kafka_admin(pipeline.settings.kafka_bootstrap_servers)) as admin:
        first = {place: OffsetAndMetadata(0, "", -1) for place in partitions[:1]}
        admin.alter_group_offsets(pipeline.settings.kafka_group, first)
        rewound = monitor.wait_for_state(State.REWOUND)
        assert rewound.verdict.partitions == (f"{topic}[0]",)
        admin.delete_records({partitions[0]: 5})
    lost = monitor.wait_for_state(State.DATA_LOST)
    assert lost.verdict.detail.startswith("5 records were deleted before they were stored")
    assert lost.verdict.partitions == (f"{topic}[0]",)

    broker = find(stack.stack.process("kafka"))
    assert broker is not None
    broker.suspend()
    unknown = monitor.wait_for_state(State.UNKNOWN)
    assert (unknown.lag, unknown.oldest_s, unknown.members) == (None, None, None)
    assert (unknown.arriving, unknown.storing) == (None, None)
    assert "group" in unknown.problems and unknown.database is not None
    broker.resume()
    monitor.wait_for(lambda report: report.lag is not None)

    stack.kill("mongodb")
    parts = {"database", "processors", "dirty_days", "sources"}
    away = monitor.wait_for(lambda report: parts <= report.problems.keys())
    assert (away.database, away.processors, away.dirty_days, away.sources) == (None,) * 4
    monitor.wait_for(lambda report: report.database is None and report.lag is not None)

    lags = [each.lag for report in monitor.reports for each in report.partitions]
    assert min(lags) >= 0
