"""Plans which faults hit what, when, and for how long, from one seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

PRODUCER, BROKER, ZOOKEEPER, MONGOD = "producer", "kafka", "zookeeper", "mongodb"
PROCESSORS = ("processor-1", "processor-2", "processor-3")
BROKER_LINK, MONGOD_LINK = "link-kafka", "link-mongodb"
# One name for all: three names would attract most of the faults.
_ANY_PROCESSOR = "processor"
_PROCESSES = (PRODUCER, _ANY_PROCESSOR, BROKER, ZOOKEEPER, MONGOD)

TARGETS: dict[str, tuple[str, ...]] = {
    "kill": _PROCESSES,
    "term": _PROCESSES,
    "pause": _PROCESSES,
    "cut": (BROKER_LINK, MONGOD_LINK),
    "slow": (BROKER_LINK, MONGOD_LINK),
    "refuse": (MONGOD,),
    "full": (BROKER, MONGOD),
}
KINDS = tuple(TARGETS)
# Two ways to lose a connection: it breaks at once, or it goes silent and breaks later.
# Three ways to refuse: an error for the command, an error after the write, and no answer at all.
WAYS: dict[str, tuple[str, ...]] = {
    "cut": ("reset", "silence"),
    "refuse": ("disk full", "not journaled", "not in charge", "locked"),
}
_FIRST, _LAST = 0.03, 0.9
# Longer than the processors' session: some wake up when their partitions have moved away.
_LONGEST_S = 9.0


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        share: the share of the file's rows after which it hits, 0 to 1.
        lasts: seconds until it is undone; what died is then started again.
        way: which of several forms it has, or nothing.
    """

    share: float
    kind: str
    target: str
    lasts: float
    way: str = ""

    def __str__(self) -> str:
        way = f" ({self.way})" if self.way else ""
        return f"{self.share:4.0%}  {self.kind + way:<22} {self.target:<13} {self.lasts:4.1f} s"


def plan(seed: int, count: int, kinds: Sequence[str] = KINDS) -> list[Fault]:
    """Return ``count`` faults in the order in which they hit.

    Every kind occurs, and each of the five processes is hit, as far as ``count`` and the kinds
    allow; the rest is drawn at random.
    """
    draw = random.Random(seed)
    chosen: list[tuple[str, str]] = []
    for target in draw.sample(_PROCESSES, len(_PROCESSES)):
        fitting = [kind for kind in kinds if target in TARGETS[kind]]
        if fitting:
            chosen.append((_rarest(draw, fitting, chosen), target))
    for kind in draw.sample(list(kinds), len(kinds)):
        if kind not in [one for one, _ in chosen]:
            chosen.append((kind, draw.choice(TARGETS[kind])))
    while len(chosen) < count:
        kind = draw.choice(list(kinds))
        target = draw.choice(TARGETS[kind])
        # A broker takes long to come back: more of its faults would delay all others.
        if target != BROKER or kind == "pause":
            chosen.append((kind, target))
    chosen = chosen[:count]
    draw.shuffle(chosen)
    return [_fault(draw, place, len(chosen), *one) for place, one in enumerate(chosen)]


def _rarest(draw: random.Random, kinds: Sequence[str], chosen: list[tuple[str, str]]) -> str:
    """Return one of ``kinds`` that was chosen least often so far."""
    taken = [kind for kind, _ in chosen]
    return min(draw.sample(list(kinds), len(kinds)), key=taken.count)


def _fault(draw: random.Random, place: int, count: int, kind: str, target: str) -> Fault:
    share = _FIRST + (_LAST - _FIRST) * (place + draw.random()) / count
    if target == _ANY_PROCESSOR:
        target = draw.choice(PROCESSORS)
    # What died may be started again at once; a pause or a disturbed proxy lasts a while.
    lasts = draw.choice((0.0, draw.uniform(0.5, _LONGEST_S)))
    if kind not in ("kill", "term"):
        lasts = draw.uniform(1.0, _LONGEST_S)
    way = draw.choice(WAYS[kind]) if kind in WAYS else ""
    return Fault(round(share, 3), kind, target, round(lasts, 1), way)
