"""The three servers: how each is configured, started and checked.

They run in the home folder with paths relative to it: Kafka splits its data folder's path at
commas, Java splits its class path at colons, and property files can't contain every letter.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kafka.errors import KafkaError
from pymongo.errors import PyMongoError

from retail_devstack.home import Home
from retail_devstack.mongod import Mongod
from retail_devstack.output import Say
from retail_devstack.ports import HOST, answers
from retail_devstack.surroundings import server_env
from retail_pipeline.adapters.kafka.topics import kafka_admin
from retail_pipeline.adapters.mongo.client import connect

BROKER_ID = 1
# Java's locale: in Turkish, the upper case of "classic" would differ from the constant's name.
_JAVA_FLAGS = ("-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8")
_BROKER_NODE = f"/brokers/ids/{BROKER_ID}"
_DUMP_TITLE = "ephemeral nodes dump"
_LOG4J = """\
log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %-5p %m (%c{1})%n
log4j.logger.org.apache.zookeeper=WARN
log4j.logger.org.apache.zookeeper.server.ZooKeeperServerMain=INFO
"""


class Server(Protocol):
    """One server of the stack."""

    name: str
    port: int

    def command(self) -> Sequence[str | Path]:
        """Write the server's configuration, and return the command that runs it."""

    def env(self) -> dict[str, str]:
        """Return the environment to run it in."""

    def before_start(self, say: Say) -> None:
        """Wait until what a killed predecessor left has expired."""

    def ready(self) -> bool:
        """Return whether the server works now."""


@dataclass
class ZooKeeper:
    """ZooKeeper, alone."""

    home: Home
    java: Path
    jars: Path
    port: int
    name: str = "zookeeper"

    def command(self) -> Sequence[str | Path]:
        """Write the configuration, and return the command."""
        config = _write_properties(
            self.home,
            "zookeeper.properties",
            {
                "dataDir": f"./data/{self.name}",
                "clientPort": self.port,
                "clientPortAddress": HOST,
                "tickTime": 2000,
                "maxClientCnxns": 0,
                "admin.enableServer": "false",
                "4lw.commands.whitelist": "srvr,dump",
                "autopurge.purgeInterval": 1,
                "autopurge.snapRetainCount": 3,
            },
        )
        flags = ["-Xms32m", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return _java(self.home, self.java, self.jars, flags, [main, config])

    def env(self) -> dict[str, str]:
        """Return the environment to run it in."""
        return server_env()

    def before_start(self, say: Say) -> None:
        """A killed ZooKeeper leaves nothing to wait for."""

    def ready(self) -> bool:
        """Ask ZooKeeper for its mode; it answers ``ruok`` before it serves clients."""
        return "Mode:" in ask_zookeeper(self.port, "srvr")


@dataclass
class Kafka:
    """One broker, registered in ZooKeeper."""

    home: Home
    java: Path
    jars: Path
    port: int
    zookeeper_port: int
    options: Mapping[str, object] = field(default_factory=dict)
    name: str = "kafka"

    def command(self) -> Sequence[str | Path]:
        """Write the configuration, and return the command."""
        config = _write_properties(
            self.home,
            "kafka.properties",
            {
                "broker.id": BROKER_ID,
                "listeners": f"PLAINTEXT://{HOST}:{self.port}",
                "advertised.listeners": f"PLAINTEXT://{HOST}:{self.port}",
                "zookeeper.connect": f"{HOST}:{self.zookeeper_port}",
                "zookeeper.session.timeout.ms": 18_000,
                "log.dirs": f"./data/{self.name}",
                "auto.create.topics.enable": "false",
                "offsets.topic.replication.factor": 1,
                "offsets.topic.num.partitions": 5,
                "transaction.state.log.replication.factor": 1,
                "transaction.state.log.min.isr": 1,
                "group.initial.rebalance.delay.ms": 0,
                # A group that pauses over a long weekend resumes where it stopped.
                "offsets.retention.minutes": 525_600,
                **self.options,
            },
        )
        flags = ["-Xms256m", "-Xmx512m"]
        return _java(self.home, self.java, self.jars, flags, ["kafka.Kafka", config])

    def env(self) -> dict[str, str]:
        """Return the environment to run it in."""
        return server_env()

    def before_start(self, say: Say) -> None:
        """Wait until ZooKeeper has expired a killed broker's session."""
        deadline = time.monotonic() + 60
        announced = False
        while time.monotonic() < deadline:
            sessions = ask_zookeeper(self.zookeeper_port, "dump")
            if _DUMP_TITLE in sessions and _BROKER_NODE not in sessions:
                return
            if not announced:
                say("Waiting for ZooKeeper to expire the killed broker (18 s) ...")
                announced = True
            time.sleep(0.5)

    def ready(self) -> bool:
        """Send the broker an administrator's request."""
        if not answers(self.port):
            return False
        try:
            admin = kafka_admin(f"{HOST}:{self.port}", connect_ms=3_000, answer_ms=3_000)
            with closing(admin):
                return bool(admin.describe_cluster()["brokers"])
        except KafkaError:
            return False


@dataclass
class MongoServer:
    """mongod, with authentication."""

    home: Home
    mongod: Mongod
    port: int
    options: Mapping[str, object] = field(default_factory=dict)
    name: str = "mongodb"

    def command(self) -> Sequence[str | Path]:
        """Return the command."""
        self.home.data(self.name).mkdir(parents=True, exist_ok=True)
        return [
            self.mongod.binary,
            *("--dbpath", f"./data/{self.name}"),
            *("--bind_ip", HOST),
            *("--port", str(self.port)),
            "--auth",
            *("--wiredTigerCacheSizeGB", "0.5"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *(() if os.name == "nt" else ("--nounixsocket",)),
            *(f"--setParameter={name}={value}" for name, value in self.options.items()),
        ]

    def env(self) -> dict[str, str]:
        """Return the environment to run it in."""
        return self.mongod.env()

    def before_start(self, say: Say) -> None:
        """Do nothing: mongod recognises a killed predecessor's lock and recovers its journal."""

    def ready(self) -> bool:
        """Ping the server, which needs no rights."""
        if not answers(self.port):
            return False
        try:
            with connect(f"mongodb://{HOST}:{self.port}", name="local", timeout_ms=3_000) as client:
                client.admin.command("ping")
                return True
        except PyMongoError:
            return False


def ask_zookeeper(port: int, word: str) -> str:
    """Send one of ZooKeeper's four-letter words; return the answer, empty if there is none."""
    try:
        with socket.create_connection((HOST, port), timeout=3) as connection:
            connection.sendall(word.encode())
            with connection.makefile("rb") as answer:
                return answer.read().decode(errors="replace")
    except OSError:
        return ""


def _java(
    home: Home, java: Path, jars: Path, flags: Sequence[str], main: Sequence[str]
) -> Sequence[str | Path]:
    home.config("log4j.properties").write_text(_LOG4J, "utf-8")
    return [
        java,
        *flags,
        *_JAVA_FLAGS,
        "-Djava.awt.headless=true",
        "-Dlog4j.configuration=file:conf/log4j.properties",
        *("-cp", f"{_linked(home, jars)}{os.sep}*"),
        *main,
    ]


def _linked(home: Home, jars: Path) -> Path:
    """Return a path of ``jars`` relative to the home, without the cache folder's name in it."""
    if os.name == "nt":
        return jars
    link = Path("lib", "jars")
    home.root.joinpath("lib").mkdir(exist_ok=True)
    home.root.joinpath(link).unlink(missing_ok=True)
    home.root.joinpath(link).symlink_to(jars, target_is_directory=True)
    return link


def _write_properties(home: Home, name: str, values: dict[str, object]) -> str:
    """Write a configuration, and return its path relative to the home."""
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    home.config(name).write_text(text, "utf-8")
    return f"conf/{name}"
