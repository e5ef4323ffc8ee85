"""A local stack in a temporary home whose rows have known times, and a monitor that watches it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psutil
from kafka import KafkaProducer
from kafka.errors import KafkaError

from chaos.environment import running
from retail_devstack.environment import current_names, process_env, settings_of
from retail_devstack.home import Home
from retail_devstack.services import set_up
from retail_devstack.stack import Stack
from retail_devstack.users import ensure_stack_users
from retail_pipeline.adapters.kafka.closing import drop
from retail_pipeline.adapters.kafka.observation import GroupReader
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import RetailError
from retail_pipeline.flows.waiting import wait_while
from retail_pipeline.operations.observation import GroupObservation
from retail_pipeline.operations.report import Report
from retail_pipeline.settings import Settings

_TICK_S = 0.1
_LONGEST_S = 120.0
# A summary is rebuilt from all rows of its day: no day may become long.
_FIRST_DAY, _ROWS_A_DAY = datetime(2011, 2, 1, 9, 30, tzinfo=UTC), 5_000
# A member that is paused or killed keeps its partitions for longer than a state is watched.
_SESSION_MS = 30_000


class NotThereYet(RuntimeError):
    """What was waited for does not come, for instance on a machine that is too busy."""


class Rows:
    """Sends rows to partitions that are asked for, and knows when it sent each.

    ``rates`` are the rows a second of each partition; ``sent`` has the time, in seconds since 1970,
    of each record by partition and offset.
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.kafka_topic
        self._producer = KafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap_servers.split(","),
            linger_ms=5,
            compression_type="lz4",
            max_block_ms=2_000,
            metrics_enabled=False,
        )
        self.partitions = range(settings.kafka_partitions)
        self.rates: Mapping[int, float] = {}
        self.sent: dict[tuple[int, int], float] = {}
        self._source = uuid.uuid4().hex[:16]
        self._row = 0
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._trickle, name="rows", daemon=True)
        self._thread.start()

    def send(self, partition: int, count: int, age_s: float = 0.0) -> None:
        """Queue rows; with ``age_s`` their records' timestamps are that much older.

        Raises:
            KafkaError: the broker is away.
        """
        for _ in range(count):
            at = time.time() - age_s
            stamp = {"timestamp_ms": int(at * 1000)} if age_s else {}
            with self._turn:
                self._row += 1
                row = _row(self._source, self._row)
            future = self._producer.send(
                self._topic, msgspec.json.encode(row), partition=partition, **stamp
            )
            future.add_callback(lambda where, at=at: self._keep(where, at))

    def flush(self) -> None:
        """Return when the broker has all rows."""
        self._producer.flush(_LONGEST_S)

    def trickle(self, rate: float = 10.0) -> None:
        """Send so many rows a second to each partition from now on."""
        self.rates = dict.fromkeys(self.partitions, rate)

    def close(self) -> None:
        """End it; what was not acknowledged is dropped."""
        self._stop.set()
        self._thread.join(10)
        drop(self._producer, 2)

    def _keep(self, where: Any, at: float) -> None:
        self.sent[where.partition, where.offset] = at

    def _trickle(self) -> None:
        rests: dict[int, float] = {}
        while not self._stop.wait(_TICK_S):
            for partition, rate in self.rates.items():
                due = rests.get(partition, 0.0) + rate * _TICK_S
                rests[partition] = due % 1
                try:
                    self.send(partition, int(due))
                except KafkaError:  # while the broker is away nothing is sent
                    break


class MonitorProcess:
    """``retail monitor`` at work; ``reports`` are its latest ones, oldest first."""

    def __init__(self, env: Mapping[str, str], folder: Path, interval: float, keep: int) -> None:
        self.reports: deque[Report] = deque(maxlen=keep)
        self.count = 0
        self.started_at = time.time()
        options = ["monitor", "--format", "json", "--interval", f"{interval:g}"]
        with (folder / "monitor.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "retail_pipeline", *options],
                env=dict(env),
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._thread = threading.Thread(target=self._read, name="monitor", daemon=True)
        self._thread.start()

    def wait_for(self, count: int) -> None:
        """Return when it has made so many reports.

        Raises:
            NotThereYet: it makes none.
        """
        if wait_while(lambda: self.count < count, _LONGEST_S, every_s=0.05):
            raise NotThereYet("the monitor makes no report")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(_LONGEST_S)
        self._thread.join(10)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.reports.append(msgspec.json.decode(line, type=Report))
            self.count += 1


class MonitoredStack:
    """The servers, their processors and the rows."""

    def __init__(self, stack: Stack, folder: Path, processor: Mapping[str, str]) -> None:
        self.stack = stack
        self.folder = folder
        self.env = process_env(stack)
        self.settings = settings_of(self.env)
        self.rows = Rows(self.settings)
        self.group = GroupReader(self.settings)
        self.processors: list[subprocess.Popen[bytes]] = []
        self._processor = processor

    def start_processors(self, count: int = 2) -> None:
        """Start processors."""
        for _ in range(count):
            name = f"processor-{uuid.uuid4().hex[:6]}"
            env = {
                **self.env,
                **self._processor,
                "KAFKA_SESSION_TIMEOUT_MS": str(_SESSION_MS),
                "HEARTBEAT_FILE": str(self.folder / f"{name}.heartbeat"),
            }
            with (self.folder / f"{name}.log").open("ab") as log:
                command = [sys.executable, "-m", "retail_pipeline", "process"]
                started = subprocess.Popen(command, env=env, stdout=log, stderr=log)
            self.processors.append(started)

    def stop_processors(self) -> None:
        """Stop them in good order: they leave the group."""
        for process in self.processors:
            process.terminate()
        for process in self.processors:
            process.wait(_LONGEST_S)
        self.processors.clear()

    def monitor(self, interval: float, keep: int = 1_000) -> MonitorProcess:
        """Start a monitor."""
        return MonitorProcess(self.env, self.folder, interval, keep)

    def server(self, name: str) -> psutil.Process:
        """Return the process of a server that runs."""
        return running(self.stack, name)

    def name(self, partition: int) -> str:
        """Return a partition of the transactions' topic as a monitor names it."""
        return f"{self.settings.kafka_topic}[{partition}]"

    def await_group(self, holds: Any) -> GroupObservation:
        """Return the group as soon as ``holds`` is true of it.

        Raises:
            NotThereYet: that takes too long.
        """
        found: list[GroupObservation] = []

        def waiting() -> bool:
            try:
                found[:] = [self.group.read()]
            except RetailError:
                return True
            return not holds(found[0])

        if wait_while(waiting, _LONGEST_S, every_s=0.2):
            raise NotThereYet(f"the group does not get there: {found}")
        return found[0]

    def settle(self) -> None:
        """Return when two processors have all partitions, and nothing waits for long."""
        self.rows.trickle()
        self.await_group(_is_settled)

    def close(self) -> None:
        """Stop everything."""
        self.rows.close()
        for process in self.processors:
            process.send_signal(signal.SIGCONT)
        self.stop_processors()
        self.group.close()


def _is_settled(group: GroupObservation) -> bool:
    now = datetime.now(UTC)
    late = [
        each
        for each in group.partitions
        if each.lag and (not each.waiting_since or (now - each.waiting_since).total_seconds() > 2)
    ]
    owned = all(each.owner for each in group.partitions)
    return group.members == 2 and owned and not group.rebalancing and not late


@contextmanager
def monitored_stack(
    folder: Path, processor: Mapping[str, str] | None = None
) -> Iterator[MonitoredStack]:
    """Start a stack with two processors and a trickle of rows in ``folder``; stop it at the end.

    ``processor`` are further variables of the processors' environment.
    """
    stack = Stack(Home(folder / "stack", Home.from_environment().cache))
    stack.state.names = current_names()
    # Its own home: `retail monitor` must not find the user's stack.
    os.environ["RETAIL_HOME"] = str(folder / "stack")
    with ExitStack() as open_things:
        open_things.callback(stack.stop)
        stack.start_servers()
        ensure_stack_users(stack.state, stack.state.names["MONGO_DATABASE"])
        set_up(stack)
        monitored = MonitoredStack(stack, folder, processor or {})
        open_things.callback(monitored.close)
        monitored.start_processors()
        monitored.settle()
        yield monitored


def _row(source: str, number: int) -> Transaction:
    now = datetime.now(UTC)
    return Transaction(
        source=source,
        row=number,
        InvoiceNo=str(536_365 + number // 10),
        StockCode="85123A",
        Description="HANGING HEART",
        Quantity=6,
        InvoiceDate=_FIRST_DAY + timedelta(days=number // _ROWS_A_DAY),
        UnitPrice="2.55",
        CustomerID="17850",
        Country="United Kingdom",
        ingested_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
    )
