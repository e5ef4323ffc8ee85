"""What the checks of the health check read: facts, and the methods that read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from retail_pipeline.domain.heartbeat import StoredHeartbeat
from retail_pipeline.domain.reconciliation import Mode, Reconciliation
from retail_pipeline.operations.certificates import Certificate
from retail_pipeline.operations.disk import Disk
from retail_pipeline.operations.observation import Observation
from retail_pipeline.operations.probe import ProbeOutcome


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A process or container: ``state`` in words, and the command that repairs it.

    ``started`` is whether it was started and not stopped since.
    """

    name: str
    state: str
    ok: bool
    started: bool = True
    pid: int | None = None
    command: str | None = None


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as the brokers have it; ``settings`` are those that are not as expected."""

    name: str
    partitions: int
    offline: tuple[int, ...] = ()
    under_replicated: tuple[int, ...] = ()
    settings: tuple[str, ...] = ()


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user who tried to sign in: why that failed, or the rights that are missing."""

    name: str
    error: str | None = None
    missing: tuple[str, ...] = ()


class Commands(msgspec.Struct, frozen=True, kw_only=True):
    """The commands that repair this stack, as they are typed here; None: there is none.

    ``start`` starts what is missing. ``restart`` starts a part by its name, also one that hangs.
    ``users`` gives MongoDB's users their passwords and rights again, ``topics`` the topics their
    settings. ``reconcile`` compares every row, ``count`` counts only.
    """

    start: str | None
    restart: dict[str, str]
    users: str | None
    setup: str
    topics: str
    reconcile: str
    count: str


class HealthReads(Protocol):
    """What the checks read.

    Each method raises a RetailError if it can't read, and NotApplicableError if there is nothing
    to read where this runs. The group is observed several times, for ``observe_group_for_s`` at
    most.
    """

    commands: Commands
    count_check_every_s: float
    observe_group_for_s: float

    def services(self) -> Sequence[Service]: ...
    def zookeeper_mode(self) -> str: ...
    def brokers(self) -> int: ...
    def topics(self) -> Mapping[str, Topic | None]: ...
    def group(self) -> Observation: ...
    def probe(self) -> Sequence[ProbeOutcome]: ...
    def ping_mongodb(self) -> None: ...
    def query_ms(self) -> float: ...
    def users(self) -> Sequence[User]: ...
    def schema_problems(self) -> Sequence[str]: ...
    def heartbeats(self) -> Sequence[StoredHeartbeat]: ...
    def summaries(self) -> tuple[int, str | None]: ...
    def summaries_wait_s(self) -> float: ...
    def reconciliation(self, mode: Mode) -> Reconciliation | None: ...
    def dashboard(self) -> str: ...
    def disk(self) -> Disk: ...
    def certificates(self) -> Sequence[Certificate]: ...
    def clock_offset_s(self) -> float: ...
