"""``retail health`` on a local stack: the right checks fail, and the printed commands repair it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from kafka.admin import ConfigResource, ConfigResourceType
from pymongo.database import Database

from retail_devstack.home import Home
from retail_devstack.stack import Stack
from retail_devstack.users import root_uri
from retail_pipeline.adapters.kafka.topics import admin_client
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.operations.checks import CHECKS
from retail_pipeline.settings import Settings, loaded
from tests.pipeline import HEADER, ROW

pytestmark = pytest.mark.integration
LONGEST_S = 120


class Local:
    """A local stack of one's own, with all its services, and the health check on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(folder / "home", Home.from_environment().cache)
        own = {"RETAIL_HOME": str(self.home.root), "RETAIL_CACHE": str(self.home.cache)}
        self.env = {**os.environ, **own, "RECONCILE_EVERY_S": "5"}

    def run(self, *arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "retail_pipeline", *arguments]
        return self._run(command)

    def _run(self, command: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            command,
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        )
        print(done.stderr)
        return done.returncode, done.stdout

    def health(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Return the exit status and the checks by id."""
        status, output = self.run("health", "--json", *options)
        found = json.loads(output)
        assert found["exit_status"] == status, found
        for password in self.stack.state.passwords.values():
            assert password not in output
        return status, {each["id"]: each for each in found["checks"]}

    def wrong(self, expected: int, *options: str) -> dict[str, dict[str, Any]]:
        """Return the checks that are not ok; the exit status must be the expected one."""
        status, found = self.health(*options)
        print(json.dumps(found, indent=1))
        assert status == expected
        return {name: each for name, each in found.items() if each["status"] != "ok"}

    def repair(self, checks: dict[str, dict[str, Any]]) -> None:
        """Run the printed commands as printed, each once; everything must be ok then."""
        for command in dict.fromkeys(each["command"] for each in checks.values()):
            if command:
                assert self._run(["bash", "-c", command])[0] == 0, command
        status, found = self.health("--wait", "60")
        assert status == 0, found

    @property
    def stack(self) -> Stack:
        return Stack(self.home)

    @property
    def settings(self) -> Settings:
        ports = self.stack.state.ports
        return loaded(Settings, kafka_bootstrap_servers=f"127.0.0.1:{ports['kafka']}")

    def process(self, part: str) -> psutil.Process:
        process = self.stack.process(part)
        assert process
        return psutil.Process(process.pid)

    def kill(self, part: str) -> None:
        process = self.process(part)
        process.kill()
        psutil.wait_procs([process], timeout=10)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    made = Local(tmp_path_factory.mktemp("health"))
    data = made.folder / "rows.csv"
    data.write_text(HEADER + ROW)
    assert made.run("local", "up", "--detach", "--data", str(data))[0] == 0
    yield made
    made.run("local", "down")


@pytest.fixture
def database(local: Local) -> Iterator[Database[dict[str, Any]]]:
    with connect(root_uri(local.stack.state), name="tests") as client:
        yield client["retail_db"]


def test_every_check_of_a_stack_that_is_well_is_ok(local: Local) -> None:
    status, found = local.health("--wait", "60")
    assert status == 0 and list(found) == list(CHECKS)


def test_users_schema_topics_and_dashboard_are_repaired_as_printed(
    local: Local, database: Database[dict[str, Any]]
) -> None:
    database.command("updateUser", "retail_monitor", pwd="another password")
    right = {
        "resource": {"db": "retail_db", "collection": "returns"},
        "actions": ["remove"],
    }
    database.command("revokePrivilegesFromRole", "retail_writer", privileges=[right])
    database.transactions.drop_index("by_product")
    database.command("collMod", "transactions", validator={})
    with admin_client(local.settings) as admin:
        admin.delete_topics([local.settings.manifest_topic])
    local.kill("dashboard")
    wrong = local.wrong(2)
    assert {name: each["status"] for name, each in wrong.items() if each["status"] == "fail"} == {
        **dict.fromkeys(("services", "topics", "users", "schema", "dashboard"), "fail")
    }
    assert wrong["services"]["detail"] == "dashboard: ended unexpectedly"
    assert "retail_transactions.manifests" in wrong["topics"]["detail"]
    assert "retail_monitor: can't sign in" in wrong["users"]["detail"]
    assert "retail_writer: lacks remove on retail_db.returns" in wrong["users"]["detail"]
    assert wrong["schema"]["detail"] == (
        "index transactions.by_product is missing;"
        " the validator of transactions is missing or differs"
    )
    local.repair(wrong)


def test_a_topic_with_other_settings_degrades(local: Local) -> None:
    topic = ConfigResource(
        ConfigResourceType.TOPIC, local.settings.kafka_topic, {"retention.ms": "3600000"}
    )
    with admin_client(local.settings) as admin:
        admin.alter_configs([topic])
    wrong = local.wrong(1)
    assert {name: each["status"] for name, each in wrong.items()} == {"topics": "warn"}
    assert local.wrong(2, "--strict", "--only", "topics") == {
        "topics": {**wrong["topics"], "ms": pytest.approx(0, abs=60_000)}
    }
    local.repair(wrong)


def test_a_killed_server_fails_and_what_needs_it_is_unknown(local: Local) -> None:
    local.kill("mongodb")
    wrong = local.wrong(2)
    assert wrong["services"]["detail"] == "mongodb: ended unexpectedly"
    assert {name for name, each in wrong.items() if each["status"] == "fail"} >= {
        "services",
        "mongodb",
    }
    unknown = {name for name, each in wrong.items() if each["status"] == "unknown"}
    needs_it = {"users", "schema", "heartbeats", "summaries", "reconcile", "clock"}
    assert unknown == {"probe", *needs_it}
    local.repair(wrong)


def test_a_processor_that_is_alive_and_hangs_fails_and_is_replaced(local: Local) -> None:
    local.process("processor").send_signal(signal.SIGSTOP)
    options = ("--only", "services,group,probe,heartbeats", "--timeout", "8")
    deadline = time.monotonic() + LONGEST_S
    # The broker removes a silent member from the group after its session timeout.
    wrong = local.wrong(2, *options)
    while [each["status"] for each in wrong.values()] != ["fail"] * 4:
        assert time.monotonic() < deadline
        wrong = local.wrong(2, *options)
    assert "processor: suspended" in wrong["services"]["detail"]
    assert "no processor reads the topics" in wrong["group"]["detail"]
    assert "no processor is alive" in wrong["heartbeats"]["detail"]
    assert "all 6 partitions: not stored within 3 s" in wrong["probe"]["detail"]
    local.repair({"heartbeats": wrong["heartbeats"]})


def test_when_everything_hangs_the_result_is_there_within_30_seconds(local: Local) -> None:
    parts = ("processor", "dashboard", "kafka", "mongodb", "zookeeper")
    for part in parts:
        local.process(part).send_signal(signal.SIGSTOP)
    began = time.monotonic()
    wrong = local.wrong(2)
    assert time.monotonic() - began < 30
    failed = {name for name, each in wrong.items() if each["status"] == "fail"}
    assert failed == {"services", "zookeeper", "kafka", "mongodb", "dashboard"}
    assert set(CHECKS) - set(wrong) == {"disk", "certificates"}
    local.repair({"services": wrong["services"]})
