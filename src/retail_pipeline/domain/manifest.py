"""A manifest: what the producer read of one source, so that losses can be seen."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.transaction import within_years

# What every reader of a record holds exactly.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """How far one source was read: ``rows_read = rows_sent + rows_rejected``, all acknowledged.

    ``bytes`` is the size of the (uncompressed) content, ``complete`` whether its end was reached.
    ``delimiter``, ``columns`` (where the eight dataset fields stand) and ``width`` (fields in a
    row) are what reading a row's raw text again needs; older producers did not say ``columns``.
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
        """Whether it came after ``other`` of the same source; of equal ones, neither did."""
        mine = self.rows_read, self.complete
        return other is None or mine > (other.rows_read, other.complete)
