"""Delimited text files (.csv, .tsv, packed or not): inspected whole first, then read row by row."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from retail_pipeline.adapters.sources.columns import Columns, find_columns
from retail_pipeline.adapters.sources.csv_rows import Dialect, LineReader, read_rows, split_line
from retail_pipeline.adapters.sources.file_state import FileState, text_name, why
from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.dates import DateOrder, DateOrderDetector
from retail_pipeline.errors import SourceError, UnreadableError
from retail_pipeline.flows.source import RawRow, SourceFacts

_DELIMITERS = ",;\t|"
_DATE = DATASET_FIELDS.index("InvoiceDate")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Bytes that ISO-8859-1 leaves to controls; Windows-1252 has quotes, dashes and the euro there.
_WINDOWS_ONLY = bytes(range(0x80, 0xA0))
_NOT_WINDOWS = b"\x81\x8d\x8f\x90\x9d"


@dataclass
class _Findings:
    """What one pass over the file adds up."""

    evidence: DateOrderDetector = field(default_factory=DateOrderDetector)
    utf8_lines: int = 0
    other_lines: int = 0
    high_bytes: set[int] = field(default_factory=set)
    last_date: bytes = b""

    def see_text(self, line: bytes) -> None:
        try:
            line.decode("utf-8")
            self.utf8_lines += 1
        except UnicodeDecodeError:
            self.other_lines += 1
            self.high_bytes.update(byte for byte in line if byte in _WINDOWS_ONLY)

    def see_date(self, line: bytes, delimiter: str, position: int) -> None:
        if b'"' in line:
            try:
                fields = split_line(line.decode("latin-1"), delimiter)
            except csv.Error:
                return
            text = fields[position].encode("latin-1") if len(fields) > position else b""
        else:
            parts = line.split(delimiter.encode(), position + 1)
            text = parts[position] if len(parts) > position else b""
        if text != self.last_date:
            self.last_date = text
            self.evidence.add(text.decode("latin-1"))

    @property
    def encoding(self) -> str:
        if self.utf8_lines >= self.other_lines:
            return "utf-8"
        if self.high_bytes and not self.high_bytes & set(_NOT_WINDOWS):
            return "cp1252"
        return "iso-8859-1"


@dataclass(frozen=True)
class CsvSource:
    """A delimited file that holds transactions; see :func:`inspect_csv`."""

    path: Path
    facts: SourceFacts
    header_line: int
    state: FileState

    def rows(self) -> Iterator[RawRow]:
        """Yield every row after the header, in order.

        Raises:
            SourceError: the file can't be read any more, or is another one now.
        """
        dialect = Dialect(self.facts.encoding, self.facts.delimiter, self.facts.width)
        with _opened(self.path) as stream:
            self.state.check(self.path)
            lines = LineReader(stream)
            while lines.number < self.header_line and lines.next() is not None:
                pass
            yield from read_rows(lines, dialect)
            self.state.check(self.path)


def inspect_csv(
    path: Path, encoding: str | None = None, order: DateOrder | None = None
) -> CsvSource:
    """Read the whole file once for its identity, columns, encoding and order of dates.

    ``encoding`` and ``order`` override what the file says.

    Raises:
        SourceError: it can't be read, is damaged, or lacks a needed column.
    """
    digest, size, findings = hashlib.sha256(), 0, _Findings()
    with _opened(path) as stream:
        state = FileState.of(path)
        header_line, header, delimiter, columns = _header(path, stream, encoding)
        date_at, lines = columns.positions[_DATE], 0
        for line in header:
            digest.update(line)
            size += len(line)
        while line := stream.readline(1 << 20):
            digest.update(line)
            size += len(line)
            lines += 1
            if not line.isascii():
                findings.see_text(line)
            findings.see_date(line, delimiter, date_at)
    facts = SourceFacts(
        source=digest.hexdigest()[:16],
        name=text_name(path),
        format="csv",
        encoding=encoding or findings.encoding,
        date_order=order or findings.evidence.order,
        bytes=size,
        lines=lines,
        columns=columns.positions,
        width=columns.width,
        date_order_known=order is not None or findings.evidence.decisive,
        delimiter=delimiter,
    )
    return CsvSource(path, facts, header_line, state)


def _header(
    path: Path, stream: BinaryIO, encoding: str | None
) -> tuple[int, list[bytes], str, Columns]:
    """Return the header's line number, the lines up to it, the delimiter and the columns."""
    seen: list[bytes] = []
    while line := stream.readline(1 << 16):
        seen.append(line)
        if len(line) == 1 << 16 and not line.endswith(b"\n"):
            raise SourceError(f"{path}: its first line has more than {1 << 16:,} bytes")
        if line.startswith(_UTF16_MARKS):
            raise SourceError(f"{path}: it is UTF-16: save it as UTF-8")
        text = line.removeprefix(_BYTE_ORDER_MARK).decode(encoding or "latin-1", "replace").strip()
        if text:
            break
    else:
        raise SourceError(f"{path}: it is empty; a header and rows are needed")
    problem: SourceError | None = None
    for delimiter in _DELIMITERS:
        try:
            columns = find_columns(split_line(text, delimiter), str(path))
            return len(seen), seen, delimiter, columns
        except csv.Error as error:
            problem = problem or SourceError(f"{path}: its first line can't be read: {error}")
        except SourceError as error:
            problem = problem or error
    raise problem or SourceError(f"{path}: no header")


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file, unpacking it if it is gzip; trouble while it is read names the file."""
    try:
        with path.open("rb") as raw:
            if raw.read(2) == b"\x1f\x8b":
                raw.seek(0)
                # GzipFile's own readline is Python; a buffered reader's is not.
                unpacked = cast(io.RawIOBase, gzip.GzipFile(fileobj=raw, mode="rb"))
                yield io.BufferedReader(unpacked, 1 << 18)
            else:
                raw.seek(0)
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path}: the gzip file is damaged or cut short: {error}") from error
    except OSError as error:
        raise UnreadableError(f"{path}: it can't be read: {why(error)}") from error
