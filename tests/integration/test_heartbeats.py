"""Processors report through MongoDB how far they are; one that is killed shows as gone."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.heartbeats import KEPT_POINTS, MongoHeartbeats
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.analytics import live
from retail_pipeline.domain.heartbeat import PartitionProgress, ProcessorHeartbeat, StoredHeartbeat
from retail_pipeline.errors import AccessError
from retail_pipeline.settings import Settings
from tests.conftest import RunningStack
from tests.pipeline import HEADER, LONGEST_S, ROW, Pipeline

ROWS = 120


def listen(
    pipeline: Pipeline, until: Callable[[list[StoredHeartbeat]], bool]
) -> list[StoredHeartbeat]:
    """Return the processors' heartbeats as soon as ``until`` holds for them."""
    with connect(pipeline.settings.mongo("reader"), name="tests") as client:
        processors = MongoHeartbeats(client, pipeline.settings.mongo_database)
        end = time.monotonic() + LONGEST_S
        while not until(records := processors.latest()):
            assert time.monotonic() < end, records
            time.sleep(0.2)
        return records


def settled(records: list[StoredHeartbeat]) -> bool:
    parts = live.partitions(records)
    return len(parts) == 3 and all(each.lag == 0 for each in parts)


def test_lag_and_rows_reach_mongodb_and_a_killed_processor_is_gone(pipeline: Pipeline) -> None:
    file = pipeline.folder / "retail.csv"
    file.write_text(HEADER + "".join(ROW.replace("536365", str(n)) for n in range(ROWS)))
    pipeline.run("setup")
    pipeline.run("produce", str(file))
    processor = pipeline.start("process")

    [one] = listen(pipeline, lambda records: settled(records) and records[0].stored == ROWS)
    assert one.alive and one.quarantined == 0 and one.partitions == 3
    assert sum(each.end or 0 for each in one.progress) == ROWS
    listen(pipeline, lambda records: live.stored_lately(records) == ROWS)

    processor.kill()
    processor.wait(10)
    # What comes in now is nobody's: how much waits is not known, and not nothing.
    [one] = listen(pipeline, lambda records: not records[0].alive)
    assert not one.stopped
    parts = live.partitions([one])
    assert [each.lag for each in parts] == [None] * 3
    assert sum(each.last.end or 0 for each in parts if each.last) == ROWS

    heir = pipeline.start("process")
    both = listen(pipeline, settled)
    assert [each.alive for each in both] == [True, False]
    heir.send_signal(signal.SIGTERM)
    assert heir.wait(30) == 0
    [last, _] = listen(pipeline, lambda records: records[0].stopped)
    assert [each.lag for each in last.progress] == [0, 0, 0]


def test_a_history_is_bounded_and_old_heartbeats_are_deleted_by_mongodb(
    stack: RunningStack, fresh: Settings
) -> None:
    with connect(fresh.mongo("setup"), name="tests") as client:
        ensure_schema(client[fresh.mongo_database])
    heartbeat = ProcessorHeartbeat(
        name="p$1.a", started_at=datetime.now(UTC), progress=(PartitionProgress(0),)
    )
    with connect(fresh.mongo("writer"), name="tests") as client:
        processors = MongoHeartbeats(client, fresh.mongo_database)
        for _ in range(KEPT_POINTS + 3):
            processors.keep(heartbeat, 0.5)
        [record] = processors.latest()
        assert len(record.history) == KEPT_POINTS
        assert (record.name, record.progress, record.quiet_s) == (
            heartbeat.name,
            heartbeat.progress,
            0.5,
        )
        indexes = client[fresh.mongo_database].processors.index_information()
        assert indexes["by_age"]["expireAfterSeconds"] == 86_400


def test_a_heartbeat_that_cannot_be_read_is_left_out(stack: RunningStack, fresh: Settings) -> None:
    with connect(stack.root_uri, name="tests") as client:
        processors = MongoHeartbeats(client, fresh.mongo_database)
        processors.keep(ProcessorHeartbeat(name="p1", started_at=datetime.now(UTC)), 0.0)
        client[fresh.mongo_database].processors.insert_one({"_id": "odd", "at": datetime.now(UTC)})
        assert [each.name for each in processors.latest()] == ["p1"]


def test_a_user_who_is_dropped_and_created_again_can_go_on(
    stack: RunningStack, fresh: Settings
) -> None:
    database, user = fresh.mongo_database, f"again_{fresh.mongo_database}"
    roles = [{"role": "read", "db": database}]
    with connect(stack.root_uri, name="tests") as root:
        root[database].command("createUser", user, pwd="one", roles=roles)
        host = root.address
        assert host
        uri = f"mongodb://{user}:one@{host[0]}:{host[1]}/?authSource={database}"
        with connect(uri, name="tests") as client:
            processors = MongoHeartbeats(client, database)
            assert processors.latest() == []
            root[database].command("dropUser", user)
            root[database].command("createUser", user, pwd="one", roles=roles)
            with pytest.raises(AccessError):
                processors.latest()
            assert processors.latest() == []
        root[database].command("dropUser", user)
