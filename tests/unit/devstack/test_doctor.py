"""The doctor finds what prevents a stack from working; the printed command repairs it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from retail_devstack.doctor import compose, local, machine
from retail_devstack.doctor.compose import ComposeSettings, Docker, DockerError
from retail_devstack.home import Home
from retail_devstack.process_search import find_parts
from retail_devstack.state import new_state, save_state
from retail_pipeline.operations.health import Finding, NotApplicableError, Status, run_checks
from retail_pipeline.settings import loaded

SECRETS = ("SENTINEL/of:a@setting", "SENTINEL%20of?a shell", "SENTINEL-of-a-proxy")
ROW = "SENTINEL of a description"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working folder with nothing but the file for Compose in it."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith(("KAFKA_", "MONGO_", "COMPOSE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RETAIL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("docker-compose.yml").touch()
    yield


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", tmp_path / "cache")
    made.create()
    return made


class FakeDocker(Docker):
    """A docker with given answers, by the start of its arguments."""

    def __init__(self, **answers: str | Exception) -> None:
        super().__init__("retail")
        facts = {"ServerVersion": "28.1", "MemTotal": 8_000_000_000, "OperatingSystem": "Linux"}
        self._answers: dict[str, str | Exception] = {
            "info": json.dumps(facts),
            "ps": "retail-kafka-1\nretail-users-1\n",
            "compose version": "2.39.1",
            "compose ls": "[]",
            **{name.replace("_", " "): answer for name, answer in answers.items()},
        }
        self.logs = ""

    def ask(self, *arguments: str) -> str:
        asked = " ".join(arguments)
        answer = next((each for name, each in self._answers.items() if asked.startswith(name)), "")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def log_of(self, container: str, lines: int) -> str:
        return self.logs


def run(command: str | None) -> None:
    """Run the printed command as the user would."""
    assert command
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)


def checked(finding: Finding, status: Status, words: str) -> Finding:
    assert (finding.status, words in finding.detail) == (status, True), finding.detail
    return finding


def test_a_taken_port_is_named_with_its_process_and_the_command_chooses_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        Path(".env").write_text(f"MONGO_PORT={port}\n")
        finding = machine.ports(loaded(ComposeSettings), FakeDocker(ps=""))
        checked(finding, Status.WARN, f"{port} (MONGO_PORT) is taken by process {os.getpid()}")
        run(finding.command)
        again = machine.ports(loaded(ComposeSettings), FakeDocker(ps=""))
        assert str(port) not in again.detail and "MONGO_PORT" not in again.detail


def test_a_port_that_the_stack_itself_publishes_is_no_problem() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings = ComposeSettings(kafka_port=port, mongo_port=port, dashboard_port=port)
        checked(machine.ports(settings, FakeDocker(ps="retail-kafka-1 retail")), Status.OK, "")
        finding = machine.ports(settings, FakeDocker(ps="other-db-1 other"))
        checked(finding, Status.WARN, "the container other-db-1")


def test_a_missing_data_folder_and_an_unreadable_file_are_repaired_by_the_command() -> None:
    settings = loaded(ComposeSettings)
    run(checked(machine.data(settings), Status.FAIL, "does not exist").command)
    checked(machine.data(settings), Status.OK, "0 files")
    file = settings.retail_data_dir / "own.csv"
    file.write_text("InvoiceNo\n")
    file.chmod(0o600)
    run(checked(machine.data(settings), Status.WARN, "can't read own.csv").command)
    checked(machine.data(settings), Status.OK, "1 files")


def test_a_proxy_that_would_get_requests_for_this_machine_is_named_and_its_value_is_not() -> None:
    environment = {**os.environ, "HTTPS_PROXY": f"http://user:{SECRETS[2]}@proxy:3128"}
    finding = checked(machine.proxy(environment), Status.WARN, "HTTPS_PROXY")
    assert SECRETS[2] not in str(finding)
    shell = ["sh", "-c", f"{finding.command}; env"]
    after = subprocess.run(shell, env=environment, capture_output=True, text=True).stdout
    repaired = dict(line.split("=", 1) for line in after.splitlines() if "_proxy" in line.lower())
    checked(machine.proxy(repaired), Status.OK, "use no proxy")
    with pytest.raises(NotApplicableError):
        machine.proxy({})


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    checked(machine.settings(), Status.OK, "RETAIL_ENV=development")
    monkeypatch.setenv("KAFKA_PARTITIONS", "many")
    checked(machine.settings(), Status.FAIL, "KAFKA_PARTITIONS")


def test_a_clock_before_the_installation_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    checked(machine.clock(), machine.clock().status, "")
    monkeypatch.setattr("time.time", lambda: 0.0)
    checked(machine.clock(), Status.FAIL, "before the installation")


@pytest.mark.parametrize(
    ("free", "status"), [(8e9, Status.OK), (1e9, Status.WARN), (1e8, Status.FAIL)]
)
def test_little_memory_and_a_small_disk_are_named(
    monkeypatch: pytest.MonkeyPatch, home: Home, free: float, status: Status
) -> None:
    class Space:
        total, available = 16e9, free

    Space.free = free  # type: ignore[attr-defined]  # in the class it would hide the value
    monkeypatch.setattr(machine, "_CONTAINER_LIMIT", home.root / "none")
    monkeypatch.setattr("psutil.virtual_memory", Space)
    monkeypatch.setattr("psutil.disk_usage", lambda path: Space)
    checked(machine.memory(), status, "GB free")
    checked(machine.disk(home, FakeDocker()), status, "GB free")


@pytest.mark.parametrize(
    ("found", "status", "words", "command"),
    [
        (FakeDocker(), Status.OK, "Docker 28.1, Compose 2.39.1", None),
        (FakeDocker(compose_version="2.3.3"), Status.FAIL, "older than 2.17", None),
        (
            FakeDocker(info=DockerError("Cannot connect to the daemon")),
            Status.WARN,
            "connect",
            "start docker",
        ),
        (
            FakeDocker(info=DockerError("permission denied while")),
            Status.WARN,
            "permission",
            "usermod -aG docker",
        ),
        (FakeDocker(compose_version=DockerError("no such command")), Status.FAIL, "compose", None),
    ],
)
def test_a_docker_that_is_too_old_or_does_not_answer_is_named(
    found: Docker, status: Status, words: str, command: str | None
) -> None:
    finding = checked(compose.docker(found), status, words)
    assert (command or "") in (finding.command or "")


def test_without_docker_its_checks_do_not_apply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    none = Docker("retail")
    for check in (compose.docker, compose.docker_memory, compose.kafka_volume, compose.passwords):
        with pytest.raises(NotApplicableError):
            check(none)


def test_a_small_machine_of_docker_is_named() -> None:
    small = {"MemTotal": 2_000_000_000, "OperatingSystem": "Docker Desktop", "Name": "desktop"}
    finding = compose.docker_memory(FakeDocker(info=json.dumps(small)))
    checked(finding, Status.FAIL, "only 2.0 GB (Docker Desktop)")
    colima = FakeDocker(info=json.dumps({**small, "Name": "colima"}))
    assert compose.docker_memory(colima).command == "colima stop && colima start --memory 6"
    checked(compose.docker_memory(FakeDocker()), Status.OK, "8.0 GB")


def test_volumes_that_do_not_belong_together_are_found_in_the_log_until_the_broker_starts() -> None:
    found = FakeDocker()
    checked(compose.kafka_volume(found), Status.OK, "no mismatch")
    found.logs = "kafka-volume: CLUSTER ID MISMATCH: Kafka's volume belongs to ...\n"
    assert compose.kafka_volume(found).command == "./scripts/repair-kafka.sh"
    found.logs += "[KafkaServer id=1] started (kafka.server.KafkaServer)\n"
    checked(compose.kafka_volume(found), Status.OK, "no mismatch")
    found.logs += "kafka-volume: ZooKeeper still holds broker 1's node from a hard stop: waiting\n"
    checked(compose.kafka_volume(found), Status.WARN, "expires by itself")


def test_a_refused_administrators_password_is_found_until_it_is_accepted() -> None:
    found = FakeDocker()
    found.logs = "MongoServerError: Authentication failed.\n"
    checked(compose.passwords(found), Status.FAIL, "MONGO_ROOT_PASSWORD")
    found.logs += "init-mongo: retail_writer may work on retail_db\n"
    checked(compose.passwords(found), Status.OK, "")


def test_another_checkouts_stack_is_named_and_the_command_gives_another_name(
    tmp_path: Path,
) -> None:
    mine = [{"Name": "retail", "ConfigFiles": str(tmp_path / "docker-compose.yml")}]
    checked(compose.checkout(FakeDocker(compose_ls=json.dumps(mine)), tmp_path), Status.OK, "")
    other = [{"Name": "retail", "ConfigFiles": "/elsewhere/docker-compose.yml"}]
    finding = compose.checkout(FakeDocker(compose_ls=json.dumps(other)), tmp_path)
    run(checked(finding, Status.FAIL, "/elsewhere").command)
    assert loaded(ComposeSettings).compose_project_name == "retail-2"


def test_clusters_that_differ_are_found_with_nothing_running(home: Home) -> None:
    with pytest.raises(NotApplicableError):
        local.cluster(home)
    kafka, log = home.data("kafka"), home.data("zookeeper") / "version-2" / "log.1"
    kafka.mkdir(parents=True)
    log.parent.mkdir(parents=True)
    (kafka / "meta.properties").write_text(f"version=0\ncluster.id={'a' * 22}\nbroker.id=1\n")
    log.write_bytes(
        b"\0\1"
        + json.dumps({"version": "1", "id": "a" * 22}, separators=(",", ":")).encode()
        + b"\0"
    )
    checked(local.cluster(home), Status.OK, "both have the id")
    log.unlink()
    finding = checked(local.cluster(home), Status.FAIL, "ZooKeeper's to none yet")
    assert finding.command and f"rm -r {kafka} {home.data('zookeeper')}" in finding.command


def test_data_whose_passwords_are_lost_is_found_with_nothing_running(home: Home) -> None:
    with pytest.raises(NotApplicableError):
        local.password(home)
    home.data("mongodb").mkdir()
    (home.data("mongodb") / "WiredTiger").touch()
    finding = checked(local.password(home), Status.FAIL, "is missing")
    assert f"mv {home.root} {home.root}.1" in str(finding.command)


def test_a_process_that_uses_the_data_is_named_with_the_command_that_ends_it(home: Home) -> None:
    home.data("kafka").mkdir()
    code = "import sys; f = open(sys.argv[1], 'w'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, home.data("kafka") / "file"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout and other.stdout.readline()
        run(checked(local.other_processes(home), Status.FAIL, str(other.pid)).command)
    checked(local.other_processes(home), Status.OK, "only this stack")


def test_the_stacks_own_broker_is_no_other_process_even_if_its_state_is_lost(home: Home) -> None:
    home.data("kafka").mkdir()
    code = "import sys; f = open('data/kafka/file', 'w'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "conf/kafka.properties"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=home.root,
    ) as broker:
        assert broker.stdout and broker.stdout.readline()
        checked(local.other_processes(home), Status.OK, "only this stack")
        assert [each.pid for each in find_parts(home)["kafka"]] == [broker.pid]
        assert broker.stdin
        broker.stdin.close()


def retail(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "retail_pipeline", "doctor", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def test_with_nothing_set_up_every_check_has_a_result_or_a_reason() -> None:
    done = retail("--json")
    found = json.loads(done.stdout)
    assert done.returncode == found["exit_status"] == 2 and done.stderr == ""
    assert {each["id"]: each for each in found["checks"]}["data"]["status"] == "fail"
    assert all(found["not_applicable"].values())
    assert os.listdir() == ["docker-compose.yml"], "nothing was written"


def test_the_archive_has_no_secret_and_no_row_and_says_what_is_left_out(
    home: Home, tmp_path: Path
) -> None:
    state = new_state()
    save_state(home, state)
    Path(".env").write_text(
        f"MONGO_WRITER_PASSWORD='{SECRETS[0]}'\nSLACK_WEBHOOK_URL=hook-{ROW[:8]}\n"
    )
    command = {"t": {}, "s": "I", "c": "COMMAND", "msg": "Slow query", "attr": {"doc": ROW}}
    stopped = {"t": {}, "s": "I", "c": "CONTROL", "msg": "stop", "attr": {"code": 0}}
    lines = [ROW + '"}}', json.dumps(command), json.dumps(stopped)]
    home.log("mongodb").write_text("\n".join(lines) + "\n")
    home.log("processor").write_text(
        "x" * 400_000
        + f"\n{SECRETS[0]} mongodb://a:unknown-one@host {state.passwords['root']} {SECRETS[1]}"
        + " password=SENTINEL-in-a-log slack://alert-token/b/c"
        + " https://hooks.slack.com/services/slack-secret\nlast line\n"
    )
    variables = {
        "KAFKA_SASL_PASSWORD": SECRETS[1],
        "HTTPS_PROXY": f"http://u:{SECRETS[2]}@p:1",
        "ALERT_SLACK_URL": "https://hooks.slack.com/services/slack-secret",
        "ALERT_URLS": "slack://alert-token/b/c mailto://host?pass=alert-password",
    }
    done = retail("--bundle", "report.zip", **variables)
    assert done.returncode in (1, 2), done.stderr
    assert (tmp_path / "report.zip").stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile("report.zip") as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    everything = "\n".join([*texts.values(), done.stdout, done.stderr])
    secrets = (
        *SECRETS,
        *state.passwords.values(),
        "unknown-one",
        "SENTINEL-in-a-log",
        ROW,
        "hook-",
        "alert-token",
        "slack-secret",
        "alert-password",
    )
    assert [secret for secret in secrets if secret in everything] == []
    assert texts["logs/processor.log"].endswith("last line\n")
    assert len(texts["logs/processor.log"]) < 300_000
    assert '"stop"' in texts["logs/mongodb.log"] and "Slow query" in texts["logs/mongodb.log"]
    manifest: dict[str, Any] = json.loads(texts["manifest.json"])
    assert set(manifest["files"]) == set(texts) - {"manifest.json"}
    assert manifest["left_out"]
    for name in ("findings", "versions", "settings", "stack"):
        assert json.loads(texts[f"{name}.json"]), name
    again = retail("--bundle", "report.zip")
    assert again.returncode == 3 and "report.zip exists" in again.stderr


def test_a_wrong_option_means_that_the_doctor_could_not_run() -> None:
    done = retail("--nope")
    assert done.returncode == 3 and "--nope" in done.stderr


def test_without_a_file_for_compose_its_ports_and_its_data_folder_do_not_matter() -> None:
    Path("docker-compose.yml").unlink()
    with pytest.raises(NotApplicableError):
        machine.data(loaded(ComposeSettings))
    with pytest.raises(NotApplicableError):
        machine.ports(loaded(ComposeSettings), FakeDocker())


def test_a_check_that_fails_unexpectedly_is_unknown_and_the_others_go_on() -> None:
    from retail_devstack.doctor import checks

    class Broken(FakeDocker):
        @property
        def answers(self) -> bool:
            raise RuntimeError("odd")

    home = Home.from_environment()
    found = run_checks(checks(home, loaded(ComposeSettings), Broken()), 30)
    by_id = {each.id: each for each in found.results}
    assert by_id["compose-kafka"].status is Status.UNKNOWN and by_id["clock"].status
