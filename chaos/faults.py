"""Does and undoes each kind of fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psutil

from chaos.environment import Environment
from chaos.proxy import NetworkConditions
from chaos.schedule import Fault
from chaos.workers import Worker

_WRITES = ["insert", "update", "delete", "findAndModify"]
_REFUSALS: dict[str, dict[str, Any]] = {
    "disk full": {"errorCode": 14031},
    "not journaled": {"writeConcernError": {"code": 64, "errmsg": "waiting for it timed out"}},
    "not in charge": {"errorCode": 10107},
}
_SLOW = NetworkConditions(delay=0.05, bytes_per_s=300_000)
# Servers write beyond the first bytes of their files.
_QUOTA_BYTES = 4096


class Faults:
    """Does faults to the servers, the proxies and the workers of one run."""

    def __init__(self, environment: Environment, workers: Mapping[str, Worker]) -> None:
        self._environment = environment
        self._workers = workers
        self._limits: dict[str, tuple[int, int]] = {}

    def do(self, fault: Fault) -> bool:
        """Do the fault; return whether it hit: a worker may have ended already."""
        worker = self._workers.get(fault.target)
        hit = worker is None or worker.running
        getattr(self, f"_{fault.kind}")(fault)
        return hit

    def undo(self, fault: Fault) -> None:
        """End the fault, and restart what died because of it."""
        getattr(self, f"_end_{fault.kind}")(fault)

    def _kill(self, fault: Fault) -> None:
        if worker := self._workers.get(fault.target):
            worker.kill()
            return
        server = self._environment.server(fault.target)
        server.kill()
        server.wait(10)

    def _term(self, fault: Fault) -> None:
        if worker := self._workers.get(fault.target):
            worker.term()
        else:
            self._environment.stop(fault.target)

    def _end_kill(self, fault: Fault) -> None:
        if worker := self._workers.get(fault.target):
            worker.start()
        else:
            self._environment.start(fault.target)

    _end_term = _end_kill

    def _pause(self, fault: Fault) -> None:
        if worker := self._workers.get(fault.target):
            worker.pause()
        else:
            self._environment.server(fault.target).suspend()

    def _end_pause(self, fault: Fault) -> None:
        if worker := self._workers.get(fault.target):
            worker.resume()
        else:
            self._environment.server(fault.target).resume()

    def _cut(self, fault: Fault) -> None:
        proxy = self._environment.proxies[fault.target.removeprefix("link-")]
        if fault.way == "silence":
            proxy.silence()
        else:
            proxy.cut()

    def _slow(self, fault: Fault) -> None:
        self._environment.proxies[fault.target.removeprefix("link-")].slow(_SLOW)

    def _end_cut(self, fault: Fault) -> None:
        self._environment.proxies[fault.target.removeprefix("link-")].restore()

    _end_slow = _end_cut

    def _refuse(self, fault: Fault) -> None:
        admin = self._environment.root.admin
        if fault.way == "locked":
            admin.command("fsync", lock=True)
        else:
            data = {"failCommands": _WRITES, **_REFUSALS[fault.way]}
            admin.command("configureFailPoint", "failCommand", mode="alwaysOn", data=data)

    def _end_refuse(self, fault: Fault) -> None:
        admin = self._environment.root.admin
        if fault.way == "locked":
            admin.command("fsyncUnlock")
        else:
            admin.command("configureFailPoint", "failCommand", mode="off")

    def _full(self, fault: Fault) -> None:
        """Limit the size of the server's files, as a quota or a full disk does."""
        server = self._environment.server(fault.target)
        soft, hard = server.rlimit(psutil.RLIMIT_FSIZE)
        self._limits[fault.target] = (soft, hard)
        server.rlimit(psutil.RLIMIT_FSIZE, (_QUOTA_BYTES, hard))

    def _end_full(self, fault: Fault) -> None:
        """Lift the limit; start the server again if it died of it."""
        limits = self._limits.pop(fault.target)
        try:
            self._environment.server(fault.target).rlimit(psutil.RLIMIT_FSIZE, limits)
        except (RuntimeError, psutil.NoSuchProcess):
            pass
        self._environment.start(fault.target)
