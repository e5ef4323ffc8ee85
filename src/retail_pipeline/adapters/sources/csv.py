"""Delimited text files (.csv, .tsv, packed or not): inspected whole first, then read row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import BufferedReader, BytesIO
from pathlib import Path

from retail_pipeline.adapters.sources.columns import DATE, Layout, find_columns
from retail_pipeline.adapters.sources.csv_rows import read_rows, split_line
from retail_pipeline.adapters.sources.file import FileSource, FileState, opened
from retail_pipeline.adapters.sources.lines import (
    BYTE_ORDER_MARK,
    Findings,
    LineReader,
    only_row,
    unpacked,
)
from retail_pipeline.errors import SourceError
from retail_pipeline.flows.source import RawRow, ReadOptions

NAME = "csv"
ENDINGS: tuple[str, ...] = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
ADVICE: dict[str, tuple[str, ...]] = {
    "if it is delimited text, let its name end in .csv": (".txt", ".dat", ".tab", ".psv", ".asc")
}
_DELIMITERS = ",;\t|"


def inspect(path: Path, options: ReadOptions) -> list[FileSource]:
    """Read the whole file once for its identity, columns, encoding and order of dates.

    Raises:
        SourceError: it can't be read, is damaged, or lacks a needed column.
    """
    findings = Findings()
    with opened(path) as stream, unpacked(path, stream) as text:
        state = FileState.of(path)
        header, layout = _header(path, text, options.encoding)
        for line in header:
            findings.add_header(line)
        position, delimiter = layout.columns[DATE], layout.delimiter.encode()
        while line := text.readline(1 << 20):
            findings.add(line, _date(line, position, delimiter))

    def read(stream: BufferedReader) -> Iterator[RawRow]:
        with unpacked(path, stream) as text:
            lines = LineReader(text)
            while lines.number < len(header) and lines.next() is not None:
                pass
            yield from read_rows(lines, facts.encoding, layout)

    facts = findings.facts(path, NAME, options, str(layout))
    return [FileSource(path, facts, state, read)]


def reparse(number: int, raw: bytes, encoding: str, layout: str) -> RawRow:
    """Return the row in ``raw`` under its ``number``; its problem is set if it is not valid.

    Raises:
        LookupError, ValueError: there is no such encoding, or layout.
    """
    return only_row(number, read_rows(LineReader(BytesIO(raw)), encoding, Layout.of(layout)))


def _date(line: bytes, position: int, delimiter: bytes) -> str:
    if b'"' in line:
        try:
            fields = split_line(line.decode("latin-1"), delimiter.decode())
        except csv.Error:
            return ""
        return fields[position] if len(fields) > position else ""
    parts = line.split(delimiter, position + 1)
    return parts[position].decode("latin-1") if len(parts) > position else ""


def _header(path: Path, stream: BufferedReader, encoding: str | None) -> tuple[list[bytes], Layout]:
    """Return the lines up to the header, and what it says about the rows."""
    seen: list[bytes] = []
    while line := stream.readline(1 << 16):
        seen.append(line)
        if len(line) == 1 << 16 and not line.endswith(b"\n"):
            raise SourceError(f"{path}: its first line has more than {1 << 16:,} bytes")
        text = line.removeprefix(BYTE_ORDER_MARK).decode(encoding or "latin-1", "replace").strip()
        if text:
            break
    else:
        raise SourceError(f"{path}: it is empty; a header and rows are needed")
    problem: SourceError | None = None
    for delimiter in _DELIMITERS:
        try:
            header = split_line(text, delimiter)
            columns = find_columns(header, str(path))
            return seen, Layout(columns, len(header), delimiter)
        except csv.Error as error:
            problem = problem or SourceError(f"{path}: its first line can't be read: {error}")
        except SourceError as error:
            problem = problem or error
    raise problem or SourceError(f"{path}: no header")
