"""Edges of Kafka's world, hit on purpose: whatever happens to offsets, batches and members."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psutil
from kafka import KafkaProducer
from kafka.admin import OffsetSpec
from kafka.structs import TopicPartition

from retail_pipeline.adapters.kafka.topics import admin_client
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.cli.process import ProcessorRun
from retail_pipeline.settings import Settings
from tests.integration.test_crash_points import poison
from tests.paths import ROOT
from tests.pipeline import LONGEST_S, Pipeline
from tests.truth import Truth


def until(condition: Callable[[], bool], what: str) -> None:
    """Return once ``condition`` holds."""
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: it did not happen"
        time.sleep(0.1)


def members(settings: Settings) -> int:
    """Return how many processors share the partitions; 0 while they are being shared out."""
    with admin_client(settings) as admin:
        [group] = admin.describe_groups([settings.kafka_group]).values()
    return len(group["members"]) if group["group_state"] == "Stable" else 0


def partitions(settings: Settings) -> list[TopicPartition]:
    return [TopicPartition(settings.kafka_topic, n) for n in range(settings.kafka_partitions)]


def check(pipeline: Pipeline, truth: Truth) -> None:
    with pipeline.database() as database:
        truth.check(database)


def test_a_batch_boundary_at_every_record_changes_nothing(pipeline: Pipeline) -> None:
    truth = Truth()
    poison(pipeline.settings, truth, 0)
    truth.write(pipeline.folder / "one.csv", 1, rounds=2, days=(1, 2))
    pipeline.run("produce", "one.csv")
    poison(pipeline.settings, truth, 1)
    sizes = range(1, 10)

    def process(rows: int) -> None:
        name = f"{pipeline.settings.mongo_database}_{rows}"
        own = {"kafka_group": name, "mongo_database": name, "processor_batch_rows": rows}
        own["mongo_uri"] = own["mongo_writer_uri"] = pipeline.stack.root_uri
        with connect(pipeline.stack.root_uri, name="tests") as client:
            ensure_schema(client[name])
            ProcessorRun(pipeline.settings.model_copy(update=own), Event(), 2).run()
            truth.check(client[name])
            client.drop_database(name)

    with ThreadPoolExecutor(len(sizes)) as pool:
        list(pool.map(process, sizes))


def test_partitions_that_move_in_the_middle_of_a_batch_and_back_lose_and_double_nothing(
    pipeline: Pipeline,
) -> None:
    truth = Truth()
    pipeline.env |= {"KAFKA_SESSION_TIMEOUT_MS": "6000", "PYTHONPATH": str(ROOT)}
    truth.write(pipeline.folder / "one.csv", 1, rounds=20, days=(1, 2))
    pipeline.run("produce", "one.csv")
    poison(pipeline.settings, truth, 0)
    first = subprocess.Popen(
        [sys.executable, "-m", "tests.crash", "process", "after", "insert"],
        env={**pipeline.env, "FATE": "SIGSTOP", "PROCESSOR_BATCH_ROWS": "20"},
        cwd=pipeline.folder,
        text=True,
    )
    pipeline.started.append(first)
    asleep = psutil.Process(first.pid)
    until(lambda: asleep.status() == psutil.STATUS_STOPPED, "the first one falls asleep")
    second = pipeline.start("process")
    pipeline.wait_for(len(truth.documents))
    first.send_signal(signal.SIGCONT)
    until(lambda: members(pipeline.settings) == 2, "the first one is back")
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0
    truth.write(pipeline.folder / "two.csv", 2, rounds=20, days=(2, 3))
    pipeline.run("produce", "two.csv")
    pipeline.wait_for(len(truth.documents))
    first.send_signal(signal.SIGTERM)
    assert first.wait(30) == 0
    pipeline.drain()
    check(pipeline, truth)


def test_two_processors_that_store_rows_of_one_day_at_once_summarise_them_all(
    pipeline: Pipeline,
) -> None:
    truth = Truth()
    pipeline.env["PROCESSOR_BATCH_ROWS"] = "10"
    both = [pipeline.start("process"), pipeline.start("process")]
    until(lambda: members(pipeline.settings) == 2, "both take part")
    truth.write(pipeline.folder / "one.csv", 1, rounds=60)
    pipeline.run("produce", "one.csv")
    pipeline.wait_for(len(truth.documents))
    for processor in both:
        processor.send_signal(signal.SIGTERM)
        assert processor.wait(30) == 0
    for log in sorted(pipeline.folder.glob("process-*.log")):
        assert "stopped; 0 rows" not in log.read_text()
    pipeline.drain()
    check(pipeline, truth)


def test_two_producers_of_one_file_at_once_store_it_once(pipeline: Pipeline) -> None:
    truth = Truth()
    truth.write(pipeline.folder / "one.csv", 1, rounds=300, days=(1, 2))
    both = [pipeline.start("produce", "--rate", "1000", "one.csv") for _ in range(2)]
    assert [producer.wait(LONGEST_S) for producer in both] == [0, 0]
    assert "were sent already" in pipeline.run("produce", "one.csv")
    # Another file under the same name is another source.
    truth.write(pipeline.folder / "one.csv", 2, rounds=2)
    pipeline.run("produce", "one.csv")
    pipeline.drain()
    check(pipeline, truth)
    with pipeline.database() as database:
        read = sorted((item["rows_read"], item["complete"]) for item in database.manifests.find())
    assert read == [(18, True), (2_700, True)]


def test_the_largest_alien_records_are_quarantined_and_what_is_behind_them_is_stored(
    pipeline: Pipeline,
) -> None:
    truth = Truth()
    settings = pipeline.settings
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    row = {"schema_version": 1, "source": "x" * 1_000_000, "row": 1}
    aliens = [
        b"\x01" * 1_040_000,
        b"\xff" * 1_040_000,
        "\U0001f600".encode() * 260_000,
        b'{"a":' * 200_000,
        json.dumps(row).encode(),
        json.dumps({"source": "a", "row": 1, "claims": "x" * 1_000_000 + ":000000001"}).encode(),
        *[b"\x02" * 300_000] * 2,
    ]
    endless = {6: b"x" * 600_000 + b":000000001", 7: b"x:" + b"9" * 30}
    for partition in partitions(settings):
        for offset, alien in enumerate(aliens):
            headers = [("replay", endless[offset])] if offset in endless else []
            producer.send(
                settings.kafka_topic, alien, headers=headers, partition=partition.partition
            ).get(30)
    producer.close()
    truth.write(pipeline.folder / "one.csv", 1, rounds=3)
    pipeline.run("produce", "one.csv")
    pipeline.drain()
    assert pipeline.count() == len(truth.documents)
    found = [item for item in pipeline.quarantined() if item["stage"] == "processor"]
    assert len(found) == len(aliens) * settings.kafka_partitions
    for item in found:
        alien = aliens[item["row"]]
        assert item["truncated"] and alien.startswith(item["raw"].encode(item["encoding"]))
        assert item["source"].startswith(settings.kafka_topic) and "claims" not in item


def test_offsets_that_are_gone_or_reset_cost_only_a_repetition(pipeline: Pipeline) -> None:
    truth, settings = Truth(), pipeline.settings
    truth.write(pipeline.folder / "one.csv", 1, rounds=3, days=(1, 2))
    pipeline.run("produce", "one.csv")
    pipeline.drain()
    places = partitions(settings)
    with admin_client(settings) as admin:
        admin.delete_group_offsets(settings.kafka_group, places)
    pipeline.drain()
    check(pipeline, truth)

    truth.write(pipeline.folder / "two.csv", 2, rounds=3, days=(2, 3))
    pipeline.run("produce", "two.csv")
    with admin_client(settings) as admin:
        admin.reset_group_offsets(settings.kafka_group, dict.fromkeys(places, OffsetSpec.LATEST))
    pipeline.drain()
    assert pipeline.count() == len(truth.documents) // 2, "what is skipped is not processed"
    with admin_client(settings) as admin:
        admin.reset_group_offsets(settings.kafka_group, dict.fromkeys(places, OffsetSpec.EARLIEST))
    pipeline.drain()
    check(pipeline, truth)


def test_records_that_are_removed_before_they_were_taken_do_not_stop_the_processor(
    pipeline: Pipeline,
) -> None:
    truth, settings = Truth(), pipeline.settings
    truth.write(pipeline.folder / "one.csv", 1, rounds=3)
    pipeline.run("produce", "one.csv")
    pipeline.drain()
    stored = len(truth.documents)
    truth.write(pipeline.folder / "two.csv", 2, rounds=3)
    pipeline.run("produce", "two.csv")
    with admin_client(settings) as admin:
        # -1 is the end.
        admin.delete_records(dict.fromkeys(partitions(settings), -1))
    truth.write(pipeline.folder / "three.csv", 3, rounds=3)
    pipeline.run("produce", "three.csv")
    pipeline.drain()
    assert pipeline.count() == 2 * stored
    pipeline.run("produce", "--again", "two.csv")
    pipeline.drain()
    check(pipeline, truth)


def test_a_topic_that_was_deleted_and_recreated_is_filled_and_read_from_its_start(
    pipeline: Pipeline,
) -> None:
    truth, settings = Truth(), pipeline.settings
    processor = pipeline.start("process")
    truth.write(pipeline.folder / "one.csv", 1, rounds=20)
    pipeline.run("produce", "one.csv")
    pipeline.wait_for(len(truth.documents))
    # It comes to see the new topic only once that has more records than the old one had.
    processor.send_signal(signal.SIGSTOP)
    with admin_client(settings) as admin:
        admin.delete_topics([settings.kafka_topic])
        until(lambda: settings.kafka_topic not in admin.list_topics(), "the topic is deleted")
    until(lambda: settings.kafka_topic in pipeline.run("setup"), "the topic is recreated")
    truth.write(pipeline.folder / "two.csv", 2, rounds=60)
    for name in ("two.csv", "one.csv"):
        assert "were sent already" not in pipeline.run("produce", name)
    processor.send_signal(signal.SIGCONT)
    pipeline.wait_for(len(truth.documents))
    processor.send_signal(signal.SIGTERM)
    assert processor.wait(30) == 0
    pipeline.drain()
    check(pipeline, truth)
