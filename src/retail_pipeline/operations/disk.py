"""Space on a disk, and how much of it the servers need, in bytes."""

from __future__ import annotations

import msgspec

LOW_DISK = 2e9
# Below it, mongod's journal and Kafka's first segments don't fit.
NO_DISK = 4e8


class Disk(msgspec.Struct, frozen=True):
    """Space on the disk of ``path``, in bytes."""

    path: str
    free: int
    total: int
