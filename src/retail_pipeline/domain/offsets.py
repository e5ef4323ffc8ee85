"""Where a consumer group is in a partition: offsets, and the lag that follows from them."""

from __future__ import annotations

import msgspec


class PartitionOffsets(msgspec.Struct, frozen=True, kw_only=True):
    """One partition: offsets of its first record, after its last one, and of the next to store."""

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
