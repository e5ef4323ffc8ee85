"""What a source of transactions is to the producer: its facts and its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.rejection import Reason


class RawRow(msgspec.Struct, frozen=True, gc=False):
    """One row of a file before it is parsed; ``problem`` is (reason, detail) if it can't be.

    ``encoding`` is set where ``raw`` was decoded otherwise than the rest of the file.
    """

    number: int
    fields: Sequence[str]
    raw: str
    problem: tuple[Reason, str] | None = None
    truncated: bool = False
    encoding: str | None = None


class Source(Protocol):
    """A file (or a sheet of one) that was inspected and found to hold transactions."""

    @property
    def facts(self) -> SourceFacts:
        """What the inspection found."""

    def rows(self) -> Iterator[RawRow]:
        """Yield every row, in order."""


@dataclass(frozen=True)
class SourceFacts:
    """What is known of a source before its rows are read.

    Attributes:
        source: identity, 16 hexadecimal digits of its content's SHA-256.
        name: the file's name, and the sheet's in a workbook with several.
        format: csv or xlsx.
        bytes: size of the uncompressed content.
        lines: about how many rows there are, for a progress bar; None if unknown.
        columns: where the eight dataset fields stand in a row; width is a row's field count.
        date_order_known: whether the dates themselves, or the user, settled their order.
        delimiter: what stands between two fields of a row's raw text.
    """

    source: str
    name: str
    format: str
    encoding: str
    date_order: DateOrder
    bytes: int
    lines: int | None
    columns: tuple[int, ...]
    width: int
    date_order_known: bool = True
    delimiter: str = ","
