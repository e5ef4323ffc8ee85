"""Each check tells what is wrong from what is well, and names the command that repairs it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retail_pipeline.domain.heartbeat import PartitionProgress, StoredHeartbeat
from retail_pipeline.domain.reconciliation import Difference, Mode, Reconciliation, Verdict
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.operations import checks
from retail_pipeline.operations.certificates import Certificate
from retail_pipeline.operations.disk import Disk
from retail_pipeline.operations.health import Finding
from retail_pipeline.operations.health_reads import HealthReads, Service, Topic, User
from retail_pipeline.operations.observation import (
    GroupObservation,
    Observation,
    PartitionObservation,
)
from retail_pipeline.operations.probe import ProbeOutcome, ProbeState
from retail_pipeline.operations.repairs import COMPOSE_COMMANDS, OTHER_COMMANDS, local_commands

NOW = datetime.now(UTC)
SERVICES = [
    Service(name="kafka", state="runs", ok=True, pid=1),
    Service(name="processor", state="runs", ok=True, pid=7),
]


def topic(**changes: Any) -> dict[str, Topic | None]:
    return {"t": Topic(**{"name": "t", "partitions": 3, **changes})}


def observed(*, committed: int = 9, owner: str | None = "p1", **changes: Any) -> Observation:
    partition = PartitionObservation(
        topic="t", partition=0, first=0, end=9, committed=committed, owner=owner
    )
    group = GroupObservation(**{"partitions": (partition,), "members": 1, **changes})
    return Observation(at=datetime.now(UTC), group=group)


def probed(state: ProbeState, **changes: Any) -> ProbeOutcome:
    return ProbeOutcome(**{"topic": "t", "partition": 2, "state": state, **changes})


def heartbeat(**changes: Any) -> StoredHeartbeat:
    return StoredHeartbeat(**{"name": "p1", "started_at": NOW, "at": NOW, "age_s": 1.0, **changes})


def result(mode: Mode, verdict: Verdict = Verdict.AGREE, age_s: float = 0) -> Reconciliation:
    differs = verdict is Verdict.DIFFER
    difference = Difference(what="missing", place="MongoDB", detail="rows", advice="send again")
    return Reconciliation(
        mode=mode,
        verdict=verdict,
        at=datetime.now(UTC) - timedelta(seconds=age_s),
        seconds=0.1,
        lag=0,
        pending_days=0,
        sources=[],
        partitions=[],
        differences=[difference] if differs else [],
    )


class Reads:
    """Everything is well, but for ``changes``: a value to return, or an error to raise."""

    def __init__(self, **changes: Any) -> None:
        self.commands = local_commands(SERVICES)
        self.count_check_every_s = 60.0
        self.observe_group_for_s = 0.0
        well = {
            "services": SERVICES,
            "zookeeper_mode": "standalone",
            "brokers": 1,
            "topics": topic(),
            "group": observed,
            "probe": [probed(ProbeState.STORED, latency_ms=212.4)],
            "ping_mongodb": None,
            "query_ms": 2.0,
            "users": [User(name="reader")],
            "schema_problems": [],
            "heartbeats": [heartbeat()],
            "summaries": (0, None),
            "summaries_wait_s": 0.0,
            "reconciliation": result,
            "dashboard": "healthy",
            "disk": Disk("/d", 50_000_000_000, 100_000_000_000),
            "certificates": [],
            "clock_offset_s": 0.01,
        }
        for name, value in {**well, **changes}.items():
            setattr(self, name, value if name == "count_check_every_s" else answer(value))


def answer(value: Any) -> Callable[..., Any]:
    def method(*arguments: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value(*arguments) if callable(value) else value

    return method


def found(name: str, **changes: Any) -> Finding:
    reads: HealthReads = Reads(**changes)  # type: ignore[assignment]
    return checks.CHECKS[name](reads)


@pytest.mark.parametrize("name", checks.CHECKS)
def test_what_is_well_is_ok_and_needs_no_command(name: str) -> None:
    finding = found(name)
    assert (finding.status, finding.command) == ("ok", None)
    assert checks.ABOUT[name].startswith("Whether")


AWAY, REFUSED = TransientError("it is away"), PermanentError("it refuses")
START = local_commands(SERVICES).start
RESTART = local_commands(SERVICES).restart["processor"]
UNSTARTED = Service(name="mongodb", state="stopped", ok=False, command="start it")


@pytest.mark.parametrize(
    ("name", "changes", "status", "words", "command"),
    [
        ("services", {"services": [UNSTARTED]}, "fail", "mongodb: stopped", "start it"),
        ("zookeeper", {"zookeeper_mode": AWAY}, "fail", "it is away", START),
        ("kafka", {"brokers": REFUSED}, "fail", "it refuses", START),
        ("topics", {"topics": {"t": None}}, "fail", "missing: t", "retail setup"),
        ("topics", {"topics": topic(offline=(2,))}, "fail", "without a leader: t[2]", START),
        ("topics", {"topics": topic(under_replicated=(1,))}, "warn", "replicated: t[1]", START),
        (
            *("topics", {"topics": topic(settings=("retention.ms is 1, not 2",))}, "warn"),
            *("t: retention.ms is 1, not 2", "retail setup --reset-topics"),
        ),
        ("mongodb", {"ping_mongodb": AWAY}, "fail", "it is away", START),
        ("mongodb", {"query_ms": 1_500.0}, "warn", "takes 1,500 ms", None),
        ("users", {"users": [User(name="w", error="no")]}, "fail", "w: no", START),
        ("users", {"users": [User(name="w", missing=("find",))]}, "fail", "w: lacks find", START),
        ("schema", {"schema_problems": ["index a.b"]}, "fail", "index a.b", "retail setup"),
        ("heartbeats", {"heartbeats": []}, "fail", "there is none", RESTART),
        ("heartbeats", {"heartbeats": [heartbeat(age_s=44)]}, "fail", "is 44 s old", RESTART),
        ("heartbeats", {"heartbeats": [heartbeat(stopped=True)]}, "fail", "no processor", RESTART),
        ("heartbeats", {"heartbeats": [heartbeat(quiet_s=20)]}, "fail", "for 20 s", RESTART),
        ("summaries", {"summaries": (0, "1 day can't")}, "fail", "1 day can't", RESTART),
        ("dashboard", {"dashboard": REFUSED}, "fail", "it refuses", START),
        ("disk", {"disk": Disk("/d", 1_900_000_000, 10**11)}, "warn", "only 1.9 GB", None),
        ("disk", {"disk": Disk("/d", 300_000_000, 10**11)}, "fail", "only 0.3 GB", None),
        ("clock", {"clock_offset_s": -3.0}, "warn", "3.0 s ahead of MongoDB's", None),
        ("clock", {"clock_offset_s": 9.0}, "fail", "9.0 s behind MongoDB's", None),
    ],
)
def test_what_is_wrong_shows_with_the_command_that_repairs_it(
    name: str, changes: dict[str, Any], status: str, words: str, command: str | None
) -> None:
    finding = found(name, **changes)
    assert finding.status == status and words in finding.detail
    assert finding.command == command


def certificate(name: str, days: float | None) -> Certificate:
    if days is None:
        return Certificate(name=name, problem=f"{name} can't be read")
    # Some seconds more, since the check reads the clock later.
    return Certificate(name=name, expires_at=datetime.now(UTC) + timedelta(days=days, seconds=30))


@pytest.mark.parametrize(
    ("days", "status", "words"),
    [
        ({"a": 400, "b": 14}, "ok", "2 certificates; the first to expire: b expires on"),
        ({"a": 400, "b": 13}, "warn", "in 13 days; renew it"),
        ({"a": 1, "b": 13}, "fail", "in 1 day; b expires on"),
        ({"a": -3}, "fail", "2 days ago; renew it"),
        ({"a": 400, "b": None}, "unknown", "b can't be read"),
        ({"a": 13, "b": None}, "warn", "renew it; b can't be read"),
    ],
)
def test_a_certificate_is_renewed_in_time(
    days: dict[str, float | None], status: str, words: str
) -> None:
    finding = found("certificates", certificates=[certificate(*each) for each in days.items()])
    assert finding.status == status and words in finding.detail
    assert len(finding.lines) == len(days)


def test_a_group_is_observed_until_the_evidence_is_there() -> None:
    window = [
        observed(owner=None, rebalancing=True),
        observed(owner=None, members=0),
        observed(),
    ]
    seen = iter(window)
    reads: Any = Reads(group=lambda: next(seen))
    reads.observe_group_for_s = 60.0
    assert checks.group(reads).detail == "1 member; caught up: every record is stored"
    assert next(seen, None) is None


@pytest.mark.parametrize(
    ("observation", "status", "words", "command"),
    [
        (observed(owner=None, members=0, partitions=()), "unknown", "no topic", None),
        (observed(owner=None, members=0), "fail", "no processor reads the topics", RESTART),
        (observed(owner=None, members=2), "fail", "no processor of 2 reads t[0]", RESTART),
        (observed(rebalancing=True), "warn", "1 member; it is assigning its partitions", None),
        (Observation(at=NOW, problems={"group": "Kafka is away"}), "unknown", "is away", None),
    ],
)
def test_a_group_without_readers_fails(
    observation: Observation, status: str, words: str, command: str | None
) -> None:
    finding = found("group", group=observation)
    assert (finding.status, finding.command) == (status, command)
    assert words in finding.detail


def test_a_lag_that_does_not_move_is_a_stall_and_a_lag_of_an_unknown_age_is_not_caught_up() -> None:
    times = iter(NOW + timedelta(seconds=each) for each in (0, 6, 12))

    def at_next_time() -> Observation:
        group = observed(committed=4).group
        return Observation(at=next(times), group=group)

    reads: Any = Reads(group=at_next_time)
    reads.observe_group_for_s = 60.0
    finding = checks.group(reads)
    assert (finding.status, finding.command) == ("fail", RESTART)
    assert "stalled: 5 records wait and none is stored (t[0])" in finding.detail


@pytest.mark.parametrize(
    ("waits_s", "lag", "alive", "later", "status"),
    [
        (20.0, 0, True, 3, "ok"),
        (999.0, 5, True, 3, "ok"),
        (999.0, 0, True, 3, "fail"),
        (999.0, 0, True, 2, "ok"),
        (999.0, 0, False, 3, "warn"),
    ],
)
def test_days_that_wait_for_long_while_no_row_does_are_stuck(
    monkeypatch: pytest.MonkeyPatch, waits_s: float, lag: int, alive: bool, later: int, status: str
) -> None:
    monkeypatch.setattr(checks, "REBUILD_S", 0.0)
    days = iter([(3, None), (later, None)])
    progress = (PartitionProgress(partition=0, committed=0, end=lag),)
    one = heartbeat(progress=progress, stopped=not alive)
    changes = {"summaries": lambda: next(days), "summaries_wait_s": waits_s, "heartbeats": [one]}
    assert found("summaries", **changes).status == status


def made(
    mode: Mode, verdict: Verdict = Verdict.AGREE, age_s: float = 0
) -> Callable[[], Reconciliation]:
    """Return what makes a result, whose age begins with the test."""
    return lambda: result(mode, verdict, age_s)


@pytest.mark.parametrize(
    ("counts", "full", "every_s", "status", "words"),
    [
        (made(Mode.QUICK, Verdict.DIFFER), None, 60.0, "fail", "count check of"),
        (made(Mode.QUICK), made(Mode.FULL, Verdict.DIFFER), 60.0, "fail", "1 difference"),
        (made(Mode.QUICK, Verdict.UNSETTLED), None, 60.0, "ok", "unsettled"),
        (made(Mode.QUICK, age_s=600), None, 60.0, "warn", "min old"),
        (made(Mode.QUICK, age_s=600), None, 300.0, "ok", "s ago: agree"),
        (None, None, 60.0, "warn", "no count check has ended yet"),
        (None, None, 0.0, "ok", "count checks are off"),
    ],
)
def test_the_last_reconciliations_must_agree_and_be_recent(
    counts: Callable[[], Reconciliation] | None,
    full: Callable[[], Reconciliation] | None,
    every_s: float,
    status: str,
    words: str,
) -> None:
    results = {Mode.QUICK: counts and counts(), Mode.FULL: full and full()}
    finding = found("reconcile", reconciliation=results.get, count_check_every_s=every_s)
    assert finding.status == status and words in finding.detail


def test_commands_fit_the_place_in_which_the_stack_runs() -> None:
    without = [*SERVICES, Service(name="dashboard", state="stopped", ok=True, started=False)]
    assert local_commands(without).start == ("retail local up --detach --no-stream --no-dashboard")
    assert RESTART == f"kill -9 7; {START}"
    assert COMPOSE_COMMANDS.start == "docker compose up --detach"
    assert COMPOSE_COMMANDS.restart["kafka"].endswith("; docker compose restart kafka")
    assert OTHER_COMMANDS.start is None, "it is not known how those servers are started"
    assert not OTHER_COMMANDS.restart


@pytest.mark.parametrize(
    ("state", "status", "command"),
    [
        (ProbeState.WAITING, "warn", None),
        (ProbeState.UNKNOWN, "unknown", None),
        (ProbeState.NOT_SENT, "fail", START),
        (ProbeState.REJECTED, "fail", START),
        (ProbeState.NO_PROCESSOR, "fail", RESTART),
        (ProbeState.UNOWNED, "fail", RESTART),
        (ProbeState.STALLED, "fail", RESTART),
    ],
)
def test_a_probe_that_is_not_stored_names_its_partition_and_the_repair(
    state: ProbeState, status: str, command: str | None
) -> None:
    stored = probed(ProbeState.STORED, partition=0, latency_ms=212.4)
    finding = found("probe", probe=[stored, probed(state, reason="why not")])
    assert (finding.status, finding.command) == (status, command)
    assert finding.detail == "t[2]: why not"
    assert finding.lines == ("t[0]: stored after 212 ms", "t[2]: why not")


def test_a_reason_is_given_once_with_all_its_partitions() -> None:
    nobody = [probed(ProbeState.UNOWNED, partition=n, reason="nobody") for n in range(3)]
    assert found("probe", probe=nobody).detail == "all 3 partitions: nobody"
    away = probed(ProbeState.UNKNOWN, partition=3, reason="away")
    assert found("probe", probe=[*nobody, away]).detail == (
        f"{nobody[0]}, {nobody[1]}, {nobody[2]}: nobody; {away}: away"
    )


def test_a_probe_that_failed_outweighs_one_that_waits() -> None:
    outcomes = [
        probed(ProbeState.WAITING, reason="rows"),
        probed(ProbeState.UNKNOWN, reason="away"),
        probed(ProbeState.UNOWNED, reason="nobody"),
    ]
    finding = found("probe", probe=outcomes)
    assert (finding.status, finding.command) == ("fail", RESTART)
    assert found("probe", probe=outcomes[:2]).status == "unknown"
