"""The servers as one thing: start what is down, keep what works, stop in the right order."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from retail_pipeline.errors import PermanentError
from retail_pipeline.local import processes
from retail_pipeline.local.home import Home
from retail_pipeline.local.jars import kafka_jars
from retail_pipeline.local.java import find_java
from retail_pipeline.local.mongod import find_mongod
from retail_pipeline.local.ports import HOST, pick
from retail_pipeline.local.servers import Kafka, MongoServer, Say, Server, ZooKeeper
from retail_pipeline.local.state import Process, State, load_state, new_state, save_state

SERVERS = ("zookeeper", "kafka", "mongodb")
SERVICES = ("processor", "producer", "dashboard")
# Senders before receivers, Kafka before ZooKeeper, where it signs off.
STOP_ORDER = ("producer", "processor", "dashboard", "mongodb", "kafka", "zookeeper")
# Seconds that each has for a stop in good order.
_GRACE = {
    "producer": 15,
    "processor": 20,
    "dashboard": 5,
    "mongodb": 30,
    "kafka": 30,
    "zookeeper": 10,
}
_START_LIMIT = 90.0


def silent(_: str) -> None:
    """Say nothing."""


class Stack:
    """One local stack: its home, what it remembers, and its servers.

    ``options`` are further settings of a server, by its name: properties of Kafka, parameters of
    mongod. They are not remembered.
    """

    def __init__(
        self,
        home: Home,
        say: Say = silent,
        options: Mapping[str, Mapping[str, object]] | None = None,
    ) -> None:
        self.home = home
        self.say = say
        self.options = options or {}
        self.state: State = load_state(home) or new_state()

    def save(self) -> None:
        """Remember the present state."""
        save_state(self.home, self.state)

    def reload(self) -> None:
        """Read what other commands have written meanwhile."""
        self.state = load_state(self.home) or self.state

    def process(self, part: str) -> Process | None:
        """Return the process that was last started as ``part``."""
        return self.state.processes.get(part)

    def alive(self, part: str) -> bool:
        """Tell whether ``part`` runs."""
        return processes.alive(self.process(part))

    def address(self, part: str) -> str:
        """Return host:port of ``part``."""
        return f"{HOST}:{self.state.ports[part]}"

    def start_servers(self, names: Sequence[str] = SERVERS) -> list[str]:
        """Start those of the servers that don't work, and return their names.

        Raises:
            PermanentError: a server can't be had on this machine, or doesn't start.
        """
        self.home.create()
        self.save()
        started: list[str] = []
        for server in self._servers(names):
            if self.alive(server.name) and server.ready():
                continue
            self._start(server)
            started.append(server.name)
        if "zookeeper" in started and "kafka" in names and "kafka" not in started:
            # The broker's registration went with the ZooKeeper that it knew.
            self.stop(["kafka"])
            started += self.start_servers(["kafka"])
        return started

    def spawn(self, part: str, command: Sequence[str], env: dict[str, str]) -> None:
        """Start a service of the pipeline, and remember it."""
        self.home.exit_file(part).unlink(missing_ok=True)
        self.state.processes[part] = processes.spawn(command, self.home.log(part), env)
        self.save()

    def shut_down(self, parts: Sequence[str] = STOP_ORDER) -> list[str]:
        """Stop ``parts`` for good, and return the names of those that had to be killed."""
        self.state.stopping = True
        self.save()
        killed = self.stop(parts)
        for part in parts:
            self.state.processes.pop(part, None)
        self.state.stopping = False
        self.save()
        return killed

    def stop(self, parts: Sequence[str] = STOP_ORDER) -> list[str]:
        """Stop ``parts``, and return the names of those that had to be killed."""
        killed = []
        for part in parts:
            process = self.process(part)
            if not processes.alive(process):
                continue
            self.say(f"Stopping {part} ...")
            if not processes.stop(process, _GRACE[part]):
                killed.append(part)
        return killed

    def end_of_log(self, part: str) -> str:
        """Return the last lines that ``part`` wrote, to show beside an error."""
        log = self.home.log(part)
        return f"{log} ends with:\n{processes.last_lines(log)}"

    def _servers(self, names: Sequence[str]) -> list[Server]:
        for part in (*SERVERS, "dashboard"):
            if not self.alive(part):
                taken = self.state.ports.values()
                self.state.ports[part] = pick(self.state.ports.get(part), taken)
        home, ports = self.home, self.state.ports
        found: list[Server] = []
        if "zookeeper" in names or "kafka" in names:
            java, jars = find_java(), kafka_jars(home.cache, self.say)
            found.append(ZooKeeper(home, java, jars, ports["zookeeper"]))
            options = self.options.get("kafka", {})
            found.append(Kafka(home, java, jars, ports["kafka"], ports["zookeeper"], options))
        if "mongodb" in names:
            mongod = find_mongod(home.root / "lib")
            options = self.options.get("mongodb", {})
            found.append(MongoServer(home, mongod, ports["mongodb"], options))
        return [server for server in found if server.name in names]

    def _start(self, server: Server) -> None:
        self.stop([server.name])
        self.say(f"Starting {server.name} on {HOST}:{server.port} ...")
        server.before_start(self.say)
        process = processes.spawn(
            server.command(), self.home.log(server.name), server.env(), self.home.root
        )
        self.state.processes[server.name] = process
        self.save()
        deadline = time.monotonic() + _START_LIMIT
        while not server.ready():
            if not processes.alive(process):
                raise PermanentError(f"{server.name} has ended; {self.end_of_log(server.name)}")
            if time.monotonic() > deadline:
                raise PermanentError(
                    f"{server.name} doesn't answer after {_START_LIMIT:.0f} s;"
                    f" {self.end_of_log(server.name)}"
                )
            time.sleep(0.2)
