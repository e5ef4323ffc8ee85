"""A manifest: what the producer read of one source, so that losses can be seen."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """How far one source was read: ``rows_read = rows_sent + rows_rejected``, all acknowledged.

    ``bytes`` is the size of the (uncompressed) content, ``complete`` whether its end was reached.
    """

    source: str
    name: str
    format: str
    encoding: str
    date_order: str
    bytes: int
    rows_read: int
    rows_sent: int
    rows_rejected: int
    complete: bool
    started_at: datetime
    updated_at: datetime
