"""The servers together: starts those that are down, and stops them in the right order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from retail_devstack import processes
from retail_devstack.home import Home
from retail_devstack.jars import kafka_jars
from retail_devstack.java import find_java
from retail_devstack.locks import shared_with_child
from retail_devstack.mongod import find_mongod
from retail_devstack.output import Say, announce
from retail_devstack.ports import HOST, pick
from retail_devstack.process_search import find_parts, users_of
from retail_devstack.processes import Process
from retail_devstack.servers import Kafka, MongoServer, Server, ZooKeeper
from retail_devstack.signals import deferred
from retail_devstack.state import State, load_state, new_state, save_state
from retail_pipeline.errors import PermanentError
from retail_pipeline.flows.waiting import wait_while

SERVERS = ("zookeeper", "kafka", "mongodb")
SERVICES = ("processor", "producer", "dashboard")
MONITORING = ("exporter", "prometheus", "alertmanager")
# The watchers first, so that they report nothing; senders before receivers, and Kafka before
# ZooKeeper, where it deregisters.
STOP_ORDER = (
    *("prometheus", "alertmanager", "exporter", "producer", "processor", "dashboard"),
    *("mongodb", "kafka", "zookeeper"),
)
# Seconds that each part has to stop by itself.
_GRACE = {
    "prometheus": 15,
    "alertmanager": 5,
    "exporter": 10,
    "producer": 15,
    "processor": 20,
    "dashboard": 5,
    "mongodb": 30,
    "kafka": 30,
    "zookeeper": 10,
}
_START_LIMIT = 90.0


def silent(_: str) -> None:
    """Print nothing."""


class Stack:
    """One local stack: its home, its state, and its servers.

    ``options`` are further settings of a server, by its name: properties of Kafka, parameters of
    mongod. They are not part of the state.
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
        self.state: State = new_state()
        self.damage: PermanentError | None = None
        self.reload()
        self.find_lost()

    def save(self) -> None:
        """Write the present state to its file.

        Raises:
            PermanentError: it can't be written, or the present file can't be read.
        """
        self.check()
        save_state(self.home, self.state)

    def reload(self) -> None:
        """Read the state that other commands have written; keep processes that it lacks."""
        known = self.state.processes
        try:
            loaded = load_state(self.home)
            self.damage = None
        except PermanentError as error:
            self.damage, loaded = error, None
        if loaded is None:
            return
        self.state = loaded
        for part, process in known.items():
            if not self.alive(part) and processes.alive(process):
                self.state.processes[part] = process

    def check(self) -> None:
        """Make sure that the state was read.

        Raises:
            PermanentError: it is damaged. What runs can be stopped, nothing can be started.
        """
        if self.damage is not None:
            raise self.damage

    def find_lost(self) -> None:
        """Find the processes of this stack that run and are not in its state."""
        for part, found in find_parts(self.home).items():
            if not self.alive(part):
                self.state.processes[part] = found[0]

    def process(self, part: str) -> Process | None:
        """Return the process that was last started as ``part``."""
        return self.state.processes.get(part)

    def alive(self, part: str) -> bool:
        """Return whether ``part`` runs."""
        return processes.alive(self.process(part))

    def works(self) -> bool:
        """Return whether each server runs."""
        return all(map(self.alive, SERVERS))

    def address(self, part: str) -> str:
        """Return host:port of ``part``."""
        return f"{HOST}:{self.state.ports[part]}"

    def start_servers(self, names: Sequence[str] = SERVERS) -> list[str]:
        """Start those of the servers that don't work, and return their names.

        Raises:
            PermanentError: this machine has no package for a server, or it doesn't start.
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
            # The broker's registration was in the ZooKeeper that ended.
            self.stop(["kafka"])
            started += self.start_servers(["kafka"])
        return started

    def spawn(
        self, part: str, command: Sequence[str], env: dict[str, str], cwd: Path | None = None
    ) -> Process:
        """Start a service, perhaps in the folder ``cwd``, and write it to the state."""
        self.home.exit_file(part).unlink(missing_ok=True)
        with deferred():
            process = processes.spawn(command, self.home.log(part), env, cwd)
            self.state.processes[part] = process
        self.save()
        return process

    def shut_down(self, parts: Sequence[str] = STOP_ORDER) -> list[str]:
        """Stop ``parts``, remove them from the state, and return the names of those killed.

        Raises:
            PermanentError: parts keep running, because this user may not stop them.
        """
        killed = self.stop(parts)
        left = {part: self.process(part) for part in parts if self.alive(part)}
        for part in set(parts) - set(left):
            self.state.processes.pop(part, None)
        with suppress(PermanentError):  # a full disk or a deleted home: the parts are stopped
            self.save()
        if left:
            names = ", ".join(f"{part} (process {one and one.pid})" for part, one in left.items())
            raise PermanentError(
                f"{names} can't be stopped by this user: run `retail local down` as its owner"
            )
        return killed

    def stop(self, parts: Sequence[str] = STOP_ORDER) -> list[str]:
        """Stop ``parts``, and return the names of those that had to be killed.

        This works without the state on disk and without an output.
        """
        lost = find_parts(self.home)
        killed = []
        for part in parts:
            known = self.process(part)
            running = [one for one in lost.get(part, []) if one != known]
            running += [known] if known and processes.alive(known) else []
            if running:
                announce(self.say, f"Stopping {part} ...")
            if not all([processes.stop(process, _GRACE[part]) for process in running]):
                killed.append(part)
        return killed

    def end_of_log(self, part: str) -> str:
        """Return the last lines of ``part``'s log, for an error message."""
        log = self.home.log(part)
        return f"{log} ends with:\n{processes.last_lines(log)}"

    def _servers(self, names: Sequence[str]) -> list[Server]:
        for part in (*SERVERS, "dashboard"):
            if part not in self.state.ports or not self.alive(part):
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
        process = self._launch(server)
        self.save()

        def starting() -> bool:
            return not server.ready() and processes.alive(process)

        late = wait_while(starting, _START_LIMIT, every_s=0.2)
        if late or not processes.alive(process):
            problem = f"doesn't answer after {_START_LIMIT:.0f} s" if late else "has ended"
            raise PermanentError(f"{server.name} {problem}; {self.end_of_log(server.name)}")

    def _launch(self, server: Server) -> Process:
        """Start the server; it locks its data folder while it runs."""
        folder = self.home.data(server.name)
        folder.mkdir(parents=True, exist_ok=True)
        command, log = server.command(), self.home.log(server.name)
        users = users_of(folder)
        with deferred(), shared_with_child(self.home.data_lock(server.name)) as lock:
            if lock is None or users:
                who = f"process {', '.join(map(str, users))}" if users else "a process"
                raise PermanentError(
                    f"{folder} is in use by {who} that this stack did not start: stop it first"
                )
            process = processes.spawn(command, log, server.env(), self.home.root, lock)
            self.state.processes[server.name] = process
        return process
