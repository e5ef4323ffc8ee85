"""Real servers behind proxies that can be disturbed, and the names of each run on them."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
from pymongo import MongoClient
from pymongo.database import Database

from chaos.proxy import Proxy
from chaos.schedule import BROKER, MONGOD
from retail_devstack.environment import own_env, process_env, settings_of
from retail_devstack.home import Home
from retail_devstack.ports import HOST, pick
from retail_devstack.processes import find
from retail_devstack.stack import SERVERS, Stack
from retail_devstack.users import ensure_stack_users, role_uris, root_uri
from retail_pipeline.adapters.kafka.topics import ensure_topics
from retail_pipeline.adapters.mongo.client import Document, connect
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.settings import Settings

# Short, so that a killed broker is soon forgotten and a paused one loses its session.
_ZOOKEEPER_SESSION_MS = 6_000
_GROUP_SESSION_MS = 6_000


@dataclass(frozen=True)
class Place:
    """The names of one run: a topic, a group, a database, a folder.

    ``env`` is for the pipeline's processes, ``settings`` for observers that bypass the proxies.
    """

    env: dict[str, str]
    settings: Settings
    database: Database[Document]
    folder: Path


def running(stack: Stack, part: str) -> psutil.Process:
    """Return the process of a part of a stack.

    Raises:
        RuntimeError: it does not run; the text shows the end of its log.
    """
    live = find(stack.process(part))
    if live is None:
        raise RuntimeError(f"{part} is not running: {stack.end_of_log(part)}")
    return live


def load() -> str:
    """Return the machine's load averages, as a text."""
    return ", ".join(f"{value:.1f}" for value in os.getloadavg())


class Environment:
    """The servers and their proxies."""

    def __init__(self, stack: Stack, proxies: dict[str, Proxy], ports: dict[str, int]) -> None:
        self.stack = stack
        self.proxies = proxies
        self._ports = ports
        self._turn = threading.Lock()
        self.root: MongoClient[Document] = connect(
            root_uri(stack.state), name="chaos", timeout_ms=30_000
        )

    def server(self, name: str) -> psutil.Process:
        """Return the process of a server that runs."""
        return running(self.stack, name)

    def start(self, name: str) -> None:
        """Start a server that does not run, and wait until it works; one at a time."""
        with self._turn:
            before = dict(self.stack.state.ports)
            self.stack.start_servers([name])
            if self.stack.state.ports != before:
                raise RuntimeError(f"a port was taken meanwhile: {before}")

    def stop(self, name: str) -> None:
        """Stop a server in good order."""
        with self._turn:
            self.stack.stop([name])

    def renew(self) -> None:
        """Restart all servers and restore the proxies, whatever state a failed run left."""
        for proxy in self.proxies.values():
            proxy.restore()
        with self._turn:
            for name in SERVERS:
                if live := find(self.stack.process(name)):
                    live.kill()
            self.stack.start_servers()

    def place(self, folder: Path, *, disturbed: bool) -> Place:
        """Create a place for one run, with topics, schema and users."""
        name = f"chaos_{uuid.uuid4().hex[:8]}"
        own = folder / name
        own.mkdir()
        env = {
            **process_env(self.stack),
            **own_env(self.stack, name, own),
            "KAFKA_SESSION_TIMEOUT_MS": str(_GROUP_SESSION_MS),
        }
        settings = settings_of(env)
        ensure_topics(settings)
        ensure_schema(self.root[name])
        if disturbed:
            env |= self._lines(name)
        return Place(env, settings, self.root[name], own)

    def forget(self, place: Place) -> None:
        """Delete what a run stored."""
        self.root.drop_database(place.settings.mongo_database)

    def _lines(self, database: str) -> dict[str, str]:
        """Return the addresses at which the servers are reached through the proxies."""
        ports = {**self.stack.state.ports, MONGOD: self._ports[MONGOD]}
        state = msgspec.structs.replace(self.stack.state, ports=ports)
        servers = {"KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{self._ports[BROKER]}"}
        return {**role_uris(state, database), **servers}


@contextmanager
def environment(folder: Path) -> Iterator[Environment]:
    """Start ZooKeeper, Kafka, mongod and the proxies in ``folder``; stop them at the end."""
    listener, *own = _free_ports(3)
    ports = dict(zip((BROKER, MONGOD), own, strict=True))
    home = Home(folder / "stack", Home.from_environment().cache)
    stack = Stack(home)
    stack.state.names = {"KAFKA_TOPIC": "c", "KAFKA_GROUP": "c", "MONGO_DATABASE": "c"}
    broker = stack.state.ports[BROKER] = pick(None, (listener, *own))
    stack.options = {
        BROKER: _two_listeners(broker, listener, ports[BROKER]),
        MONGOD: {"enableTestCommands": 1},
    }
    with ExitStack() as open_things:
        open_things.callback(stack.stop)
        stack.start_servers()
        targets = {BROKER: listener, MONGOD: stack.state.ports[MONGOD]}
        proxies = {
            name: open_things.enter_context(Proxy(port, targets[name]))
            for name, port in ports.items()
        }
        ensure_stack_users(stack.state, "c")
        yield Environment(stack, proxies, ports)


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    while len(ports) < count:
        ports.append(pick(None, ports))
    return ports


def _two_listeners(direct: int, behind: int, proxied: int) -> dict[str, object]:
    """Return Kafka's settings for a second listener, whose clients are sent to the proxy.

    A client connects to the advertised address: with the true port it would bypass the proxy
    after its first request.
    """
    return {
        "listeners": f"PLAINTEXT://{HOST}:{direct},DISTURBED://{HOST}:{behind}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{direct},DISTURBED://{HOST}:{proxied}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,DISTURBED:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "zookeeper.session.timeout.ms": _ZOOKEEPER_SESSION_MS,
    }
