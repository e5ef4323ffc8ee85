"""The checks: each is a function that reads facts and says what they mean.

To add a check, write such a function here, add it to ``CHECKS``, and let
:class:`~retail_pipeline.operations.health_reads.HealthReads` read what it needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from retail_pipeline.domain.heartbeat import StoredHeartbeat
from retail_pipeline.domain.offsets import total_lag
from retail_pipeline.domain.reconciliation import Mode
from retail_pipeline.domain.reconciliation import Verdict as Agreement
from retail_pipeline.domain.words import counted
from retail_pipeline.errors import RetailError
from retail_pipeline.operations.certificates import RENEW_NOW_S, RENEW_S, Certificate
from retail_pipeline.operations.disk import LOW_DISK, NO_DISK
from retail_pipeline.operations.health import Check, Finding, Status
from retail_pipeline.operations.health_reads import Commands, HealthReads, User
from retail_pipeline.operations.observation import Observation
from retail_pipeline.operations.probe import ProbeOutcome, ProbeState
from retail_pipeline.operations.verdict import State, Verdict, evaluate

SLOW_QUERY_MS = 1_000
# A clock that differs by more moves rows to other days and makes heartbeats look old.
CLOCK_WARN_S, CLOCK_FAIL_S = 2.0, 8.0
LATE_COUNT_CHECKS = 5
# Days that wait for longer must become fewer within some seconds.
SUMMARIES_LATE_S, REBUILD_S = 60.0, 5.0
_BETWEEN_OBSERVATIONS_S = 0.7
_GROUP_STATUS = {
    State.DATA_LOST: Status.FAIL,
    State.REWOUND: Status.WARN,
    State.UNKNOWN: Status.UNKNOWN,
    State.UNOWNED: Status.FAIL,
    State.STALLED: Status.FAIL,
    State.FALLING_BEHIND: Status.WARN,
    State.WAITING: Status.WARN,
    State.DRAINING: Status.OK,
    State.CAUGHT_UP: Status.OK,
}


def services(reads: HealthReads) -> Finding:
    """Whether each process of the local stack, or each container, runs."""
    found = reads.services()
    lines = tuple(f"{each.name}: {each.state}" for each in found)
    wrong = [each for each in found if not each.ok]
    if not wrong:
        return Finding(Status.OK, f"{len(found)} services are as expected", lines=lines)
    detail = ", ".join(f"{each.name}: {each.state}" for each in wrong)
    commands = dict.fromkeys(each.command for each in wrong if each.command)
    return Finding(Status.FAIL, detail, " && ".join(commands) or None, lines)


def zookeeper(reads: HealthReads) -> Finding:
    """Whether ZooKeeper answers, and in which mode."""
    try:
        return Finding(Status.OK, f"answers, mode {reads.zookeeper_mode()}")
    except RetailError as error:
        return Finding(Status.FAIL, str(error), reads.commands.restart.get("zookeeper"))


def kafka(reads: HealthReads) -> Finding:
    """Whether the brokers answer an administrator's request."""
    try:
        brokers = reads.brokers()
    except RetailError as error:
        return Finding(Status.FAIL, str(error), reads.commands.restart.get("kafka"))
    return Finding(Status.OK, f"{counted(brokers, 'broker')}, with a controller")


def topics(reads: HealthReads) -> Finding:
    """Whether each topic exists, with leaders, replicas and the expected settings."""
    found = reads.topics()
    if missing := [name for name, topic in found.items() if topic is None]:
        return Finding(
            Status.FAIL,
            f"missing: {', '.join(missing)}; its records are lost",
            reads.commands.setup,
        )
    known = [topic for topic in found.values() if topic]
    lines = tuple(f"{each.name}: {counted(each.partitions, 'partition')}" for each in known)
    if offline := [f"{each.name}{list(each.offline)}" for each in known if each.offline]:
        return Finding(
            Status.FAIL, f"without a leader: {', '.join(offline)}", reads.commands.start, lines
        )
    under = [f"{each.name}{list(each.under_replicated)}" for each in known if each.under_replicated]
    if under:
        detail = f"under-replicated: {', '.join(under)}; start the brokers that are down"
        return Finding(Status.WARN, detail, reads.commands.start, lines)
    if other := [f"{each.name}: {', '.join(each.settings)}" for each in known if each.settings]:
        return Finding(Status.WARN, "; ".join(other), reads.commands.topics, lines)
    partitions = sum(each.partitions for each in known)
    detail = f"{len(known)} topics, {partitions} partitions, fully replicated, settings as expected"
    return Finding(Status.OK, detail, lines=lines)


def group(reads: HealthReads) -> Finding:
    """Whether the consumer group has members, each partition is read, and the lag moves."""
    window: list[Observation] = []
    until = time.monotonic() + reads.observe_group_for_s
    while True:
        window.append(reads.group())
        verdict = evaluate(window)
        if len(window) > 1 and _is_certain(window[-1], verdict):
            break
        if time.monotonic() > until:
            break
        time.sleep(_BETWEEN_OBSERVATIONS_S)
    return _group_finding(window[-1], verdict, reads.commands)


def _is_certain(now: Observation, verdict: Verdict) -> bool:
    """Return whether more observations would not change the finding."""
    if now.group is None:
        return True
    if now.group.rebalancing or verdict.state is State.WAITING:
        return False
    unowned = any(each.owner is None for each in now.group.partitions)
    no_age = any(each.lag and each.waiting_since is None for each in now.group.partitions)
    healthy = _GROUP_STATUS[verdict.state] is Status.OK
    return not (healthy and (unowned or no_age))


def _group_finding(now: Observation, verdict: Verdict, commands: Commands) -> Finding:
    if now.group is None:
        return Finding(Status.UNKNOWN, verdict.detail)
    seen = now.group
    lines = tuple(
        f"{each}: lag {each.lag:,}, {each.owner or 'nobody reads it'}" for each in seen.partitions
    )
    unowned = [str(each) for each in seen.partitions if each.owner is None]
    if not seen.partitions:
        return Finding(Status.UNKNOWN, "there is no topic, and so no partition")
    if seen.rebalancing:
        detail = f"{counted(seen.members, 'member')}; it is assigning its partitions"
        return Finding(Status.WARN, detail, lines=lines)
    if unowned and not seen.members:
        detail = f"no processor reads the topics; lag {seen.lag:,}"
        return Finding(Status.FAIL, detail, commands.restart.get("processor"), lines)
    if unowned:
        detail = f"no processor of {seen.members} reads {', '.join(unowned)}"
        return Finding(Status.FAIL, detail, commands.restart.get("processor"), lines)
    where = f" ({', '.join(verdict.partitions)})" if verdict.partitions else ""
    detail = f"{counted(seen.members, 'member')}; {verdict.state}: {verdict.detail}{where}"
    status = _GROUP_STATUS[verdict.state]
    stalled = verdict.state is State.STALLED
    command = commands.restart.get("processor") if stalled else None
    if verdict.state is State.DATA_LOST:
        command = commands.reconcile
    if status is not Status.OK and not command and verdict.advice:
        detail += f"; {verdict.advice}"
    return Finding(status, detail, command, lines)


def probe(reads: HealthReads) -> Finding:
    """Whether a record that is sent now is stored, in each partition; it is in no figure."""
    outcomes, commands = reads.probe(), reads.commands
    lines = tuple(f"{each}: {_probe(each)}" for each in outcomes)
    wrong = [each for each in outcomes if each.state is not ProbeState.STORED]
    if not wrong:
        slowest = max(each.latency_ms or 0 for each in outcomes)
        where = counted(len(outcomes), "partition")
        return Finding(Status.OK, f"stored in {where}, within {slowest:,.0f} ms", lines=lines)
    restart = commands.restart.get("processor")
    repairs = {
        ProbeState.NOT_SENT: commands.start,
        ProbeState.REJECTED: commands.users,
        ProbeState.NO_PROCESSOR: restart,
        ProbeState.UNOWNED: restart,
        ProbeState.STALLED: restart,
    }
    detail = _reasons(wrong, len(outcomes))
    if failed := [each.state for each in wrong if each.state in repairs]:
        return Finding(Status.FAIL, detail, repairs[failed[0]], lines)
    unknown = any(each.state is ProbeState.UNKNOWN for each in wrong)
    return Finding(Status.UNKNOWN if unknown else Status.WARN, detail, lines=lines)


def _reasons(wrong: Sequence[ProbeOutcome], of_all: int) -> str:
    """Return each reason once, with its partitions."""
    places: dict[str, list[str]] = {}
    for each in wrong:
        places.setdefault(each.reason or "", []).append(str(each))
    found = []
    for reason, those in places.items():
        where = f"all {of_all} partitions" if 1 < of_all == len(those) else ", ".join(those)
        found.append(f"{where}: {reason}")
    return "; ".join(found)


def _probe(each: ProbeOutcome) -> str:
    return each.reason or f"stored after {each.latency_ms:,.0f} ms"


def mongodb(reads: HealthReads) -> Finding:
    """Whether MongoDB answers, and how long a query takes."""
    try:
        reads.ping_mongodb()
    except RetailError as error:
        return Finding(Status.FAIL, str(error), reads.commands.restart.get("mongodb"))
    ms = reads.query_ms()
    if ms > SLOW_QUERY_MS:
        return Finding(Status.WARN, f"a query of one row takes {ms:,.0f} ms; is the machine busy?")
    return Finding(Status.OK, f"answers; a query takes {ms:,.0f} ms")


def users(reads: HealthReads) -> Finding:
    """Whether each user whose password is set can sign in, and has the rights of its role."""
    found = reads.users()
    lines = tuple(f"{each.name}: {each.error or _rights(each)}" for each in found)
    wrong = [each for each in found if each.error or each.missing]
    if not wrong:
        return Finding(
            Status.OK,
            f"{counted(len(found), 'user')} signed in, with the rights of the role",
            lines=lines,
        )
    detail = "; ".join(f"{each.name}: {each.error or _rights(each)}" for each in wrong)
    return Finding(Status.FAIL, detail, reads.commands.users, lines)


def _rights(user: User) -> str:
    return f"lacks {', '.join(user.missing)}" if user.missing else "signed in, has its rights"


def schema(reads: HealthReads) -> Finding:
    """Whether MongoDB's collections, validator and indexes are in place."""
    if problems := reads.schema_problems():
        return Finding(Status.FAIL, "; ".join(problems), reads.commands.setup)
    return Finding(Status.OK, "collections, validator and indexes are in place")


def heartbeats(reads: HealthReads) -> Finding:
    """Whether a processor is alive, and none waits for a server."""
    found = reads.heartbeats()
    alive = [each for each in found if each.alive]
    lines = tuple(f"{each.name}: {_heartbeat(each)}" for each in found)
    if not alive:
        last = f"the last heartbeat is {found[0].age_s:,.0f} s old" if found else "there is none"
        command = reads.commands.restart.get("processor")
        return Finding(Status.FAIL, f"no processor is alive; {last}", command, lines)
    if stalled := [each for each in alive if each.stalled]:
        detail = "; ".join(
            f"{each.name} has finished no cycle for {each.quiet_s:,.0f} s" for each in stalled
        )
        detail += "; its log says what it waits for"
        return Finding(Status.FAIL, detail, reads.commands.restart.get("processor"), lines)
    oldest = max(each.age_s for each in alive)
    detail = f"{counted(len(alive), 'processor')} alive, last heartbeat {oldest:.1f} s ago"
    return Finding(Status.OK, detail, lines=lines)


def _heartbeat(each: StoredHeartbeat) -> str:
    state = "stopped" if each.stopped else "alive" if each.alive else "no longer alive"
    return f"{state}, last heartbeat {each.age_s:,.1f} s ago"


def summaries(reads: HealthReads) -> Finding:
    """Whether every day can be summarised, and none waits without a reason."""
    dirty, problem = reads.summaries()
    if problem:
        return Finding(Status.FAIL, problem, reads.commands.restart.get("processor"))
    if not dirty:
        return Finding(Status.OK, "every day is summarised")
    waits_s = reads.summaries_wait_s()
    detail = f"{counted(dirty, 'day')} to summarise, the first one for {waits_s:,.0f} s"
    if waits_s < SUMMARIES_LATE_S:
        return Finding(Status.OK, detail)
    alive = [each for each in reads.heartbeats() if each.alive]
    if not alive:
        return Finding(Status.WARN, f"{detail}; no processor is alive", reads.commands.start)
    # While rows wait, processors store them first.
    if total_lag(part for each in alive for part in each.progress):
        return Finding(Status.OK, f"{detail}; rows are being stored first")
    time.sleep(REBUILD_S)
    if reads.summaries()[0] < dirty:
        return Finding(Status.OK, f"{detail}; they are being summarised")
    detail += "; no row waits, so the processors' log says why"
    return Finding(Status.FAIL, detail, reads.commands.restart.get("processor"))


def reconcile(reads: HealthReads) -> Finding:
    """Whether the last reconciliations agree, and the count check runs."""
    counts, full = reads.reconciliation(Mode.QUICK), reads.reconciliation(Mode.FULL)
    for name, last in (("count check", counts), ("full reconciliation", full)):
        if last and last.verdict is Agreement.DIFFER:
            number = max(last.difference_count, len(last.differences))
            detail = f"the {name} of {last.at:%F %T} UTC differs: {counted(number, 'difference')}"
            return Finding(Status.FAIL, detail, reads.commands.reconcile)
    every = reads.count_check_every_s
    if not every:
        return Finding(Status.OK, "no difference known; count checks are off (RECONCILE_EVERY_S=0)")
    if counts is None:
        detail = "no count check has ended yet; a processor runs the first one as it starts"
        return Finding(Status.WARN, detail, reads.commands.count)
    age = (datetime.now(UTC) - counts.at).total_seconds()
    if age > LATE_COUNT_CHECKS * max(60.0, every):
        detail = f"the last count check is {age / 60:,.0f} min old: no processor runs them"
        return Finding(Status.WARN, detail, reads.commands.count)
    return Finding(Status.OK, f"the count check {age:,.0f} s ago: {counts.verdict}")


def dashboard(reads: HealthReads) -> Finding:
    """Whether the dashboard can serve viewers."""
    try:
        return Finding(Status.OK, reads.dashboard())
    except RetailError as error:
        return Finding(Status.FAIL, str(error), reads.commands.restart.get("dashboard"))


def disk(reads: HealthReads) -> Finding:
    """Whether the disk of the state folder has free space."""
    found = reads.disk()
    detail = f"{found.free / 1e9:,.1f} GB of {found.total / 1e9:,.1f} GB free on {found.path}"
    if found.free < LOW_DISK:
        status = Status.FAIL if found.free < NO_DISK else Status.WARN
        return Finding(status, f"only {detail}; free some space on that disk")
    return Finding(Status.OK, detail)


def certificates(reads: HealthReads) -> Finding:
    """Whether each certificate of an address with TLS is valid for two weeks more."""
    found, now = reads.certificates(), datetime.now(UTC)
    if not found:
        return Finding(Status.OK, "no address uses TLS, so there is no certificate")
    lines = tuple(_certificate(each, now) for each in found)
    left = {each.name: left_s for each in found if (left_s := each.left_s(now)) is not None}
    soon = [_certificate(each, now) for each in found if left.get(each.name, RENEW_S) < RENEW_S]
    problems = [each.problem for each in found if each.problem]
    if soon:
        status = Status.FAIL if min(left.values()) < RENEW_NOW_S else Status.WARN
        return Finding(status, "; ".join([*soon, "renew it", *problems]), lines=lines)
    if problems:
        return Finding(Status.UNKNOWN, "; ".join(problems), lines=lines)
    first = min(found, key=lambda each: left[each.name])
    detail = (
        f"{counted(len(found), 'certificate')}; the first to expire: {_certificate(first, now)}"
    )
    return Finding(Status.OK, detail, lines=lines)


def _certificate(each: Certificate, now: datetime) -> str:
    left_s = each.left_s(now)
    if left_s is None:
        return each.problem or f"{each.name}: unknown"
    word = "expires" if left_s > 0 else "expired"
    return f"{each.name} {word} on {each.expires_at:%F %R} UTC, {_days(left_s)}"


def _days(left_s: float) -> str:
    days = counted(int(abs(left_s) // 86_400), "day")
    return f"in {days}" if left_s > 0 else f"{days} ago"


def clock(reads: HealthReads) -> Finding:
    """Whether this machine's clock agrees with MongoDB's."""
    offset = reads.clock_offset_s()
    if abs(offset) < CLOCK_WARN_S:
        return Finding(Status.OK, f"differs from MongoDB's by {abs(offset):.1f} s")
    way = "behind" if offset > 0 else "ahead of"
    detail = f"this clock is {abs(offset):,.1f} s {way} MongoDB's; synchronise both with NTP"
    status = Status.FAIL if abs(offset) >= CLOCK_FAIL_S else Status.WARN
    return Finding(status, detail)


CHECKS: dict[str, Callable[[HealthReads], Finding]] = {
    each.__name__: each
    for each in (
        *(services, zookeeper, kafka, topics, group, probe, mongodb, users, schema),
        *(heartbeats, summaries, reconcile, dashboard, disk, certificates, clock),
    )
}
ABOUT = {name: (each.__doc__ or "").rstrip(".") for name, each in CHECKS.items()}


def checks_of(reads: HealthReads, ids: Sequence[str]) -> list[Check]:
    """Return the checks ``ids``, which read by ``reads``."""
    return [Check(name, partial(CHECKS[name], reads)) for name in ids]
