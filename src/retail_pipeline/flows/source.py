"""A source of transactions: a file or a sheet of one. Fields named ``source`` hold its identity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from retail_pipeline.domain.checkpoint import START, ResumePoint
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.rejection import Reason


class RawRow(msgspec.Struct, frozen=True, gc=False):
    """One row of a source. ``problem`` is (reason, detail) if the row can't be parsed.

    ``fields`` are the texts of the eight dataset fields, in the order of DATASET_FIELDS.
    ``encoding`` is set where ``raw`` was decoded otherwise than the rest of the source.
    ``resume_at`` is set by a source that does not find its rows by number.
    """

    number: int
    fields: Sequence[str]
    raw: str
    problem: tuple[Reason, str] | None = None
    truncated: bool = False
    encoding: str | None = None
    resume_at: str | None = None

    @property
    def position(self) -> ResumePoint:
        """The position from which the source resumes after this row."""
        return self.number if self.resume_at is None else self.resume_at


class Source(Protocol):
    """A file (or a sheet of one) that was inspected and found to hold transactions."""

    @property
    def facts(self) -> SourceFacts:
        """What the inspection found."""

    def rows(self, after: ResumePoint = START) -> Iterator[RawRow]:
        """Yield every row that comes after a position, in order."""


@dataclass(frozen=True)
class SourceFacts:
    """What is known of a source before its rows are read.

    Attributes:
        source: identity, 16 hexadecimal digits of its content's SHA-256.
        name: the file's name, and the sheet's in a workbook with several.
        format: the name of the format that reads it.
        encoding: the encoding of the file; ``raw.encode(encoding)`` gives the bytes of a row.
        bytes: size of the uncompressed content.
        lines: about how many rows there are, for a progress bar; None if unknown.
        date_order_known: whether the dates themselves, or the user, settled their order.
        layout: what its format needs to read a row's raw text again; only the format reads it.
    """

    source: str
    name: str
    format: str
    encoding: str
    date_order: DateOrder
    bytes: int
    lines: int | None
    date_order_known: bool = True
    layout: str = ""


@dataclass(frozen=True)
class ReadOptions:
    """What the user sets, instead of having it detected in the file."""

    encoding: str | None = None
    date_order: DateOrder | None = None
