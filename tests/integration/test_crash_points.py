"""A real SIGKILL between each two steps: what is stored afterwards is what the files say."""

from __future__ import annotations

import signal

from kafka import KafkaProducer
from kafka.admin import MemberToRemove

from retail_pipeline.adapters.kafka.topics import admin_client
from retail_pipeline.settings import Settings
from tests import forked
from tests.crash import command
from tests.pipeline import LONGEST_S, Pipeline
from tests.truth import Truth


def crash(pipeline: Pipeline, service: str, moment: str, step: str, *files: str) -> None:
    """Run ``service`` until it kills itself at ``step``."""
    arguments = [service, moment, step, *files]
    status, output = forked.run(command, arguments, pipeline.env, pipeline.folder, LONGEST_S)
    assert status == -signal.SIGKILL, f"{moment} {step}: {output[-2000:]}"
    if service == "process":
        bury(pipeline.settings)


def bury(settings: Settings) -> None:
    """Remove dead members from the group, rather than wait until their sessions run out."""
    with admin_client(settings) as admin:
        [group] = admin.describe_groups([settings.kafka_group]).values()
        dead = [MemberToRemove(member_id=member["member_id"]) for member in group["members"]]
        if dead:
            admin.remove_group_members(settings.kafka_group, dead)


def poison(settings: Settings, truth: Truth, partition: int) -> None:
    """Put a record that is no transaction next into ``partition``."""
    producer = KafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers)
    sent = producer.send(settings.kafka_topic, b"poison", partition=partition).get(30)
    producer.close()
    truth.poison(f"{settings.kafka_topic}-{partition}:{sent.offset:09d}", "poison")


def test_a_processor_killed_between_any_two_steps_loses_and_doubles_nothing(
    pipeline: Pipeline,
) -> None:
    truth = Truth()
    # A poison message at the head of each partition, and one behind the rows.
    for partition in range(pipeline.settings.kafka_partitions):
        poison(pipeline.settings, truth, partition)
    truth.write(pipeline.folder / "one.csv", 1, rounds=6, days=(1, 2, 3, 4))
    pipeline.run("produce", "one.csv")
    poison(pipeline.settings, truth, 0)
    for step in ("poll", "insert", "dead-letter", "quarantine", "record", "mark"):
        crash(pipeline, "process", "after", step)
    crash(pipeline, "process", "before", "commit")
    # Between the rollups of a day, before and after its returns are matched, and when the dirty
    # day is released.
    for step in ("rebuild", "rebuild*2", "rebuild*3", "match", "release"):
        crash(pipeline, "process", "after", step)
    truth.write(pipeline.folder / "two.csv", 2, rounds=3, days=(1, 4, 5))
    pipeline.run("produce", "two.csv")
    crash(pipeline, "process", "after", "commit")
    pipeline.drain()
    with pipeline.database() as database:
        truth.check(database)


def test_a_producer_killed_between_any_two_steps_loses_and_doubles_nothing(
    pipeline: Pipeline,
) -> None:
    truth = Truth()
    truth.write(pipeline.folder / "one.csv", 1, rounds=5, days=(1, 2))
    for moment, step in (
        ("after", "send"),
        ("after", "send*5"),
        ("before", "acknowledge"),
        ("after", "acknowledge"),
        ("before", "checkpoint"),
        ("after", "checkpoint"),
        ("after", "checkpoint*3"),
        ("after", "send*2"),
    ):
        crash(pipeline, "produce", moment, step, "one.csv")
    pipeline.run("produce", "one.csv")
    pipeline.drain()
    with pipeline.database() as database:
        truth.check(database)
        [manifest] = database.manifests.find()
    counts = (manifest["rows_read"], manifest["rows_sent"], manifest["rows_rejected"])
    assert counts == (45, len(truth.documents), len(truth.quarantined))
    assert manifest["complete"]


def test_a_killed_producer_does_not_start_over(pipeline: Pipeline) -> None:
    Truth().write(pipeline.folder / "one.csv", 1, rounds=5)
    crash(pipeline, "produce", "after", "checkpoint*2", "one.csv")
    crash(pipeline, "produce", "after", "acknowledge", "one.csv")
    output = pipeline.run("produce", "one.csv")
    read = int(output.rpartition(" rows read")[0].rpartition(" ")[2])
    assert 0 < read <= 45 - 6
