"""A manifest: what the producer read of one source, so that losses can be detected."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.transaction import within_years

# The largest integer that every JSON reader represents exactly.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """How far one source was read: ``rows_read = rows_sent + rows_rejected``, all acknowledged.

    ``bytes`` is the size of the (uncompressed) content, ``complete`` whether its end was reached.
    ``delimiter``, ``columns`` (the positions of the eight dataset fields) and ``width`` (fields in
    a row) are needed to parse a row's raw text again; older producers don't write ``columns``.
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
    delimiter: str = ","
    columns: Annotated[tuple[Count, ...], msgspec.Meta(max_length=len(DATASET_FIELDS))] = ()
    width: Count = 0

    def __post_init__(self) -> None:
        within_years("started_at and updated_at", self.started_at, self.updated_at)

    def says_more(self, other: Manifest | None) -> bool:
        """Return whether it is newer than ``other`` of the same source; equal ones are not."""
        mine = self.rows_read, self.complete
        return other is None or mine > (other.rows_read, other.complete)
