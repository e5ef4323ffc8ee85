"""A rejected row: what it said, where it stood, and why it can't be a transaction."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from retail_pipeline.domain.contract import CONTRACT
from retail_pipeline.domain.transaction import row_id, within_years
from retail_pipeline.errors import RetailError

# Identities are looked up by the batch: thousands of endless ones would be too much for it.
LONGEST_SOURCE = CONTRACT.limit("source", "maxLength")
# What every reader of a record holds exactly.
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

    ``reason`` is the code under which it is counted; ``detail`` says what was found.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Stage(StrEnum):
    """Who refused a row."""

    PRODUCER = "producer"
    PROCESSOR = "processor"


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A row in the dead-letter topic and in the quarantine collection.

    ``raw`` is the row's text to the letter; encoded by ``encoding`` it gives the bytes of the
    file back. ``truncated`` is true where the text was too long to keep: ``raw`` is its start.
    A record that can't be used has its place in its topic as its identity; ``claims`` is the
    identity of the row that it says it is, if it says so.
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
        within_years("rejected_at", self.rejected_at)

    @property
    def id(self) -> str:
        """The row's identity, the same as a stored row's."""
        return row_id(self.source, self.row)
