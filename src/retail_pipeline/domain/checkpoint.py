"""How far a source was read, sent and acknowledged."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """All rows up to number ``row`` are acknowledged; the counts are of those rows."""

    row: int = 0
    rows_read: int = 0
    rows_sent: int = 0
    rows_rejected: int = 0
    complete: bool = False
    started_at: datetime | None = None
