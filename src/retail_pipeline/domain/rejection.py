"""A rejected row: its text, its source, and why it can't be a transaction.

Producer and processor *reject* rows; the database's validator *refuses* transactions.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from retail_pipeline.domain.contract import CONTRACT
from retail_pipeline.domain.transaction import check_years, row_id
from retail_pipeline.errors import RetailError

# Queries name many identities at a time: the limit bounds the size of such a query.
LONGEST_SOURCE = CONTRACT.limit("source", "maxLength")
# The largest integer that every JSON reader represents exactly.
LAST_ROW = 2**53 - 1


class Reason(StrEnum):
    """Why a row is in quarantine."""

    UNCLOSED_QUOTE = "unclosed_quote"
    MALFORMED_QUOTE = "malformed_quote"
    WRONG_FIELD_COUNT = "wrong_field_count"
    EMPTY_FIELD = "empty_field"
    NOT_A_NUMBER = "not_a_number"
    NOT_WHOLE = "not_whole"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    IMPOSSIBLE_DATE = "impossible_date"
    CONTROL_BYTE = "control_byte"
    TOO_LONG = "too_long"
    UNREADABLE_RECORD = "unreadable_record"
    BROKEN_CONTRACT = "broken_contract"
    UNKNOWN_VERSION = "unknown_version"
    REFUSED_BY_STORE = "refused_by_store"


class RowError(RetailError):
    """One row breaks the record contract.

    ``reason`` is the code under which it is counted; ``detail`` describes what was found.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Stage(StrEnum):
    """Where a row was rejected."""

    PRODUCER = "producer"
    PROCESSOR = "processor"


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A row in the dead-letter topic and in the quarantine collection.

    ``raw`` is the row's exact text; encoded with ``encoding`` it gives the bytes of the file.
    ``truncated`` is true if the text was too long to keep: ``raw`` is its start. The identity of
    an unusable record is its place in its topic; ``claims`` is the identity of the row that the
    record itself names, if any. ``source`` and ``row`` are the identity. ``name`` is for people:
    the file's name if the producer rejected it, the topic if a record was unusable, and the source
    if the database refused it.
    """

    source: Annotated[str, msgspec.Meta(max_length=LONGEST_SOURCE)]
    row: Annotated[int, msgspec.Meta(ge=0, le=LAST_ROW)]
    name: str
    reason: Reason
    detail: str
    raw: str
    stage: str
    rejected_at: datetime
    encoding: str = "utf-8"
    truncated: bool = False
    claims: Annotated[str, msgspec.Meta(max_length=LONGEST_SOURCE + 20)] | None = None

    def __post_init__(self) -> None:
        check_years("rejected_at", self.rejected_at)

    @property
    def id(self) -> str:
        """Its identity in quarantine: the row's own, or an unusable record's place in its topic."""
        return row_id(self.source, self.row)
