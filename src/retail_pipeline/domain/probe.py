"""Probes: records that show that a partition's records are stored, and that are no rows.

A probe carries a reserved header, and its value can't be read as a transaction by any release. So
whoever reads rows leaves it out, and no row can be taken for a probe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import uuid4

import msgspec


class Probe(msgspec.Struct, frozen=True):
    """The value of a probe: its identity, which is random."""

    probe: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]

    @classmethod
    def new(cls) -> Probe:
        """Return a probe that nobody has sent yet."""
        return cls(uuid4().hex)


@dataclass(frozen=True)
class ReceivedProbe:
    """A probe as a processor read it: its identity, and its place in the topic."""

    id: str
    partition: int
    offset: int
