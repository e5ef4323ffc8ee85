"""Docker and the stack in Compose, as far as docker's own commands tell."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from retail_pipeline.errors import RetailError
from retail_pipeline.operations.health import Finding, NotApplicableError, Status
from retail_pipeline.settings import UserPath

# `dockerfile_inline` came with it.
_OLDEST_COMPOSE = (2, 17)
# The limits of all containers, and what they need to start.
_ENOUGH_MEMORY, _LITTLE_MEMORY = 5.2e9, 3.0e9
_UPDATE = "update Docker: https://docs.docker.com/engine/install"
_LIMIT_S = 15.0


class ComposeSettings(BaseSettings):
    """The settings that only docker-compose.yml reads."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    compose_project_name: str = "retail"
    kafka_port: int = Field(9092, ge=1, le=65_535)
    mongo_port: int = Field(27017, ge=1, le=65_535)
    dashboard_port: int = Field(8501, ge=1, le=65_535)
    retail_data_dir: UserPath = Path("data")

    def need(self) -> None:
        """Return if there is a stack in Compose here.

        Raises:
            NotApplicableError: there is none.
        """
        if not Path("docker-compose.yml").exists():
            raise NotApplicableError("there is no docker-compose.yml in this folder")

    @property
    def ports(self) -> dict[str, int]:
        """The published ports, by the variables that set them."""
        return {
            "KAFKA_PORT": self.kafka_port,
            "MONGO_PORT": self.mongo_port,
            "DASHBOARD_PORT": self.dashboard_port,
        }


class DockerError(RetailError):
    """Docker can't be asked; the text is docker's."""


class Docker:
    """Asks docker; each answer is asked for once."""

    def __init__(self, project: str) -> None:
        self.project = project

    def ask(self, *arguments: str) -> str:
        """Return what ``docker`` prints.

        Raises:
            DockerError: there is no docker, or it fails or hangs.
        """
        try:
            done = subprocess.run(
                ["docker", *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LIMIT_S,
            )
        except FileNotFoundError:
            raise DockerError("docker is not installed") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DockerError(f"docker {arguments[0]}: {error}") from None
        if done.returncode:
            words = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no text"]
            raise DockerError(words[-1])
        return done.stdout

    @cached_property
    def info(self) -> dict[str, Any]:
        """What the daemon tells about itself.

        Raises:
            DockerError: it does not answer.
        """
        found: dict[str, Any] = json.loads(self.ask("info", "--format", "{{json .}}"))
        if errors := found.get("ServerErrors"):
            raise DockerError(str(errors[0]))
        return found

    @cached_property
    def installed(self) -> bool:
        """Whether there is a docker command."""
        try:
            self.ask("--version")
        except DockerError:
            return False
        return True

    @property
    def answers(self) -> bool:
        """Whether the daemon answers."""
        try:
            return bool(self.installed and self.info)
        except (DockerError, ValueError):
            return False

    def need(self) -> None:
        """Return if the daemon answers.

        Raises:
            NotApplicableError: there is nothing to ask.
        """
        if not self.answers:
            raise NotApplicableError("docker is not installed, or does not answer")

    def user_of(self, port: int) -> str | None:
        """Return which container publishes ``port``."""
        if not self.answers:
            return None
        form = '{{.Names}} {{.Label "com.docker.compose.project"}}'
        found = self.ask("ps", "--filter", f"publish={port}", "--format", form).split()
        if len(found) > 1 and found[1] == self.project:
            return f"a container of {self.project}"
        return f"the container {found[0]}" if found else None

    @cached_property
    def containers(self) -> list[str]:
        """The names of the stack's containers, running or not."""
        label = f"label=com.docker.compose.project={self.project}"
        return self.ask("ps", "--all", "--filter", label, "--format", "{{.Names}}").split()

    def log(self, service: str, lines: int = 200) -> str:
        """Return the end of the log of a service's containers."""
        wanted = [name for name in self.containers if f"-{service}-" in name]
        return "\n".join(self.log_of(name, lines) for name in wanted)

    def log_of(self, container: str, lines: int) -> str:
        """Return the last ``lines`` lines of a container's log."""
        done = subprocess.run(
            ["docker", "logs", "--tail", str(lines), container],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
        )
        return done.stdout


def docker(found: Docker) -> Finding:
    """Whether Docker answers, and its versions are new enough."""
    if not found.installed:
        raise NotApplicableError("docker is not installed; the local stack does without it")
    try:
        engine = str(found.info.get("ServerVersion"))
    except DockerError as error:
        return Finding(Status.WARN, f"{error}; the local stack does without it", _start(str(error)))
    try:
        compose = found.ask("compose", "version", "--short").strip()
    except DockerError as error:
        return Finding(Status.FAIL, f"docker compose: {error}; {_UPDATE}")
    detail = f"Docker {engine}, Compose {compose}"
    numbers = tuple(map(int, re.findall(r"\d+", compose)[:2]))
    if numbers < _OLDEST_COMPOSE:
        oldest = ".".join(map(str, _OLDEST_COMPOSE))
        return Finding(Status.FAIL, f"{detail} is older than {oldest}; {_UPDATE}")
    return Finding(Status.OK, detail)


def _start(problem: str) -> str:
    if "permission denied" in problem.lower():
        return 'sudo usermod -aG docker "$USER" && newgrp docker'
    return "open -a Docker" if platform.system() == "Darwin" else "sudo systemctl start docker"


def docker_memory(found: Docker) -> Finding:
    """Whether Docker's machine has the memory that the containers may take."""
    found.need()
    total, system = int(found.info["MemTotal"]), str(found.info.get("OperatingSystem"))
    detail = f"{total / 1e9:,.1f} GB ({system})"
    if total >= _ENOUGH_MEMORY:
        return Finding(Status.OK, detail)
    detail = f"only {detail}; the containers may take {_ENOUGH_MEMORY / 1e9} GB"
    status = Status.FAIL if total < _LITTLE_MEMORY else Status.WARN
    if "colima" in str(found.info.get("Name")):
        return Finding(status, detail, "colima stop && colima start --memory 6")
    if system == "Docker Desktop":
        return Finding(status, f"{detail}: raise Settings > Resources > Memory to 6 GB")
    return Finding(status, f"{detail}: use a machine with more memory, or the local stack")


def kafka_volume(found: Docker) -> Finding:
    """Whether the volumes of Kafka and ZooKeeper in Compose belong together."""
    log = _log_of(found, "kafka")
    last = max(("CLUSTER ID MISMATCH", "KAFKA'S VOLUME IS EMPTY"), key=log.rfind)
    # The broker prints its start-up after the comparison went well.
    if log.rfind(last) > log.rfind("started (kafka.server.KafkaServer)"):
        detail = f"{last.lower()}: one of the two volumes was removed or replaced without the other"
        return Finding(Status.FAIL, detail, "./scripts/repair-kafka.sh")
    if log.rfind("ZooKeeper still holds broker") > log.rfind("started (kafka.server.KafkaServer)"):
        detail = "ZooKeeper still has the node of the broker that was killed; it expires by itself"
        return Finding(Status.WARN, detail, "docker compose up --detach --wait")
    return Finding(Status.OK, "Kafka's log reports no mismatch and no stale node")


def passwords(found: Docker) -> Finding:
    """Whether MongoDB's volume in Compose accepts the administrator's password of .env."""
    log = _log_of(found, "users")
    # The script reports each user, once it is up to date.
    refused = max(log.rfind("Authentication failed"), log.rfind("AuthenticationFailed"))
    if refused <= log.rfind("init-mongo: "):
        return Finding(Status.OK, "the last update of MongoDB's users reports no refused password")
    return Finding(
        Status.FAIL,
        "MongoDB refuses MONGO_ROOT_PASSWORD: its volume keeps the one from its first start. Set"
        " that one in .env again, then run the command",
        "docker compose up --detach",
    )


def checkout(found: Docker, folder: Path) -> Finding:
    """Whether another checkout has a stack of the same name in Compose."""
    found.need()
    try:
        stacks = json.loads(found.ask("compose", "ls", "--all", "--format", "json"))
    except DockerError as error:
        raise NotApplicableError(str(error)) from None
    own = folder.resolve()
    for each in stacks:
        files = [Path(name) for name in str(each.get("ConfigFiles", "")).split(",") if name]
        if each.get("Name") == found.project and files and files[0].parent.resolve() != own:
            there = files[0].parent
            detail = (
                f"the stack {found.project!r} belongs to the checkout in {there}: give this one"
                " another name, and free ports, in .env"
            )
            return Finding(
                Status.FAIL,
                detail,
                f"echo COMPOSE_PROJECT_NAME={_other(found.project, stacks)} >> .env",
            )
    return Finding(Status.OK, f"no other checkout has a stack called {found.project!r}")


def _other(project: str, stacks: Sequence[dict[str, Any]]) -> str:
    names = {each.get("Name") for each in stacks}
    return next(name for n in range(2, 1000) if (name := f"{project}-{n}") not in names)


def _log_of(found: Docker, service: str) -> str:
    found.need()
    if not found.containers:
        raise NotApplicableError(f"no container of {found.project!r} exists")
    return found.log(service)
