"""How processors and their partitions read: what they do, what waits, since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from retail_pipeline.analytics import live
from retail_pipeline.dashboard import format
from retail_pipeline.domain.heartbeat import HeartbeatRecord


def short(name: str) -> str:
    """Return a processor's name without what all of them begin with."""
    return name.removeprefix("retail-processor-")


def state(heard: HeartbeatRecord) -> str:
    """Return what a processor does, with a sign that needs no colour."""
    if live.waiting(heard):
        return "◐ waits for a server"
    if live.alive(heard):
        return "● alive"
    return f"{'■ stopped' if heard.stopped else '✕ gone'} {_ago(heard.age_s)}"


def own(heard: HeartbeatRecord) -> str:
    """Return the partitions that a processor reads."""
    if not live.alive(heard):
        return format.NOTHING
    return ", ".join(str(each.partition) for each in heard.progress) or "none"


def lag(parts: Sequence[live.Partition]) -> str:
    """Return how many records wait in all partitions, or at least how many."""
    known, unknown = live.lag(parts)
    if not parts or unknown == len(parts) and not known:
        return "unknown"
    return f"≥ {format.count(known)}" if unknown else format.count(known)


def as_of(part: live.Partition) -> str:
    """Return when a partition was known last; lately is now, so that it does not always change."""
    if part.age_s is None:
        return format.NOTHING
    return "now" if part.age_s < live.ALIVE_SECONDS else _ago(part.age_s)


def partitions(numbers: Sequence[int]) -> str:
    """Return partitions by their numbers: partition 3; partitions 0, 2 and 5."""
    *most, last = map(str, numbers)
    return f"partitions {', '.join(most)} and {last}" if most else f"partition {last}"


def seconds(value: float | None) -> str:
    """Return how long something took, in a unit that fits: 0.36 s, 12.0 s, 3.4 min, 2.5 days."""
    if value is None:
        return format.NOTHING
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{format.decimal(value / size)} {unit}"
    return f"{value:.2f} s" if value < 10 else f"{format.decimal(value)} s"


def _ago(age_s: float) -> str:
    now = datetime.now(UTC)
    return format.ago(now - timedelta(seconds=age_s), now)
