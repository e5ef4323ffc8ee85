"""Rows in quarantine on real servers: replayed, purged, and never in two states at once."""

from __future__ import annotations

import json
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from retail_pipeline.adapters.kafka.topics import kafka_admin
from tests.fakes import transaction
from tests.pipeline import HEADER, LONGEST_S, ROW, Pipeline


def dirty(pipeline: Pipeline, broken: dict[int, str], rows: int = 20) -> Path:
    """Stream a file of ``rows`` rows, those numbered in ``broken`` being such; process it."""
    path = pipeline.folder / "dirty.csv"
    path.write_text(HEADER + "".join(broken.get(n, ROW) for n in range(2, rows + 2)))
    pipeline.run("produce", str(path))
    pipeline.drain()
    assert pipeline.count() + pipeline.count("quarantine") == rows
    return path


def publish(pipeline: Pipeline, *records: Any, topic: str = "") -> None:
    """Write records into the transactions topic, or its sister ``topic``, as others would."""
    settings = pipeline.settings
    with closing(
        KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers.split(","))
    ) as producer:
        for record in records:
            value = record if isinstance(record, bytes) else msgspec.json.encode(record)
            producer.send(settings.kafka_topic + topic, value, key=b"k", partition=0).get(30)


def as_lines(pipeline: Pipeline) -> list[dict[str, Any]]:
    return [json.loads(line) for line in pipeline.run("dlq", "list", "--json").splitlines()]


def edited(pipeline: Pipeline, old: str, new: str) -> str:
    """Write all of quarantine into a file with ``old`` replaced in each raw text."""
    path = pipeline.folder / "edited.jsonl"
    rows = [{**row, "raw": row["raw"].replace(old, new)} for row in as_lines(pipeline)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def committed(pipeline: Pipeline) -> int:
    """Return how many records of the transactions topic are committed."""
    settings = pipeline.settings
    with closing(kafka_admin(settings.kafka_bootstrap_servers)) as admin:
        offsets = admin.list_group_offsets([settings.kafka_group]).get(settings.kafka_group, {})
    return sum(
        max(known.offset, 0)
        for place, known in offsets.items()
        if place.topic == settings.kafka_topic
    )


def read_all_again(pipeline: Pipeline) -> None:
    """Set the group's offsets to the start of every topic, and process."""
    settings = pipeline.settings
    with closing(kafka_admin(settings.kafka_bootstrap_servers)) as admin:
        offsets = admin.list_group_offsets([settings.kafka_group])[settings.kafka_group]
        start = {TopicPartition(*place): OffsetAndMetadata(0, "", -1) for place in offsets}
        admin.alter_group_offsets(settings.kafka_group, start)
    pipeline.drain()


def test_an_edited_row_is_stored_under_its_identity_and_leaves_quarantine(
    pipeline: Pipeline,
) -> None:
    dirty(pipeline, {5: ROW.replace(",6,", ",six,"), 7: ROW.replace("2010-", "2010-99-")})
    before = {row["_id"]: row for row in pipeline.quarantined()}
    file = edited(pipeline, ",six,", ",7,")
    dry = pipeline.run("dlq", "replay", "--edited", file, "--dry-run")
    assert "1 would be replayed; 1 still broken (impossible_date 1)" in dry
    assert {row["_id"]: row for row in pipeline.quarantined()} == before
    assert pipeline.count() == 18

    processor = pipeline.start("process")
    status, output = pipeline.try_to("dlq", "replay", "--edited", file, "--wait", "80")
    assert status == 1 and "1 replayed; 1 still broken (impossible_date 1)" in output, output
    assert "not stored yet" not in output
    [left] = pipeline.quarantined()
    assert (left["row"], left["replays"]) == (7, 1) and left["last_replayed_at"]
    with pipeline.database() as database:
        [stored] = database.transactions.find({"Quantity": 7})
        assert stored["row"] == 5 and stored["_id"] in before
    processor.send_signal(signal.SIGTERM)
    assert processor.wait(30) == 0
    read_all_again(pipeline)
    assert [row["row"] for row in pipeline.quarantined()] == [7]
    assert pipeline.count() == 19


def test_a_row_replayed_in_vain_too_often_stays_until_forced(pipeline: Pipeline) -> None:
    dirty(pipeline, {5: ROW.replace(",6,", ",six,")})
    pipeline.env["DLQ_MAX_REPLAYS"] = "2"
    for _ in range(2):
        assert "1 still broken" in pipeline.try_to("dlq", "replay", "--all")[1]
    assert "0 still broken; 1 skipped" in pipeline.try_to("dlq", "replay", "--all")[1]
    assert pipeline.quarantined()[0]["replays"] == 2
    assert "1 still broken" in pipeline.try_to("dlq", "replay", "--all", "--force")[1]
    assert pipeline.quarantined()[0]["replays"] == 3


def test_purged_rows_stay_accounted_for_and_do_not_come_back(pipeline: Pipeline) -> None:
    dirty(pipeline, {5: ROW.replace(",6,", ",six,"), 7: ROW.replace(",6,", ",x,")})
    publish(pipeline, b"garbage", transaction(5, schema_version=9))
    pipeline.drain()
    assert pipeline.count("quarantine") == 4
    status, output = pipeline.try_to("dlq", "purge", "--all")
    assert status == 2 and "--yes" in output
    assert "3 rows would be purged" in pipeline.run(
        "dlq", "purge", "--reason", "not_a_number", "--reason", "unreadable_record", "--dry-run"
    )
    assert pipeline.count("purged") == 0
    pipeline.run("dlq", "purge", "--reason", "unreadable_record", "--yes")
    assert "2 rows purged" in pipeline.run("dlq", "purge", "--source", "dirty.csv", "--yes")
    read_all_again(pipeline)
    [left] = pipeline.quarantined()
    assert left["claims"] == transaction(5).id
    with pipeline.database() as database:
        tombstones = list(database.purged.find())
    assert [row["row"] for row in tombstones if row["name"] == "dirty.csv"] == [5, 7]
    assert all("raw" not in row and row["reason"] for row in tombstones)
    # Sent by name, the file's purged rows stay purged; a corrected one is stored.
    pipeline.run("produce", "--again", str(pipeline.folder / "dirty.csv"))
    pipeline.drain()
    assert (pipeline.count(), pipeline.count("purged")) == (18, 3)


def test_a_killed_replay_is_run_again_and_nothing_is_lost_or_doubled(pipeline: Pipeline) -> None:
    broken = {n: ROW.replace(",6,", ",six,") for n in range(2, 8_002)}
    dirty(pipeline, broken, 8_100)
    file = edited(pipeline, ",six,", ",6,")
    replay = pipeline.start("dlq", "replay", "--edited", file, "--wait", "0")
    until = time.monotonic() + LONGEST_S
    while replay.poll() is None and not _replayed(pipeline):
        assert time.monotonic() < until
    replay.kill()
    replay.wait()
    pipeline.drain()
    stored = pipeline.count()
    assert 100 < stored < 8_100, "it was not killed in the middle"
    assert stored + pipeline.count("quarantine") == 8_100
    processor = pipeline.start("process")
    pipeline.run("dlq", "replay", "--edited", file, "--wait", "80")
    processor.send_signal(signal.SIGTERM)
    assert processor.wait(30) == 0
    pipeline.drain()
    assert (pipeline.count(), pipeline.count("quarantine")) == (8_100, 0)
    assert pipeline.totals()["sale"][0] == 8_100


def _replayed(pipeline: Pipeline) -> bool:
    with pipeline.database() as database:
        return database.quarantine.find_one({"replays": 1}) is not None


def test_without_a_processor_a_replay_says_so(pipeline: Pipeline) -> None:
    dirty(pipeline, {5: ROW.replace(",6,", ",six,")})
    file = edited(pipeline, ",six,", ",6,")
    status, output = pipeline.try_to("dlq", "replay", "--edited", file, "--wait", "0.5")
    assert status == 1 and "check that a processor runs" in output, output
    pipeline.drain()
    assert (pipeline.count(), pipeline.count("quarantine")) == (20, 0)


def test_a_flood_of_unusable_records_stops_the_processor_and_a_restart_stops_again(
    pipeline: Pipeline,
) -> None:
    pipeline.env["DEAD_LETTER_LIMIT_ROWS"] = "20"
    publish(pipeline, *[transaction(row) for row in range(2, 12)], *[b"poison"] * 15)
    pipeline.drain()
    assert (pipeline.count(), pipeline.count("quarantine")) == (10, 15), "below the limit"
    before = committed(pipeline)
    publish(pipeline, *[b"poison"] * 30)
    for _ in range(2):
        status, output = pipeline.try_to("process", "--until-idle", "2")
        assert status == 1, output
        assert "retail: dead-letter limit: " in output and "mostly unreadable_record" in output
        assert "Traceback" not in output
        assert pipeline.count("quarantine") == 15 and committed(pipeline) == before
    pipeline.env["DEAD_LETTER_LIMIT_ROWS"] = "100"
    pipeline.drain()
    assert (pipeline.count(), pipeline.count("quarantine")) == (10, 45)
    assert committed(pipeline) == before + 30


def test_records_of_other_releases_never_stop_a_processor(pipeline: Pipeline) -> None:
    def record(row: int, **changes: Any) -> dict[str, Any]:
        return {**msgspec.to_builtins(transaction(row)), **changes}

    unversioned = record(4)
    del unversioned["schema_version"]
    bare = record(5)
    for name in ("Description", "CustomerID", "Country"):
        del bare[name]
    publish(
        pipeline,
        record(2, schema_version=0),
        record(3, schema_version=2, Quantity={"units": 6}),
        unversioned,
        bare,
        record(6, Colour="red"),
        transaction(7),
    )
    publish(pipeline, {"source": "f", "row": 9, "reason": "bad_mood"}, topic=".dlq")
    publish(pipeline, {"source": "f", "rows": "many"}, topic=".manifests")
    pipeline.drain()
    with pipeline.database() as database:
        assert sorted(row["row"] for row in database.transactions.find()) == [4, 5, 6, 7]
    [*quarantined, letter, manifest] = pipeline.quarantined()
    assert (letter["claims"], manifest["name"]) == (
        "f:000000009",
        f"{pipeline.settings.kafka_topic}.manifests",
    )
    assert [row["claims"] for row in quarantined] == [transaction(n).id for n in (2, 3)]
    assert {row["reason"] for row in quarantined} == {"unknown_version"}
    # A release that knows them: here, their meaning is written as this release knows it.
    path = pipeline.folder / "known.jsonl"
    lines = [
        {"_id": row["_id"], "raw": msgspec.json.encode(transaction(n)).decode()}
        for n, row in zip((2, 3), quarantined, strict=True)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    pipeline.try_to("dlq", "replay", "--edited", str(path), "--wait", "0")
    pipeline.drain()
    with pipeline.database() as database:
        assert sorted(row["row"] for row in database.transactions.find()) == [2, 3, 4, 5, 6, 7]
    assert pipeline.quarantined() == [letter, manifest]
    read_all_again(pipeline)
    assert pipeline.quarantined() == [letter, manifest] and pipeline.count() == 6
