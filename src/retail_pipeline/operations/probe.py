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

from retail_pipeline.errors import RetailError
from retail_pipeline.operations.observation import GroupObservation, PartitionObservation

_POLL_S = 0.05


class ProbeState(StrEnum):
    """What became of a probe."""

    STORED = "stored"
    WAITING = "waiting"
    FAILED = "failed"


class ProbeOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the probe of one partition.

    ``latency_ms`` is the time from the send to the first read that found it stored, in
    milliseconds; None if it was not stored in time. ``reason`` then says why, and ``advice`` what
    to do. A probe that is ``WAITING`` has rows before it, which are being stored.
    """

    topic: str
    partition: int
    state: ProbeState
    sent: bool = True
    latency_ms: float | None = None
    reason: str = ""
    advice: str = ""

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
    """How probes are sent, and how it is read what became of them.

    Each raises TransientError when its server is away, PermanentError when it refuses.

    Args:
        send: sends a probe to each partition of the transactions topic; takes at most as many
            seconds as it is given.
        stored: returns those of the probes, by their ids, that are stored.
        group: returns the offsets and owners of the partitions.
    """

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
        TransientError, PermanentError: a server is away or refuses, so that nothing is known.
    """
    ends = clock() + timeout_s
    before = transport.group()
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
    if sent.problem:
        return _failed(sent, f"not sent: {sent.problem}", "retail local status")
    if latency_ms is not None:
        state = ProbeState.STORED
        return ProbeOutcome(
            topic=sent.topic, partition=sent.partition, state=state, latency_ms=latency_ms
        )
    late = f"not stored within {waited_s:g} s"
    now = _partition(after, sent)
    if after is None or now is None:
        return _failed(sent, f"{late}: {problem or 'the partition is gone'}", "retail local status")
    if sent.offset is not None and now.committed > sent.offset:
        reason = "it was read and not stored, by a processor of an older release or without rights"
        return _failed(sent, reason, "read the processor's log, and update it")
    then = _partition(before, sent)
    if then is not None and now.committed > then.committed:
        return _waiting(sent, f"{late}: rows before it are being stored, {now.lag:,} records wait")
    if after.rebalancing:
        return _waiting(sent, f"{late}: the processors are sharing out the partitions")
    if not after.members:
        return _failed(sent, f"{late}: no processor runs", "start one: retail process")
    if now.owner is None:
        reason = f"{late}: no processor of {after.members:,} reads the partition"
        return _failed(sent, reason, "restart the processors, one after the other")
    reason = f"{late}: {now.owner} stores nothing; records that wait: {now.lag:,}"
    return _failed(sent, reason, "read its log; it may wait for MongoDB")


def _read_group(transport: ProbeTransport) -> tuple[GroupObservation | None, str]:
    try:
        return transport.group(), ""
    except RetailError as error:
        return None, str(error)


def _partition(group: GroupObservation | None, sent: SentProbe) -> PartitionObservation | None:
    places: Sequence[PartitionObservation] = group.partitions if group else ()
    return next((each for each in places if each.key == (sent.topic, sent.partition)), None)


def _failed(sent: SentProbe, reason: str, advice: str) -> ProbeOutcome:
    return ProbeOutcome(
        topic=sent.topic,
        partition=sent.partition,
        state=ProbeState.FAILED,
        sent=not sent.problem,
        reason=reason,
        advice=advice,
    )


def _waiting(sent: SentProbe, reason: str) -> ProbeOutcome:
    return ProbeOutcome(
        topic=sent.topic, partition=sent.partition, state=ProbeState.WAITING, reason=reason
    )
