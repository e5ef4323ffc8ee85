"""A manifest: what the producer read of one source, so that losses can be detected."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.transaction import check_years

# The largest integer that every JSON reader represents exactly.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """How far one source was read: ``rows_read = rows_sent + rows_rejected``, all acknowledged.

    ``bytes`` is the size of the (uncompressed) content, ``complete`` whether its end was reached.
    ``layout`` is what the source's format needs to read a row's raw text again; only the format
    reads it. Older producers wrote ``delimiter``, ``columns`` and ``width`` instead, or nothing.
    """

    source: str
    name: str
    format: str
    encoding: str
    date_order: str
    bytes: Count
    rows_read: Count
    rows_sent: Count
    rows_rejected: Count
    complete: bool
    started_at: datetime
    updated_at: datetime
    layout: str = ""
    delimiter: str = ","
    columns: Annotated[tuple[Count, ...], msgspec.Meta(max_length=len(DATASET_FIELDS))] = ()
    width: Count = 0

    def __post_init__(self) -> None:
        if self.columns and not self.layout:
            older = {name: getattr(self, name) for name in ("delimiter", "columns", "width")}
            msgspec.structs.force_setattr(self, "layout", msgspec.json.encode(older).decode())
        check_years("started_at and updated_at", self.started_at, self.updated_at)

    def is_newer_than(self, other: Manifest | None) -> bool:
        """Return whether it reports more of the same source: more rows, or as many and the end."""
        mine = self.rows_read, self.complete
        return other is None or mine > (other.rows_read, other.complete)
