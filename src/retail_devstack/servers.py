"""The three servers: how each is configured, started and checked.

They run in the home folder with paths relative to it: Kafka splits its data folder's path at
commas, Java splits its class path at colons, and property files can't contain every letter.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from kafka.errors import KafkaError
from pymongo.errors import PyMongoError

from retail_devstack.home import Home
from retail_devstack.mongod import Mongod
from retail_devstack.output import Say
from retail_devstack.ports import HOST, answers
from retail_devstack.surroundings import server_env
from retail_pipeline.adapters.kafka.topics import kafka_admin
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.zookeeper import ask_zookeeper
from retail_pipeline.errors import TransientError
from retail_pipeline.flows.waiting import wait_while

Command = Sequence[str | Path]
Properties = Mapping[str, object]

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


class Server(ABC):
    """One server of the stack."""

    name: str
    port: int

    @abstractmethod
    def command(self) -> Command:
        """Write the server's configuration, and return the command that runs it."""

    def env(self) -> dict[str, str]:
        """Return the environment to run it in."""
        return server_env()

    def before_start(self, say: Say) -> None:
        """Wait until what a killed predecessor left has expired; most leave nothing."""

    @abstractmethod
    def ready(self) -> bool:
        """Return whether the server works now."""


@dataclass
class _JavaServer(Server):
    home: Home
    java: Path
    jars: Path
    port: int

    def _command(self, flags: Sequence[str], main: str, properties: Properties) -> Command:
        """Write the configuration, and return the command that runs ``main`` with it."""
        config = f"{self.name}.properties"
        text = "".join(f"{name}={value}\n" for name, value in properties.items())
        self.home.config(config).write_text(text, "utf-8")
        self.home.config("log4j.properties").write_text(_LOG4J, "utf-8")
        return [
            self.java,
            *flags,
            *_JAVA_FLAGS,
            "-Djava.awt.headless=true",
            "-Dlog4j.configuration=file:conf/log4j.properties",
            *("-cp", f"{_linked(self.home, self.jars)}{os.sep}*"),
            *(main, f"conf/{config}"),
        ]


@dataclass
class ZooKeeper(_JavaServer):
    """ZooKeeper, alone."""

    name: str = "zookeeper"

    def command(self) -> Command:
        """Write the configuration, and return the command."""
        return self._command(
            ["-Xms32m", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
            "org.apache.zookeeper.server.quorum.QuorumPeerMain",
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

    def ready(self) -> bool:
        """Ask ZooKeeper for its mode; it answers ``ruok`` before it serves clients."""
        return "Mode:" in _ask_zookeeper(self.port, "srvr")


@dataclass
class Kafka(_JavaServer):
    """One broker, registered in ZooKeeper."""

    zookeeper_port: int
    options: Properties = field(default_factory=dict)
    name: str = "kafka"

    def command(self) -> Command:
        """Write the configuration, and return the command."""
        return self._command(
            ["-Xms256m", "-Xmx512m"],
            "kafka.Kafka",
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

    def before_start(self, say: Say) -> None:
        """Wait until ZooKeeper has expired a killed broker's session."""

        def registered() -> bool:
            sessions = _ask_zookeeper(self.zookeeper_port, "dump")
            return _DUMP_TITLE not in sessions or _BROKER_NODE in sessions

        if registered():
            say("Waiting for ZooKeeper to expire the killed broker (18 s) ...")
            wait_while(registered, 60)

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
class MongoServer(Server):
    """mongod, with authentication; it recovers the journal of a killed predecessor by itself."""

    home: Home
    mongod: Mongod
    port: int
    options: Properties = field(default_factory=dict)
    name: str = "mongodb"

    def command(self) -> Command:
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


def _ask_zookeeper(port: int, word: str) -> str:
    """Send one of ZooKeeper's four-letter words; return the answer, empty if there is none."""
    try:
        return ask_zookeeper(f"{HOST}:{port}", word)
    except TransientError:
        return ""


def _linked(home: Home, jars: Path) -> Path:
    """Return a path of ``jars`` relative to the home, without the cache folder's name in it."""
    if os.name == "nt":
        return jars
    link = Path("lib", "jars")
    home.root.joinpath("lib").mkdir(exist_ok=True)
    home.root.joinpath(link).unlink(missing_ok=True)
    home.root.joinpath(link).symlink_to(jars, target_is_directory=True)
    return link
