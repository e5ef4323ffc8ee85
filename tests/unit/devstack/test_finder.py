"""Commands use the stack that runs here where no address is set, and nothing else."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from retail_devstack import processes
from retail_devstack.home import Home
from retail_devstack.stack import Stack
from retail_pipeline import settings as settings_module
from retail_pipeline.cli.common import server_settings
from retail_pipeline.errors import PermanentError
from retail_pipeline.settings import Settings, load_settings
from tests.sleeping_stack import servers

DEFAULT = Settings.model_fields["kafka_bootstrap_servers"].default
SET_BY_A_STACK = {
    *("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_TOPIC", "KAFKA_GROUP", "MONGO_DATABASE", "RETAIL_ENV"),
    *("STATE_DIR", "HEARTBEAT_FILE", "MONGO_URI", "MONGO_WRITER_URI", "MONGO_READER_URI"),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working folder whose stack would lie in ``home``; nothing was looked for yet."""
    for name in SET_BY_A_STACK:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    settings_module.find_stack.cache_clear()
    yield
    settings_module.find_stack.cache_clear()


@pytest.fixture
def running(tmp_path: Path, mocker: MockerFixture) -> Iterator[Stack]:
    """A stack in ``home`` whose servers only sleep."""
    mocker.patch.object(Stack, "_servers", servers)
    made = Stack(Home(tmp_path / "home", tmp_path))
    made.start_servers()
    made.state.names = {"KAFKA_TOPIC": "t", "KAFKA_GROUP": "g", "MONGO_DATABASE": "d"}
    made.save()
    yield made
    made.stop()


def test_a_running_stack_is_used_whole_and_named_once(
    running: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    found = server_settings()
    assert (found.kafka_bootstrap_servers, found.kafka_topic) == ("127.0.0.1:1", "t")
    assert "retail_writer:" in found.mongo("writer") and "127.0.0.1:1/" in found.mongo("writer")
    assert found.state_dir == running.home.checkpoints, "what its producer sent is not sent again"
    assert load_settings() == found
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"Using the local stack in {running.home.root} (Kafka 127.0.0.1:1, MongoDB 127.0.0.1:1).\n"
    )


def test_what_the_shell_sets_holds_and_what_env_file_says_gives_way(
    running: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("KAFKA_TOPIC=other\nLOG_LEVEL=ERROR\nMONGO_READER_PASSWORD=own\n")
    monkeypatch.setenv("KAFKA_GROUP", "mine")
    found = load_settings()
    assert (found.kafka_topic, found.kafka_group, found.log_level) == ("t", "mine", "ERROR")
    assert "own" not in found.mongo("reader")


@pytest.mark.parametrize(
    "line",
    [
        "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:2",
        "MONGO_URI=mongodb://127.0.0.1:2",
        "MONGO_READER_URI=mongodb://127.0.0.1:2",
        "RETAIL_ENV=production",
        "RETAIL_ENV=staging",
    ],
)
@pytest.mark.parametrize("in_file", [True, False], ids=["in .env", "in the shell"])
def test_no_stack_is_used_where_an_address_is_set_or_in_production(
    running: Stack, monkeypatch: pytest.MonkeyPatch, line: str, in_file: bool
) -> None:
    if in_file:
        Path(".env").write_text(f"{line}\n")
    else:
        monkeypatch.setenv(*line.split("=", 1))
    assert "127.0.0.1:1" not in load_settings().model_dump_json()


def test_a_stack_whose_server_has_ended_is_not_used(running: Stack) -> None:
    processes.stop(running.process("mongodb"), 0)
    assert load_settings().kafka_bootstrap_servers == DEFAULT


def test_the_health_check_uses_a_stack_that_was_not_stopped_and_sees_what_has_ended(
    running: Stack,
) -> None:
    mongodb, kafka = running.process("mongodb"), running.process("kafka")
    assert mongodb and kafka
    processes.stop(mongodb, 0)
    os.kill(kafka.pid, signal.SIGSTOP)
    assert server_settings(partly=True).kafka_bootstrap_servers == "127.0.0.1:1"
    found = settings_module.find_stack(True)
    assert found
    services = {each.name: each for each in found.services()}
    assert services["zookeeper"].ok and services["producer"].ok
    assert "exporter" not in services, "it was never started"
    assert services["mongodb"].state == "ended unexpectedly"
    assert services["mongodb"].command == "retail local up --detach --no-stream --no-dashboard"
    assert services["kafka"].command == f"kill -CONT {kafka.pid}"
    running.shut_down()
    settings_module.find_stack.cache_clear()
    assert settings_module.find_stack(True) is None, "it was stopped in good order"


def test_the_health_check_sees_the_monitoring_if_it_was_started(running: Stack) -> None:
    running.state.processes["exporter"] = running.state.processes["kafka"]
    running.save()
    found = settings_module.find_stack(True)
    assert found
    assert {each.name: each.ok for each in found.services()}["exporter"]


def test_a_stack_elsewhere_is_not_used(
    running: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path / "elsewhere"))
    assert load_settings().kafka_bootstrap_servers == DEFAULT
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("text", ["{", json.dumps({"passwords": {}})], ids=["damaged", "empty"])
def test_a_state_file_that_tells_nothing_is_passed_over(running: Stack, text: str) -> None:
    running.home.state_file.write_text(text)
    assert load_settings().kafka_bootstrap_servers == DEFAULT


def test_without_a_stack_and_an_address_a_command_says_what_to_do(mocker: MockerFixture) -> None:
    mocker.patch("socket.create_connection", side_effect=ConnectionRefusedError)
    with pytest.raises(PermanentError, match=f"^nothing answers at {DEFAULT}: .*retail local up"):
        server_settings()


def test_a_kafka_that_is_named_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert server_settings().kafka_bootstrap_servers == "127.0.0.1:1"
