"""Typed cells, of a workbook say, as the texts that a delimited file would have."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from retail_pipeline.adapters.sources.columns import Layout
from retail_pipeline.adapters.sources.csv_rows import read_line
from retail_pipeline.adapters.sources.lines import LONGEST_LINE, with_exact_raw
from retail_pipeline.flows.source import RawRow


def cell_text(value: Any) -> str:
    """Return a cell as a CSV file would have it: whole numbers without a point, ISO dates."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)


def row_of(number: int, texts: Sequence[str], layout: Layout) -> RawRow:
    """Return the row of cells, whose raw text is a line of CSV."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(texts)
    raw = line.getvalue()
    kept = raw[:LONGEST_LINE]
    row = layout.row(number, texts, kept, truncated=len(raw) > LONGEST_LINE)
    # Bytes that are no text are kept as they were; see exact.
    return (
        row
        if raw.isascii()
        else with_exact_raw(row, kept.encode("utf-8", "surrogateescape"), "utf-8")
    )


def reparse(number: int, raw: bytes, encoding: str, layout: str) -> RawRow:
    """Return the row in the line ``raw``, under its ``number``; a problem says why it is none.

    Raises:
        LookupError, ValueError: there is no such encoding, or layout.
    """
    return read_line(number, raw.decode(encoding, "surrogateescape"), Layout.of(layout))
