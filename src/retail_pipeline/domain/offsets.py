"""The offsets of a partition and of the consumer group in it, and the lag between them."""

from __future__ import annotations

import msgspec


class PartitionOffsets(msgspec.Struct, frozen=True, kw_only=True):
    """The offsets of a partition: its first record, its end, and the next record to store."""

    topic: str
    partition: int
    first: int
    end: int
    committed: int

    @property
    def lag(self) -> int:
        """Records that no processor has stored yet."""
        return max(0, self.end - max(self.first, self.committed))

    @property
    def lost(self) -> int:
        """Records that were deleted before any processor stored them."""
        return max(0, min(self.first, self.end) - self.committed)
