"""Sends a probe through each partition, and says which came out of the pipeline, and why not.

A probe that is not stored in time is no fault by itself: it may wait behind rows that are being
stored. So what the consumer group committed is read before and after.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from retail_pipeline.errors import PermanentError, RetailError
from retail_pipeline.operations.observation import GroupObservation, PartitionObservation

_POLL_S = 0.05


class ProbeState(StrEnum):
    """What became of a probe.

    ``WAITING`` is no fault: rows before the probe are being stored, or the processors are sharing
    out the partitions. ``UNKNOWN`` is a probe that is not stored, nobody knows why.
    """

    STORED = "stored"
    WAITING = "waiting"
    UNKNOWN = "unknown"
    NOT_SENT = "not sent"
    REJECTED = "rejected"
    NO_PROCESSOR = "no processor"
    UNOWNED = "unowned partition"
    STALLED = "stalled"


class ProbeOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the probe of one partition.

    ``latency_ms`` is the time from the send to the first read that found it stored, in
    milliseconds; None if it was not stored in time. ``reason`` then says why.
    """

    topic: str
    partition: int
    state: ProbeState
    latency_ms: float | None = None
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


@dataclass(frozen=True)
class SentProbe:
    """A probe that was sent to a partition, with its offset; or ``problem`` says why it was not.

    ``sent_at`` is by the clock of :func:`time.monotonic`, in seconds.
    """

    topic: str
    partition: int
    id: str
    sent_at: float
    offset: int | None = None
    problem: str = ""


@dataclass(frozen=True)
class ProbeTransport:
    """How probes are sent to ``topic``, and how it is read what became of them.

    Each function raises TransientError when its server is away, PermanentError when it refuses.

    Args:
        topic: the transactions topic.
        send: sends a probe to each of its partitions; takes at most as many seconds as it is given.
        stored: returns those of the probes, by their ids, that are stored.
        group: returns the offsets and owners of the partitions.
    """

    topic: str
    send: Callable[[float], list[SentProbe]]
    stored: Callable[[Collection[str]], set[str]]
    group: Callable[[], GroupObservation]


def run_probe(
    transport: ProbeTransport,
    timeout_s: float = 10.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[ProbeOutcome]:
    """Send a probe to each partition, and wait ``timeout_s`` seconds until all are stored.

    Raises:
        TransientError, PermanentError: a server is away or refuses, or there is no topic, so that
            nothing is known.
    """
    ends = clock() + timeout_s
    before = transport.group()
    if all(each.topic != transport.topic for each in before.partitions):
        raise PermanentError(f"Kafka has no topic {transport.topic}: run `retail setup` first")
    sent = transport.send(timeout_s)
    latencies: dict[str, float] = {}
    waiting = {each.id: each for each in sent if not each.problem}
    while waiting:
        for identity in transport.stored(waiting.keys()):
            latencies[identity] = (clock() - waiting.pop(identity).sent_at) * 1000
        if waiting and clock() >= ends:
            break
        if waiting:
            sleep(_POLL_S)
    after, problem = _read_group(transport) if waiting else (None, "")
    # Read after the offsets: what is committed by then is stored, or never will be.
    late = transport.stored(waiting.keys()) if waiting else set()
    latencies |= {each: (clock() - waiting[each].sent_at) * 1000 for each in late}
    return [
        evaluate(each, latencies.get(each.id), before, after, timeout_s, problem)
        for each in sorted(sent, key=lambda each: each.partition)
    ]


def evaluate(
    sent: SentProbe,
    latency_ms: float | None,
    before: GroupObservation,
    after: GroupObservation | None,
    waited_s: float,
    problem: str = "",
) -> ProbeOutcome:
    """Return what became of one probe.

    ``before`` and ``after`` are the group when the probe was sent and when the wait ended; None,
    and a ``problem``, if it could not be read any more.
    """
    state, reason = _state(sent, latency_ms, before, after, problem)
    if state is not ProbeState.STORED and state is not ProbeState.NOT_SENT:
        reason = f"not stored within {waited_s:g} s: {reason}"
    return ProbeOutcome(
        topic=sent.topic,
        partition=sent.partition,
        state=state,
        latency_ms=latency_ms,
        reason=reason,
    )


def _state(
    sent: SentProbe,
    latency_ms: float | None,
    before: GroupObservation,
    after: GroupObservation | None,
    problem: str,
) -> tuple[ProbeState, str]:
    """Return what became of one probe, and the reason if it is not stored."""
    then, now = _partition(before, sent), _partition(after, sent)
    if sent.problem:
        return ProbeState.NOT_SENT, f"not sent: {sent.problem}"
    if latency_ms is not None:
        return ProbeState.STORED, ""
    if after is None or now is None:
        return ProbeState.UNKNOWN, problem or "the partition is gone"
    if sent.offset is not None and now.committed > sent.offset:
        reason = "its processor read it, but is of an older release or may not write probes"
        return ProbeState.REJECTED, reason
    if then is not None and now.committed > then.committed:
        reason = f"rows before it are being stored; records that wait: {now.lag:,}"
        return ProbeState.WAITING, reason
    if after.rebalancing:
        return ProbeState.WAITING, "the processors are sharing out the partitions"
    if not after.members:
        return ProbeState.NO_PROCESSOR, "no processor runs"
    if now.owner is None:
        return ProbeState.UNOWNED, f"no processor of {after.members:,} reads the partition"
    return ProbeState.STALLED, f"{now.owner} stores nothing; records that wait: {now.lag:,}"


def _read_group(transport: ProbeTransport) -> tuple[GroupObservation | None, str]:
    try:
        return transport.group(), ""
    except RetailError as error:
        return None, str(error)


def _partition(group: GroupObservation | None, sent: SentProbe) -> PartitionObservation | None:
    places: Sequence[PartitionObservation] = group.partitions if group else ()
    return next((each for each in places if each.key == (sent.topic, sent.partition)), None)
