"""One run with faults: the workers stream a file while the faults of a schedule hit."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pymongo
from pymongo.errors import PyMongoError

from chaos.environment import Environment, Place
from chaos.faults import Faults
from chaos.schedule import BROKER, PROCESSORS, PRODUCER, ZOOKEEPER, Fault
from chaos.workers import Say, Worker
from retail_devstack.backlog import Gauge
from retail_pipeline.errors import RetailError
from retail_pipeline.flows.waiting import wait_while

_SECONDS_BETWEEN_CHECKS = 0.1
_LONGEST_WAIT_S = 1_800
_LONGEST_DRAIN_S = 180


@dataclass
class FaultRun:
    """The faults of one run and their outcome.

    ``share`` returns the share of the file's ``rows`` that Kafka has acknowledged. Faults are
    scheduled by it, so that they hit while rows are in flight, however long a recovery takes.
    ``on_time`` are the faults that did; for others all rows were stored, or the target had ended.
    """

    environment: Environment
    place: Place
    data: Path
    rows: int
    rate: float
    share: Callable[[], float]
    say: Say
    troubles: list[str] = field(default_factory=list)
    on_time: list[Fault] = field(default_factory=list)

    def run(self, schedule: list[Fault], then: Callable[[], None]) -> None:
        """Stream the file, let the faults hit, and stop the workers when all of it is stored.

        ``then`` is called before they are stopped: a worker that was paused in the middle of a
        batch may mark its days again, and then a worker must be there to rebuild them.
        """
        workers = self._workers()
        faults = Faults(self.environment, workers)
        for worker in workers.values():
            worker.open()
        try:
            lanes = self._lanes(schedule, faults)
            for lane in lanes:
                lane.start()
            for lane in lanes:
                lane.join()
            if self._drain(workers[PRODUCER]):
                then()
        finally:
            for worker in workers.values():
                worker.close()
                self.troubles += worker.flaws

    def _workers(self) -> dict[str, Worker]:
        env, folder = self.place.env, self.place.folder
        stream = ["produce", "--rate", f"{self.rate:.3f}", str(self.data)]
        workers = {name: Worker(name, ["process"], env, folder, self.say) for name in PROCESSORS}
        workers[PRODUCER] = Worker(
            PRODUCER, stream, env, folder, self.say, lambda: self.share() >= 1
        )
        return workers

    def _lanes(self, schedule: list[Fault], faults: Faults) -> list[threading.Thread]:
        """Return a thread for each target, so that no fault waits for another target's.

        Broker and ZooKeeper share one: neither comes back without the other.
        """
        lanes: dict[str, list[Fault]] = defaultdict(list)
        for fault in schedule:
            lanes[BROKER if fault.target == ZOOKEEPER else fault.target].append(fault)
        return [
            threading.Thread(target=self._lane, args=(own, faults), name=name, daemon=True)
            for name, own in lanes.items()
        ]

    def _lane(self, own: list[Fault], faults: Faults) -> None:
        for fault in own:
            if not self._await(fault.share):
                return
            late = self._all_stored()
            self._report(fault, "hits")
            try:
                if faults.do(fault) and not late:
                    self.on_time.append(fault)
                time.sleep(fault.lasts)
                faults.undo(fault)
            except Exception as error:  # any error: a fault that went wrong is a result
                self.troubles.append(f"{fault}: {type(error).__name__}: {error}")
                self.say(f"! {self.troubles[-1]}")
                return
            self._report(fault, "is over")

    def _await(self, share: float) -> bool:
        """Wait until ``share`` of the file is sent; return whether it was, without trouble."""
        if wait_while(
            lambda: self.share() < share and not self.troubles,
            _LONGEST_WAIT_S,
            every_s=_SECONDS_BETWEEN_CHECKS,
        ):
            self.troubles.append(f"not {share:.0%} of the file sent in {_LONGEST_WAIT_S} s")
        return not self.troubles

    def _all_stored(self) -> bool:
        if self.share() < 1:
            return False
        try:
            with pymongo.timeout(2):
                found = self.place.database
                names = ("transactions", "quarantine")
                return sum(found[name].count_documents({}) for name in names) >= self.rows
        except PyMongoError:  # a server that doesn't answer has work left to do
            return False

    def _report(self, fault: Fault, what: str) -> None:
        way = f" ({fault.way})" if fault.way else ""
        lasts = f" for {fault.lasts:.1f} s" if what == "hits" else ""
        self.say(f"{self.share():4.0%}  {fault.kind}{way} {what} {fault.target}{lasts}")

    def _drain(self, producer: Worker) -> bool:
        """Wait until the file is sent, and all that was sent is stored and summarised.

        Return whether it came to that.
        """
        with Gauge(self.place.settings) as gauge:

            def left() -> str:
                try:
                    backlog = gauge.read()
                except RetailError as error:
                    return str(error)
                return "" if producer.done and backlog.empty else str(backlog)

            left_over = wait_while(left, _LONGEST_DRAIN_S, every_s=_SECONDS_BETWEEN_CHECKS)
        if left_over:
            sent = (
                "the file is sent" if producer.done else f"{self.share():.0%} of the file is sent"
            )
            self.troubles.append(f"not drained after {_LONGEST_DRAIN_S} s: {sent}, {left_over}")
        return not left_over
