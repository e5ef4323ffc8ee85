"""A probe goes through real servers as a row does, and leaves no trace in any figure."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata

from retail_pipeline.adapters.kafka.topics import admin_client
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.reconcile.kafka import TopicReader
from retail_pipeline.bootstrap import probing
from retail_pipeline.domain.collections import (
    DIRTY_BUCKETS,
    MANIFESTS,
    PURGED,
    QUARANTINE,
    RETURNS,
    ROLLUPS,
    TRANSACTIONS,
)
from retail_pipeline.operations.probe import ProbeOutcome, ProbeState, run_probe
from tests.integration.test_crash_points import bury, crash
from tests.pipeline import LONGEST_S, Pipeline
from tests.truth import Truth

# All collections but those of processors and results, and the probes themselves.
COLLECTIONS = (TRANSACTIONS, QUARANTINE, PURGED, MANIFESTS, DIRTY_BUCKETS, RETURNS, *ROLLUPS)


@pytest.fixture
def filled(pipeline: Pipeline) -> Pipeline:
    """A pipeline in which one file is stored and summarised, its broken rows quarantined."""
    Truth().write(pipeline.folder / "one.csv", 1, rounds=4, days=(1, 2, 3))
    pipeline.run("produce", "one.csv")
    pipeline.drain()
    return pipeline


def figures(pipeline: Pipeline) -> dict[str, Any]:
    """Return every document, and both reconciliations, without offsets and times of the work."""
    found: dict[str, Any] = {}
    for mode in ("one.csv", "--quick"):
        result = json.loads(pipeline.run("reconcile", mode, "--json"))
        assert result["verdict"] == "agree"
        for account in result["partitions"]:
            del account["position"]
        found[mode] = {**result, "at": None, "seconds": None}
    with pipeline.database() as database:
        for name in COLLECTIONS:
            found[name] = list(database[name].find({}, {"rebuilt_at": False}).sort("_id"))
    for day in (each for name in ROLLUPS for each in found[name]):
        # MongoDB groups in any order.
        day["entries"] = sorted(map(repr, day["entries"]))
    return found


def probe(pipeline: Pipeline, timeout_s: float = LONGEST_S) -> list[ProbeOutcome]:
    with probing(pipeline.settings) as transport:
        return run_probe(transport, timeout_s)


def probes(pipeline: Pipeline) -> list[int]:
    """Return the partitions of the probes that are stored."""
    with pipeline.database() as database:
        return sorted(each["partition"] for each in database.probes.find())


def records(pipeline: Pipeline) -> int:
    """Return how many records the topic has, probes included."""
    topic = pipeline.settings.kafka_topic
    offsets = TopicReader(pipeline.settings).positions()
    return sum(each.end for each in offsets if each.topic == topic)


def test_a_probe_killed_half_way_or_read_again_leaves_nothing_in_any_figure(
    filled: Pipeline,
) -> None:
    before, rows = figures(filled), records(filled)
    # The sender dies between two partitions, and between sending and waiting.
    crash(filled, "probe", "after", "queue*2")
    crash(filled, "probe", "after", "probe")
    # The processor dies before the write to MongoDB, and between the write and the commit.
    crash(filled, "process", "before", "keep")
    assert probes(filled) == []
    crash(filled, "process", "after", "keep")
    assert probes(filled)
    filled.drain()
    stored = probes(filled)
    assert set(stored) == {0, 1, 2} and len(stored) == records(filled) - rows
    assert figures(filled) == before
    # Much later, when MongoDB has deleted the probes, all records are read again.
    with connect(filled.stack.root_uri, name="tests") as client:
        client[filled.settings.mongo_database].probes.delete_many({})
    rewind(filled)
    filled.drain()
    assert probes(filled) == stored
    assert figures(filled) == before


def rewind(pipeline: Pipeline) -> None:
    """Set the group back to the start of the transactions."""
    settings = pipeline.settings
    start = {
        TopicPartition(settings.kafka_topic, partition): OffsetAndMetadata(0, "", -1)
        for partition in range(settings.kafka_partitions)
    }
    # Only a group without members takes other offsets.
    bury(settings)
    with admin_client(settings) as admin:
        results = admin.alter_group_offsets(settings.kafka_group, start)
    assert set(results.values()) == {NoError}, results


def test_a_probe_that_nobody_reads_is_named_later_ones_arrive_and_no_figure_changes(
    filled: Pipeline,
) -> None:
    before = figures(filled)
    nobody = probe(filled, 0.5)
    assert {each.state for each in nobody} == {ProbeState.NO_PROCESSOR}
    assert [str(each) for each in nobody] == [
        f"{filled.settings.kafka_topic}[{partition}]" for partition in range(3)
    ]
    assert all(each.reason == "not stored within 0.5 s: no processor runs" for each in nobody)
    with without_partition(filled, 1):
        first, unowned, last = probe(filled, 0.5)
    assert (str(unowned), unowned.state) == (
        f"{filled.settings.kafka_topic}[1]",
        ProbeState.UNOWNED,
    )
    assert unowned.reason == "not stored within 0.5 s: no processor of 1 reads the partition"
    assert first.state is last.state is ProbeState.STALLED
    assert first.reason == "not stored within 0.5 s: idle stores nothing; records that wait: 2"
    bury(filled.settings)
    processor = filled.start("process")
    outcomes = probe(filled)
    processor.terminate()
    assert processor.wait(30) == 0
    assert [(each.partition, each.state) for each in outcomes] == [
        (partition, ProbeState.STORED) for partition in range(3)
    ]
    assert all(each.latency_ms and not each.reason for each in outcomes)
    assert probes(filled) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert figures(filled) == before


@contextmanager
def without_partition(pipeline: Pipeline, left_out: int) -> Iterator[None]:
    """Join the group with a member that stores nothing, and that leaves a partition out."""
    settings = pipeline.settings

    class Careless(RangePartitionAssignor):  # type: ignore[misc]  # kafka-python has no types
        name = "careless"

        @classmethod
        def assign(cls, cluster: Any, members: Any) -> Any:
            shared: dict[str, Any] = super().assign(cluster, members)
            for each in shared.values():
                # Before the member knows the topic's partitions, it assigns none.
                for _, places in each.assigned_partitions:
                    if left_out in places:
                        places.remove(left_out)
            return shared

    member = KafkaConsumer(
        settings.kafka_topic,
        bootstrap_servers=settings.kafka_bootstrap_servers,
        client_id="idle",
        group_id=settings.kafka_group,
        enable_auto_commit=False,
        partition_assignment_strategy=[Careless],
    )
    with closing(member):
        until = time.monotonic() + LONGEST_S
        while not member.assignment():
            assert time.monotonic() < until, "the member got no partition"
            member.poll(timeout_ms=200)
        yield
