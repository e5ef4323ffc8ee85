"""What a monitor reads of the machine and of the services' processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pytest_mock import MockerFixture

from retail_pipeline.adapters import host
from retail_pipeline.adapters.host import HostReader, service_of


@pytest.mark.parametrize(
    ("command", "service"),
    [
        ("/jdk/bin/java -Xmx512m -cp a.jar kafka.Kafka kafka.properties", "kafka"),
        ("java org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg", "zookeeper"),
        ("/usr/bin/mongod --dbpath ./data/mongodb", "mongodb"),
        ("python src/processor.py", "processor"),
        ("python src/producer.py --watch /data", "producer"),
        ("/venv/bin/python /venv/bin/retail --debug process", "processor"),
        ("python -m retail_pipeline produce shop.csv", "producer"),
        ("python -m retail_devstack.child /home/logs/dashboard.exit dashboard", "dashboard"),
        ("python -m retail_pipeline monitor", None),
        ("retail", None),
        ("vim processor.md", None),
        ("grep kafka.Kafka", None),
        ("", None),
    ],
)
def test_a_service_is_known_by_its_command_line(command: str, service: str | None) -> None:
    assert service_of(command.split()) == service


def test_memory_and_disk_are_those_of_the_machine(tmp_path: Path) -> None:
    found = HostReader(tmp_path / "not" / "made" / "yet").read()
    assert found.memory_total == psutil.virtual_memory().total
    assert found.disk_total == psutil.disk_usage(str(tmp_path)).total
    assert found.cores == psutil.cpu_count()


def test_what_needs_two_observations_is_unknown_at_the_first(tmp_path: Path) -> None:
    reader = HostReader(tmp_path)
    first, second = reader.read(), reader.read()
    assert first.cpu is first.received is first.sent is None
    assert second.cpu is not None and second.received is not None and second.sent is not None


def processor() -> subprocess.Popen[bytes]:
    sleep = "print(flush=True); import time; time.sleep(300)"
    process = subprocess.Popen(
        [sys.executable, "-c", sleep, "retail", "process"], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_process_that_took_over_counts_as_a_restart(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    mocker.patch.object(host, "_SEARCH_SECONDS", 0.0)
    reader, first = HostReader(tmp_path), processor()
    before = {each.pid: each for each in reader.read().services}
    assert before[first.pid].cpu is None and before[first.pid].memory > 1_000_000
    assert {each.pid: each.cpu is None for each in reader.read().services}[first.pid] is False
    first.kill()
    first.wait()
    second = processor()
    after = {each.pid: each for each in reader.read().services}
    second.kill()
    second.wait()
    assert after[second.pid].name == "processor" and first.pid not in after
    assert after[second.pid].restarts == before[first.pid].restarts + 1
