"""The states that a monitor must name, each brought about on real servers.

Each function brings one about, registers how to end it, and returns what a monitor must say from
the moment at which it holds.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import psutil
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from chaos.monitored import MonitoredStack
from retail_devstack.services import await_dashboard, start_dashboard
from retail_pipeline.adapters.kafka.topics import kafka_admin
from retail_pipeline.operations.observation import GroupObservation, PartitionObservation
from retail_pipeline.operations.report import Report
from retail_pipeline.operations.verdict import CAUGHT_UP_WITHIN, State

# An observation waits so long for a server that does not answer.
_OBSERVING_S = 1.0


@dataclass(frozen=True)
class Expected:
    """The verdict that is right from ``since`` on, in seconds since 1970.

    With ``throughout`` each report must have it, not only one in time. ``shows`` is what a report
    must have besides.
    """

    state: State
    partitions: frozenset[str]
    since: float
    throughout: bool = False
    shows: Callable[[Report], bool] = lambda report: True


Injection = Callable[[MonitoredStack, Random, ExitStack], Expected]


def evaluate(reports: Iterable[Report], expected: Expected, interval: float) -> float | None:
    """Return after how many seconds the right verdict came; None if not within two intervals."""
    last = expected.since + 2 * interval + _OBSERVING_S
    in_time = [each for each in reports if expected.since < each.at.timestamp() <= last]
    named = [
        each.verdict.state is expected.state
        and frozenset(each.verdict.partitions) == expected.partitions
        for each in in_time
    ]
    if expected.throughout and not all(named):
        return None
    for report, right in zip(in_time, named, strict=True):
        if right and expected.shows(report):
            return report.at.timestamp() - expected.since
    return None


def _caught_up(shows: Callable[[Report], bool] = lambda report: True) -> Expected:
    return Expected(State.CAUGHT_UP, frozenset(), time.time(), throughout=True, shows=shows)


def caught_up(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """Rows come, and are stored."""
    lab.rows.trickle(random.uniform(1, 30))
    return _caught_up()


def idle(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """No row comes."""
    lab.rows.trickle(0)
    return _caught_up()


def hot(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """One partition gets far more rows than the others."""
    chosen = random.choice(lab.rows.partitions)
    lab.rows.rates = {**lab.rows.rates, chosen: random.uniform(80, 200)}

    def shows(report: Report) -> bool:
        return {(each.topic, each.partition) for each in report.partitions if each.hot} == {
            (lab.settings.kafka_topic, chosen)
        }

    return _caught_up(shows)


def dashboard_killed(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """The dashboard dies, and no row waits for it."""
    start_dashboard(lab.stack)
    await_dashboard(lab.stack)
    lab.server("dashboard").kill()
    return _caught_up()


def zookeeper_killed(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """ZooKeeper dies; the broker works on without it, and a report says that it is away."""
    lab.server("zookeeper").kill()
    undo.callback(lab.stack.start_servers, ["zookeeper"])
    return _caught_up(lambda report: "zookeeper" in report.problems)


def processor_joins(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """A third processor takes its share of the partitions."""
    lab.start_processors(1)
    undo.callback(_leave, lab)
    return _caught_up()


def _leave(lab: MonitoredStack) -> None:
    last = lab.processors.pop()
    last.terminate()
    last.wait(60)


def waiting(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """The first observation of old records, of which nobody can know yet whether they move."""
    chosen = random.choice(lab.rows.partitions)
    _all_stored(lab)
    for each in lab.processors:
        _pause(psutil.Process(each.pid), undo)
    _backlog(lab, chosen, random.randint(50, 500))
    return Expected(State.WAITING, frozenset({lab.name(chosen)}), time.time())


def draining(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """A backlog that came while no processor ran, and is stored now."""
    chosen = random.choice(lab.rows.partitions)
    _all_stored(lab)
    lab.stop_processors()
    _backlog(lab, chosen, random.randint(20_000, 25_000))
    before = _of(lab.group.read(), chosen).committed
    lab.start_processors()
    lab.await_group(lambda group: _of(group, chosen).committed > before)
    return Expected(State.DRAINING, frozenset({lab.name(chosen)}), time.time())


def falling_behind(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """More rows come than are stored; from when on the oldest is no longer on its way."""
    chosen = random.choice(lab.rows.partitions)
    lab.rows.rates = {chosen: random.uniform(3_500, 4_500)}

    def late(group: GroupObservation) -> bool:
        since = _of(group, chosen).waiting_since
        return since is not None and datetime.now(UTC) - since > CAUGHT_UP_WITHIN

    lab.await_group(late)
    return Expected(State.FALLING_BEHIND, frozenset({lab.name(chosen)}), time.time())


def stalled(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """One of two processors is suspended."""
    suspended = random.choice(lab.processors)
    ending = f"-{suspended.pid}"
    its = [each for each in lab.group.read().partitions if (each.owner or "").endswith(ending)]
    _pause(psutil.Process(suspended.pid), undo)
    rows = frozenset(str(each) for each in its if each.topic == lab.settings.kafka_topic)
    return Expected(State.STALLED, rows, time.time())


def mongodb_paused(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """MongoDB answers nobody: no row is stored in any partition."""
    _pause(lab.server("mongodb"), undo)
    return Expected(State.STALLED, _names(lab), time.time())


def mongodb_killed(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """MongoDB is gone: no row is stored in any partition."""
    lab.server("mongodb").kill()
    undo.callback(lab.stack.start_servers, ["mongodb"])
    return Expected(State.STALLED, _names(lab), time.time())


def kafka_paused(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """The broker answers nobody: all that depends on it is unknown."""
    _pause(lab.server("kafka"), undo)
    return Expected(State.UNKNOWN, frozenset(), time.time(), shows=_knows_no_group)


def kafka_stopped(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """The broker is gone: all that depends on it is unknown."""
    lab.stack.stop(["kafka"])
    undo.callback(lab.stack.start_servers, ["kafka"])
    return Expected(State.UNKNOWN, frozenset(), time.time(), shows=_knows_no_group)


def no_processor(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """Every processor has stopped: nobody owns any partition."""
    lab.stop_processors()
    undo.callback(lab.start_processors)
    group = lab.await_group(lambda group: not group.members)
    return Expected(State.UNOWNED, frozenset(map(str, group.partitions)), time.time())


def unread_topics(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """The group's only member reads one of three topics: nobody owns the others' partitions."""
    lab.stop_processors()
    undo.callback(lab.start_processors)
    member = KafkaConsumer(
        lab.settings.manifest_topic,
        bootstrap_servers=lab.settings.kafka_bootstrap_servers,
        group_id=lab.settings.kafka_group,
        enable_auto_commit=False,
        metrics_enabled=False,
    )
    undo.callback(member.close, autocommit=False)

    def joined(group: GroupObservation) -> bool:
        member.poll(timeout_ms=200)
        return any(each.owner for each in group.partitions)

    group = lab.await_group(joined)
    alone = (str(each) for each in group.partitions if not each.owner)
    return Expected(State.UNOWNED, frozenset(alone), time.time())


def rewound(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """Somebody sets a partition's committed offset back."""
    chosen = random.choice(lab.rows.partitions)
    lab.stop_processors()
    undo.callback(lab.start_processors)
    there = _of(lab.group.read(), chosen)
    # Below its first record, which another state may have moved, its data would be lost.
    back = there.first + int((there.committed - there.first) * random.uniform(0.2, 0.9))
    offsets = {_place(lab, chosen): OffsetAndMetadata(back, "", -1)}
    with closing(_admin(lab)) as admin:
        admin.alter_group_offsets(lab.settings.kafka_group, offsets)
    return Expected(State.REWOUND, frozenset({lab.name(chosen)}), time.time())


def data_lost(lab: MonitoredStack, random: Random, undo: ExitStack) -> Expected:
    """Records are deleted before they are stored."""
    chosen = random.choice(lab.rows.partitions)
    lab.stop_processors()
    undo.callback(lab.start_processors)
    _backlog(lab, chosen, random.randint(100, 400))
    before = _of(lab.group.read(), chosen)
    with closing(_admin(lab)) as admin:
        admin.delete_records({_place(lab, chosen): before.committed + random.randint(1, 90)})
    return Expected(State.DATA_LOST, frozenset({lab.name(chosen)}), time.time())


STATES: Sequence[Injection] = (
    caught_up,
    idle,
    hot,
    dashboard_killed,
    processor_joins,
    zookeeper_killed,
    waiting,
    draining,
    falling_behind,
    stalled,
    mongodb_paused,
    mongodb_killed,
    kafka_paused,
    kafka_stopped,
    no_processor,
    unread_topics,
    rewound,
    data_lost,
)
# Before its first observation a monitor must not have seen anything.
AT_FIRST_OBSERVATION = (waiting,)


def _pause(process: psutil.Process, undo: ExitStack) -> None:
    process.suspend()
    undo.callback(process.send_signal, signal.SIGCONT)


def _all_stored(lab: MonitoredStack) -> None:
    """Send no more rows, and return when none waits."""
    lab.rows.rates = {}
    lab.await_group(lambda group: not group.lag)


def _backlog(lab: MonitoredStack, partition: int, count: int) -> None:
    """Send rows whose records are a minute old."""
    lab.rows.send(partition, count, age_s=60)
    lab.rows.flush()


def _admin(lab: MonitoredStack) -> KafkaAdminClient:
    servers = lab.settings.kafka_bootstrap_servers
    return kafka_admin(servers, connect_ms=5_000, answer_ms=10_000)


def _place(lab: MonitoredStack, partition: int) -> TopicPartition:
    return TopicPartition(lab.settings.kafka_topic, partition)


def _names(lab: MonitoredStack) -> frozenset[str]:
    return frozenset(map(lab.name, lab.rows.partitions))


def _of(group: GroupObservation, partition: int) -> PartitionObservation:
    """Return a partition of the transactions' topic, whose name is the shortest."""
    topic = min((each.topic for each in group.partitions), key=len)
    return next(each for each in group.partitions if each.key == (topic, partition))


def _knows_no_group(report: Report) -> bool:
    return report.lag is None and not report.partitions and "group" in report.problems
