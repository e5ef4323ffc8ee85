"""Whether the monitor, the exporter, the dashboard's Live page and a reconciliation agree.

They read at different moments. What they show is compared by the records that are stored, as the
sum of the committed offsets, which only grows: each must be what the monitor showed within the
interval at which the other one reads.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from chaos.local_stack import LocalStack
from chaos.monitored import MonitorProcess
from retail_devstack.ports import pick
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.heartbeats import MongoHeartbeats
from retail_pipeline.analytics import live
from retail_pipeline.errors import RetailError
from retail_pipeline.flows.waiting import wait_while
from retail_pipeline.operations import metrics
from retail_pipeline.operations.report import Report

MONITOR_S = 1.0
# How old what a tool shows may be, in seconds: the exporter observes every 5 s, which takes up to a
# second; a processor writes a heartbeat, which the Live page shows, every 2 s or after the cycle
# that takes longer.
OTHERS_S = {"exporter": 6.0, "Live page": 4.0}
_LONGEST_S = 900.0


class Shown(NamedTuple):
    """What one tool showed at a moment (seconds since 1970): records stored, records that wait."""

    at: float
    stored: int
    lag: int


@dataclass
class Comparison:
    """What the tools showed meanwhile, and the rows that each counted in the end."""

    shown: dict[str, list[Shown]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    verdict: str = "none"

    def agreeing(self, tool: str) -> tuple[int, int]:
        """Return how often a tool agreed with the monitor, and how often it was compared."""
        monitor, right = sorted(self.shown["monitor"]), 0
        compared = [
            each
            for each in self.shown[tool]
            if monitor[0].at <= each.at - OTHERS_S[tool] and each.at <= monitor[-1].at
        ]
        for each in compared:
            # The monitor's own reports are an interval apart.
            first = bisect_right(monitor, each.at - OTHERS_S[tool], key=_at) - 1
            last = bisect_left(monitor, each.at, key=_at)
            right += monitor[first].stored <= each.stored <= monitor[last].stored
        return right, len(compared)

    def problems(self) -> Iterator[str]:
        """Yield what does not agree."""
        for tool in OTHERS_S:
            right, compared = self.agreeing(tool)
            if right < compared or not compared:
                yield f"the {tool} agreed {right:,} times of {compared:,}"
            if self.shown[tool][-1][1:] != self.shown["monitor"][-1][1:]:
                yield f"in the end the {tool} shows {self.shown[tool][-1]}"
        if len(set(self.rows.values())) != 1:
            yield f"in the end they count different rows: {self.rows}"
        if self.verdict != "agree":
            yield f"the reconciliation's verdict is {self.verdict}"


def _at(shown: Shown) -> float:
    return shown.at


class _Source(msgspec.Struct):
    stored: int


class _Reconciled(msgspec.Struct):
    verdict: str
    sources: tuple[_Source, ...]


def compare(local: LocalStack, data: Path) -> Comparison:
    """Stream a file, and ask every tool meanwhile and in the end."""
    found, topic = Comparison(), local.settings.kafka_topic
    port = pick(None)
    with ExitStack() as opened:
        opened.enter_context(local.beside("metrics", "--port", str(port)))
        monitor = opened.enter_context(
            closing(MonitorProcess(local.env, local.folder, MONITOR_S, keep=100_000))
        )
        monitor.wait_for(1)
        opened.enter_context(_asked("exporter", lambda: _exported(port, topic)[0], found))
        opened.enter_context(_asked("Live page", opened.enter_context(_live_page(local)), found))
        done = local.run("produce", str(data))
        if done.returncode:
            raise RuntimeError(f"the file was not sent: {done.stderr}")
        wait_while(lambda: not _is_done(monitor), _LONGEST_S, every_s=0.5)
        # Each has read again since then.
        time.sleep(2 * max(OTHERS_S.values()))
        found.rows["exporter"] = _exported(port, topic)[1]
    found.shown["monitor"] = [_of_report(each, topic) for each in monitor.reports]
    last = monitor.reports[-1]
    found.rows["monitor"] = last.database.stored if last.database else -1
    done = local.run("reconcile", "--quick", "--wait", "60", "--json")
    result = msgspec.json.decode(done.stdout, type=_Reconciled)
    found.verdict = result.verdict
    found.rows["reconciliation"] = sum(each.stored for each in result.sources)
    return found


def _is_done(monitor: MonitorProcess) -> bool:
    newest = monitor.reports[-1]
    return newest.lag == 0 and newest.dirty_days == 0


def _of_report(report: Report, topic: str) -> Shown:
    own = [each for each in report.partitions if each.topic == topic]
    stored = sum(each.committed for each in own)
    return Shown(report.at.timestamp(), stored, sum(each.lag for each in own))


def _exported(port: int, topic: str) -> tuple[Shown, int]:
    """Return what the exporter shows, and the rows that it counts.

    Raises:
        URLError: it does not answer.
    """
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("topic", topic) == topic:
                totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    stored = int(totals[metrics.COMMITTED_OFFSET.name])
    shown = Shown(time.time(), stored, int(totals[metrics.LAG.name]))
    return shown, int(totals[metrics.STORED.name])


@contextmanager
def _live_page(local: LocalStack) -> Iterator[Callable[[], Shown]]:
    """Yield a reader of what the Live page shows."""
    settings = local.settings
    with connect(settings.mongo("reader"), name="chaos") as client:
        heartbeats = MongoHeartbeats(client, settings.mongo_database)

        def read() -> Shown:
            parts = live.partitions(heartbeats.latest())
            stored = sum(each.last.committed or 0 for each in parts if each.last)
            return Shown(time.time(), stored, live.lag(parts)[0])

        yield read


@contextmanager
def _asked(tool: str, read: Callable[[], Shown], found: Comparison) -> Iterator[None]:
    """Ask a tool once a second; what it can't show then is left out."""
    shown, stop = found.shown.setdefault(tool, []), threading.Event()

    def ask() -> None:
        while not stop.wait(1.0):
            try:
                shown.append(read())
            except (URLError, KeyError, RetailError):
                continue

    thread = threading.Thread(target=ask, name=tool, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
