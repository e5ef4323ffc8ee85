"""How far a source was read, sent and acknowledged."""

from __future__ import annotations

from datetime import datetime

import msgspec

# Where a source goes on. Only the source itself knows what it means: for a file, a row's number.
ResumePoint = int | str
START: ResumePoint = 0


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, rename={"position": "row"}):
    """All rows up to ``position`` are acknowledged; the counts are of those rows.

    In the file ``position`` is called ``row``, as older releases called it.
    """

    position: ResumePoint = START
    rows_read: int = 0
    rows_sent: int = 0
    rows_rejected: int = 0
    complete: bool = False
    started_at: datetime | None = None
