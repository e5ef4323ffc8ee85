"""How much free space the servers need, in bytes."""

from __future__ import annotations

LOW_DISK = 2e9
# Below it, mongod's journal and Kafka's first segments don't fit.
NO_DISK = 4e8
