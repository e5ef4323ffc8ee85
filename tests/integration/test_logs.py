"""Nothing personal and nothing secret is in any output, nor on a command line."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import pytest

from retail_pipeline.settings import Role, Settings
from tests.conftest import RunningStack
from tests.integration.test_dead_letters import publish
from tests.pipeline import HEADER, Pipeline

TEXT = "SENTINEL of a description"
CUSTOMER = "987654321012345"
WRONG_PASSWORD = "SENTINEL/of:a@password"
# A row that is stored, one that the producer rejects, and a record that the processor rejects.
GOOD = f"536365,85123A,{TEXT},6,2010-12-01 08:26:00,2.55,{CUSTOMER},United Kingdom\n"
REJECTED = f"536366,85123A,{TEXT},six,2010-12-01 08:26:00,2.55,{CUSTOMER},United Kingdom\n"
UNKNOWN = {"schema_version": 99, "Description": TEXT, "CustomerID": CUSTOMER}


class Outputs:
    """All that was written, and all command lines that were seen."""

    def __init__(self, settings: Settings) -> None:
        self.texts: list[str] = []
        roles: tuple[Role, ...] = ("writer", "reader", "monitor", "setup")
        uris = [settings.mongo(role) for role in roles]
        self.passwords = {str(urlsplit(uri).password) for uri in uris}

    def add_command_lines(self) -> None:
        """Note the command line of every process that can be seen."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                self.texts.append("\0".join(process.cmdline()))

    def add_archive(self, pipeline: Pipeline, stack: RunningStack) -> None:
        """Add what the archive for a bug report has, of the servers' own logs too."""
        path = pipeline.folder / "report.zip"
        kept, pipeline.env = pipeline.env, {**pipeline.env, "RETAIL_HOME": str(stack.home)}
        self.texts.append(pipeline.try_to("doctor", "--verbose", "--bundle", str(path))[1])
        pipeline.env = kept
        with zipfile.ZipFile(path) as archive:
            texts = {name: archive.read(name).decode() for name in archive.namelist()}
        assert {"logs/kafka.log", "logs/mongodb.log", "settings.json"} <= set(texts)
        self.texts += texts.values()

    def leaks(self) -> list[str]:
        """Return each sentinel that is in one of the texts, with the text around it."""
        secrets = {TEXT, CUSTOMER, WRONG_PASSWORD, quote(WRONG_PASSWORD, safe=""), *self.passwords}
        assert len(secrets) == 8, "each user has a password of its own"
        return [
            text[max(0, text.index(secret) - 300) : text.index(secret) + 100]
            for text in self.texts
            for secret in secrets
            if secret in text
        ]


@pytest.fixture
def outputs(pipeline: Pipeline) -> Outputs:
    """The outputs of a pipeline that logs as JSON, at DEBUG, with passwords given in both ways."""
    # The writer's password is by itself, those of the others are in their addresses.
    writer = urlsplit(pipeline.settings.mongo("writer"))
    address = writer._replace(netloc=f"{writer.username}@{writer.hostname}:{writer.port}")
    pipeline.env |= {
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "MONGO_WRITER_URI": address.geturl(),
        "MONGO_WRITER_PASSWORD": str(writer.password),
    }
    return Outputs(pipeline.settings)


def log_of(pipeline: Pipeline, process: subprocess.Popen[str]) -> Path:
    [log] = pipeline.folder.glob(f"*-{pipeline.started.index(process)}.log")
    return log


def lines_of(pipeline: Pipeline, outputs: Outputs, process: subprocess.Popen[str]) -> Any:
    """Stop ``process``; return its log's lines, each of which is JSON."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    text = log_of(pipeline, process).read_text()
    outputs.texts.append(text)
    lines = [json.loads(line) for line in text.splitlines()]
    assert len({line["run_id"] for line in lines}) == 1
    return lines


def test_no_output_and_no_command_line_has_a_password_or_a_row(
    pipeline: Pipeline, outputs: Outputs, stack: RunningStack
) -> None:
    folder = pipeline.folder / "in"
    folder.mkdir()
    (folder / "own.csv").write_text(HEADER + GOOD + REJECTED)
    publish(pipeline, UNKNOWN, f'{{"Description": "{TEXT}"'.encode())
    producer = pipeline.start("produce", "--watch", str(folder))
    processor = pipeline.start("process")
    pipeline.wait_for(1)
    while pipeline.count("quarantine") < 3:
        assert processor.poll() is None
        time.sleep(0.1)
    outputs.add_command_lines()
    assert any("retail_pipeline" in text for text in outputs.texts)
    stack.kill("mongodb")
    (folder / "next.csv").write_text(HEADER + GOOD.replace("536365", "536367") + REJECTED)
    log = log_of(pipeline, processor)
    while not re.search(r'"event": ".*; try 1 failed.*"offsets"', log.read_text()):
        assert processor.poll() is None
        time.sleep(0.1)
    stack.restart()
    pipeline.wait_for(2)

    produced = lines_of(pipeline, outputs, producer)
    source = next(
        line["source"] for line in produced if line.get("file") == "own.csv" and "source" in line
    )
    assert len(source) == 16
    processed = lines_of(pipeline, outputs, processor)
    written = [line for line in processed if line["event"].startswith("batch written")]
    assert f"{pipeline.settings.kafka_topic}-0" in {
        key for line in written for key in line["offsets"]
    }
    failed = [line for line in processed if line.get("tries") == 1 and "offsets" in line]
    assert failed and failed[0]["level"] == "warning"

    pipeline.env["LOG_FORMAT"] = "text"
    for command in (
        ("process", "--until-idle", "1"),
        ("produce", "--again", str(folder)),
        ("reconcile",),
        ("reconcile", "--quick", "--json"),
        ("monitor", "--once"),
        ("health", "producer"),
        ("dlq", "replay", "--reason", "unknown_version", "--dry-run"),
    ):
        outputs.texts.append(pipeline.try_to(*command)[1])
    outputs.add_archive(pipeline, stack)
    limit = {"DEAD_LETTER_LIMIT_ROWS": "1", "DEAD_LETTER_LIMIT_SHARE": "0"}
    publish(pipeline, UNKNOWN, UNKNOWN, UNKNOWN)
    for variables, words in (
        (limit, "dead-letter limit"),
        ({"MONGO_WRITER_PASSWORD": WRONG_PASSWORD}, "Authentication failed"),
        ({"MONGO_WRITER_URI": f"mongodb://retail_writer:{WRONG_PASSWORD}@h"}, "MONGO_WRITER_URI"),
    ):
        kept, pipeline.env = pipeline.env, {**pipeline.env, **variables}
        status, output = pipeline.try_to("process", "--until-idle", "1")
        assert status != 0 and words in output, output
        outputs.texts.append(output)
        pipeline.env = kept
    assert outputs.leaks() == []
