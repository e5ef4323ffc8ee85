"""What was read of the pipeline at one moment.

What could not be read is None, never zero, and ``problems`` says why.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from retail_pipeline.domain.heartbeat import StoredHeartbeat
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.offsets import PartitionOffsets, total_lag
from retail_pipeline.domain.reconciliation import Verdict
from retail_pipeline.operations.certificates import Certificate
from retail_pipeline.operations.health import Finding
from retail_pipeline.operations.sales import SalesObservation

# The checks of the health check that an observation can have: what no other figure shows.
OBSERVED_CHECKS = ("topics", "users", "schema", "dashboard", "clock")


class PartitionObservation(PartitionOffsets, frozen=True, kw_only=True):
    """A partition, who reads it, and since when its oldest waiting record waits.

    ``owner`` is the client id of a member of the consumer group; None if nobody has the partition.
    ``waiting_since`` is the timestamp (UTC) of the record at the committed offset; None if no
    record waits, or while it is not known.
    """

    owner: str | None = None
    waiting_since: datetime | None = None

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


class GroupObservation(msgspec.Struct, frozen=True, kw_only=True):
    """The consumer group and its partitions, as the brokers reported them.

    ``rebalancing`` is whether the group is assigning its partitions now.
    """

    partitions: tuple[PartitionObservation, ...]
    members: int
    rebalancing: bool = False

    @property
    def lag(self) -> int:
        """Records that are not stored yet, in all partitions."""
        return total_lag(self.partitions)


class DatabaseObservation(msgspec.Struct, frozen=True, kw_only=True):
    """What the database holds, in rows, and how it keeps up.

    ``stored`` is by the database's own counter. ``latencies_s`` are the 50th, 95th and 99th
    percentile, in seconds, of the rows stored last; None if there is no row. ``failed_days`` can't
    be summarised; ``dirty_s`` is how many seconds the oldest dirty day waits, 0 if there is none.
    """

    stored: int
    quarantined: int
    failed_days: int
    dirty_s: float | None = None
    last_stored_at: datetime | None = None
    latencies_s: tuple[float, float, float] | None = None


class ServiceUsage(msgspec.Struct, frozen=True, kw_only=True):
    """One service's process, as the operating system sees it.

    ``cpu`` is in percent of one core; None until it was observed twice. ``memory`` is the resident
    memory, in bytes. ``restarts`` counts the times that another process took over since the
    monitor began.
    """

    name: str
    pid: int
    cpu: float | None
    memory: int
    restarts: int = 0


class HostObservation(msgspec.Struct, frozen=True, kw_only=True):
    """The machine on which the monitor runs, and the services' processes on it.

    ``cpu`` is in percent of one core, so that ``cores`` times 100 is all of it; memory and disk are
    in bytes; ``received`` and ``sent`` are bytes per second of the network. None until there is a
    second observation.
    """

    cores: int
    cpu: float | None
    memory_used: int
    memory_total: int
    disk_free: int
    disk_total: int
    received: float | None
    sent: float | None
    services: tuple[ServiceUsage, ...]


class ReconciliationState(msgspec.Struct, frozen=True):
    """When the last count check ended, and its verdict; ``None`` for both before the first."""

    verdict: Verdict | None = None
    at: datetime | None = None


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was read at ``at`` (UTC).

    ``parts`` names what was to be read; ``problems`` has the reason for each part that is None.
    ``dirty_days`` are the days whose summaries are to be rebuilt; ``reconciliation`` is the last
    count check; ``sources`` are those that a producer began last, the newest first.
    ``zookeeper`` is the mode in which ZooKeeper serves; it is no part if its address is not known.
    ``sales`` are what the summaries add up to; only the exporter reads them.
    ``certificates`` is a part only if an address uses TLS.
    ``topics`` to ``clock`` are what these checks of the health check found, None if they have
    nothing to check here; only the exporter and `retail alert` make them.
    """

    at: datetime
    group: GroupObservation | None = None
    processors: tuple[StoredHeartbeat, ...] | None = None
    dirty_days: int | None = None
    reconciliation: ReconciliationState | None = None
    database: DatabaseObservation | None = None
    sources: tuple[Manifest, ...] | None = None
    host: HostObservation | None = None
    zookeeper: str | None = None
    sales: SalesObservation | None = None
    certificates: tuple[Certificate, ...] | None = None
    topics: Finding | None = None
    users: Finding | None = None
    schema: Finding | None = None
    dashboard: Finding | None = None
    clock: Finding | None = None
    parts: tuple[str, ...] = ()
    problems: dict[str, str] = {}

    @property
    def findings(self) -> dict[str, Finding]:
        """What the checks found, by their ids; those that could not be made are left out."""
        found = {name: getattr(self, name) for name in OBSERVED_CHECKS}
        return {name: finding for name, finding in found.items() if finding}
