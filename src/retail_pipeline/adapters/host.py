"""Reads the machine, and the processes of the pipeline's services on it, with psutil.

A service is found by its command line, whoever started it. In a container nothing but the
container's own processes can be seen.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePath

import psutil

from retail_pipeline.operations.disk import Disk
from retail_pipeline.operations.observation import HostObservation, ServiceUsage

_JAVA_SERVERS = {"QuorumPeerMain": "zookeeper", "Kafka": "kafka"}
_SCRIPTS = {"producer.py": "producer", "processor.py": "processor", "dashboard.py": "dashboard"}
_COMMANDS = {"produce": "producer", "process": "processor", "dashboard": "dashboard"}
# The words after which a command of `retail` is.
_PROGRAMS = {"retail", "retail_pipeline", "__main__.py"}
_SEARCH_SECONDS = 10.0


class HostReader:
    """Reads how busy the machine is; rates are those since the read before.

    Args:
        folder: is on the disk whose free space counts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._services: dict[psutil.Process, str] = {}
        self._measured: set[psutil.Process] = set()
        self._restarts: Counter[str] = Counter()
        self._searched_at: float | None = None
        self._network: tuple[float, int, int] | None = None

    def read(self) -> HostObservation:
        """Return what the operating system reports now."""
        is_first = self._network is None
        memory, disk = psutil.virtual_memory(), read_disk(self._folder)
        cores, cpu = psutil.cpu_count() or 1, psutil.cpu_percent()
        received, sent = self._network_rates()
        return HostObservation(
            cores=cores,
            cpu=None if is_first else cpu * cores,
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            disk_free=disk.free,
            disk_total=disk.total,
            received=received,
            sent=sent,
            services=self._usages(),
        )

    def _network_rates(self) -> tuple[float | None, float | None]:
        """Return the bytes per second that were received and sent since the read before."""
        counters, now, before = psutil.net_io_counters(), time.monotonic(), self._network
        self._network = now, counters.bytes_recv, counters.bytes_sent
        if before is None or now == before[0]:
            return None, None
        seconds = now - before[0]
        return (
            max(0, counters.bytes_recv - before[1]) / seconds,
            max(0, counters.bytes_sent - before[2]) / seconds,
        )

    def _usages(self) -> tuple[ServiceUsage, ...]:
        now = time.monotonic()
        if self._searched_at is None or now - self._searched_at >= _SEARCH_SECONDS:
            self._search()
            self._searched_at = now
        found = []
        for process, name in self._services.items():
            # One that has ended since the search is left out.
            with suppress(psutil.Error):
                found.append(
                    ServiceUsage(
                        name=name,
                        pid=process.pid,
                        cpu=self._cpu(process),
                        memory=process.memory_info().rss,
                        restarts=self._restarts[name],
                    )
                )
        return tuple(sorted(found, key=lambda usage: (usage.name, usage.pid)))

    def _cpu(self, process: psutil.Process) -> float | None:
        """Return the CPU since the read before in percent of one core; None at the first read."""
        is_first, percent = process not in self._measured, process.cpu_percent()
        self._measured.add(process)
        return None if is_first else percent

    def _search(self) -> None:
        found: dict[psutil.Process, str] = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process in self._services and process.is_running():
                    found[process] = self._services[process]
                elif name := service_of(process.cmdline()):
                    found[process] = name
        if self._searched_at is not None:
            gone = Counter(self._services[each] for each in self._services.keys() - found.keys())
            came = Counter(found[each] for each in found.keys() - self._services.keys())
            self._restarts += gone & came
        self._services = found
        self._measured &= found.keys()


def read_disk(folder: Path) -> Disk:
    """Return the space on the disk of ``folder``, which may not exist yet."""
    absolute = folder.absolute()
    there = next(path for path in (absolute, *absolute.parents) if os.path.isdir(path))
    usage = psutil.disk_usage(str(there))
    return Disk(str(there), usage.free, usage.total)


def service_of(command: Sequence[str]) -> str | None:
    """Return the name of the service that a command line starts; None if it starts none."""
    if not command:
        return None
    if PurePath(command[0]).stem == "mongod":
        return "mongodb"
    for place, word in enumerate(command):
        if PurePath(word).name in _SCRIPTS:
            return _SCRIPTS[PurePath(word).name]
        if command[0].endswith("java") and (server := _JAVA_SERVERS.get(word.rpartition(".")[2])):
            return server
        # A local stack starts its services by a program whose first argument is FILE.exit.
        if PurePath(word).name in _PROGRAMS or word.endswith(".exit"):
            following = next((each for each in command[place + 1 :] if each[:1] != "-"), "")
            return _COMMANDS.get(following)
    return None
