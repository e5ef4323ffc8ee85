"""The made-up sample and other data, through the real commands: never both, whoever dies when."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from retail_pipeline.adapters.kafka.publisher import KafkaPublisher
from retail_pipeline.adapters.kafka.topics import admin_client
from retail_pipeline.bootstrap import sent_sources
from retail_pipeline.domain.sample_source import SAMPLE_SOURCE
from tests.fakes import manifest, rejection, transaction
from tests.integration.test_crash_points import crash
from tests.pipeline import HEADER, LONGEST_S, ROW, Pipeline

MADE_UP: dict[str, Any] = {"source": SAMPLE_SOURCE, "name": "sample.csv"}
ROWS = 40


def send_sample(pipeline: Pipeline) -> None:
    """Send what a producer sends of the sample, but a few rows of it only."""
    publisher = KafkaPublisher(pipeline.settings, "tests")
    for row in range(2, ROWS + 2):
        number = f"{'C' if row % 5 == 0 else ''}{536000 + row}"
        quantity = -1 if row % 5 == 0 else 6
        publisher.send(transaction(row, source=SAMPLE_SOURCE, InvoiceNo=number, Quantity=quantity))
    publisher.reject(rejection(ROWS + 2, **MADE_UP))
    counts = {"rows_sent": ROWS, "rows_rejected": 1, "complete": True}
    publisher.send_manifest(manifest(ROWS + 1, **counts, **MADE_UP))
    publisher.barrier().wait()
    publisher.close()


def own_file(pipeline: Pipeline) -> str:
    path = pipeline.folder / "own.csv"
    path.write_text(HEADER + ROW * 3)
    return str(path)


def rewind(pipeline: Pipeline) -> None:
    """Have the processors read all topics once more from their first records."""
    settings = pipeline.settings
    with admin_client(settings) as admin:
        deadline = time.monotonic() + LONGEST_S
        while True:
            done = admin.delete_groups([settings.kafka_group])
            if "NON_EMPTY" not in str(done):
                return
            assert time.monotonic() < deadline, done
            time.sleep(0.5)


def assert_only_own(pipeline: Pipeline) -> None:
    """Check that nothing of the sample is left, and that everything adds up."""
    with pipeline.database() as database:
        for name in ("transactions", "quarantine", "manifests", "returns", "purged"):
            assert not database[name].count_documents({"_id": {"$regex": f"^{SAMPLE_SOURCE}"}})
    assert {kind: rows for kind, (rows, _) in pipeline.totals().items()} == {"sale": 3}
    for mode in ("--quick", "--json"):
        result = json.loads(pipeline.run("reconcile", *{mode, "--json"}))
        assert (result["verdict"], result["differences"]) == ("agree", [])
        assert [source["name"] for source in result["sources"]] == ["own.csv"]
    assert any(f"{ROWS + 1} records of it in Kafka are left out" in n for n in result["notes"])


def test_other_data_replaces_the_sample_once_somebody_says_yes(pipeline: Pipeline) -> None:
    send_sample(pipeline)
    pipeline.drain()
    assert pipeline.count() == ROWS
    own = own_file(pipeline)
    status, output = pipeline.try_to("produce", own)
    assert status == 2
    assert "the database holds the made-up sample" in output and "add --yes" in output
    assert sent_sources(pipeline.settings) == {SAMPLE_SOURCE}
    pipeline.run("produce", own, "--yes")
    assert "the sample of 41 made-up rows was removed" in pipeline.drain()
    assert_only_own(pipeline)
    rewind(pipeline)
    assert "rows of the made-up sample are left out" in pipeline.drain()
    assert_only_own(pipeline)
    # From now on it is a database like any other.
    pipeline.run("produce", own, "--again")


@pytest.mark.parametrize(("moment", "step"), [("after", "days"), ("after", "remove*4")])
def test_a_processor_killed_while_it_removes_the_sample_leaves_nothing_of_it(
    pipeline: Pipeline, moment: str, step: str
) -> None:
    send_sample(pipeline)
    pipeline.drain()
    pipeline.run("produce", own_file(pipeline), "--yes")
    crash(pipeline, "process", moment, step)
    pipeline.drain()
    assert_only_own(pipeline)


def test_an_empty_watched_folder_streams_the_sample_and_a_file_there_replaces_it(
    pipeline: Pipeline,
) -> None:
    folder = pipeline.folder / "watched"
    folder.mkdir()
    processor = pipeline.start("process")
    producer = pipeline.start("produce", "--watch", str(folder), "--sample-if-empty")
    pipeline.wait_for(1_000)
    (folder / "own.csv").write_text(HEADER + ROW * 3)
    deadline = time.monotonic() + LONGEST_S
    while pipeline.count() != 3:
        assert time.monotonic() < deadline, pipeline.count()
        time.sleep(0.2)
    producer.send_signal(signal.SIGTERM)
    assert producer.wait(20) == 0
    log = next(pipeline.folder.glob("produce-*.log")).read_text()
    assert "own.csv: replaces the made-up sample" in log
    # The folder is empty again, as after the file was archived.
    (folder / "own.csv").unlink()
    again = pipeline.start("produce", "--watch", str(folder), "--sample-if-empty")
    assert_says(pipeline.folder / "produce-2.log", "other data was streamed before")
    assert again.poll() is None and processor.poll() is None
    assert pipeline.count() == 3


def assert_says(log: Path, words: str) -> None:
    """Wait until a program's log has these words."""
    deadline = time.monotonic() + LONGEST_S
    while not log.exists() or words not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def test_the_sample_is_never_streamed_in_production(pipeline: Pipeline) -> None:
    pipeline.env["RETAIL_ENV"] = "production"
    folder = pipeline.folder / "watched"
    folder.mkdir()
    producer = pipeline.start("produce", "--watch", str(folder), "--sample-if-empty")
    assert_says(pipeline.folder / "produce-0.log", "this is RETAIL_ENV=production")
    (folder / "own.csv").write_text(HEADER + ROW * 3)
    assert_says(pipeline.folder / "produce-0.log", "own.csv: ")
    pipeline.start("process")
    pipeline.wait_for(3)
    assert producer.poll() is None
    assert pipeline.count() == 3


def test_a_database_that_holds_other_data_refuses_the_sample_though_kafka_knows_of_none(
    pipeline: Pipeline,
) -> None:
    pipeline.run("produce", own_file(pipeline))
    pipeline.drain()
    settings = pipeline.settings
    with admin_client(settings) as admin:
        admin.delete_topics(list(settings.topics))
        while set(settings.topics) & set(admin.list_topics()):
            time.sleep(0.2)
    pipeline.run("setup")
    send_sample(pipeline)
    pipeline.drain()
    assert {kind: rows for kind, (rows, _) in pipeline.totals().items()} == {"sale": 3}
    assert pipeline.count("quarantine") == 0
