"""A text file as physical lines: unpacked, numbered, bounded, and each decoded by itself."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import msgspec

from retail_pipeline.adapters.sources.file import text_name
from retail_pipeline.domain.dates import DateOrderDetector
from retail_pipeline.domain.rejection import Reason
from retail_pipeline.errors import SourceError
from retail_pipeline.flows.source import RawRow, ReadOptions, SourceFacts

if TYPE_CHECKING:
    from hashlib import _Hash

LONGEST_LINE = 65_536  # bytes; a retail line has about 90
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Bytes that ISO-8859-1 leaves to controls; Windows-1252 has quotes, dashes and the euro there.
_WINDOWS_ONLY = bytes(range(0x80, 0xA0))
_NOT_WINDOWS = b"\x81\x8d\x8f\x90\x9d"
# Encodings in which decoding and encoding again always gives the same bytes.
EXACT = frozenset({"utf-8", "cp1252", "iso-8859-1"})


@contextmanager
def unpacked(path: Path, stream: io.BufferedReader) -> Iterator[io.BufferedReader]:
    """Yield the text in ``stream``, unpacked if it is gzip.

    Raises:
        SourceError: it is UTF-16, or a damaged gzip file; the text names the file.
    """
    try:
        if stream.peek(2)[:2] == b"\x1f\x8b":
            # GzipFile's own readline is Python; a buffered reader's is not.
            raw = cast(io.RawIOBase, gzip.GzipFile(fileobj=stream, mode="rb"))
            stream = io.BufferedReader(raw, 1 << 18)
        if stream.peek(2)[:2] in _UTF16_MARKS:
            raise SourceError(f"{path}: it is UTF-16: save it as UTF-8")
        yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path}: the gzip file is damaged or cut short: {error}") from error


@dataclass
class Findings:
    """What one pass over a text file adds up."""

    digest: _Hash = field(default_factory=hashlib.sha256)
    size: int = 0
    rows: int = 0
    evidence: DateOrderDetector = field(default_factory=DateOrderDetector)
    _utf8_lines: int = 0
    _other_lines: int = 0
    _high_bytes: set[int] = field(default_factory=set)
    _last_date: str = ""

    def add_header(self, line: bytes) -> None:
        """Take a line into account that is no row."""
        self.digest.update(line)
        self.size += len(line)

    def add(self, line: bytes, date: str) -> None:
        """Take a row's line and its date into account."""
        self.digest.update(line)
        self.size += len(line)
        self.rows += 1
        if date != self._last_date:
            self._last_date = date
            self.evidence.add(date)
        if line.isascii():
            return
        try:
            line.decode("utf-8")
            self._utf8_lines += 1
        except UnicodeDecodeError:
            self._other_lines += 1
            self._high_bytes.update(byte for byte in line if byte in _WINDOWS_ONLY)

    def facts(self, path: Path, kind: str, options: ReadOptions, layout: str = "") -> SourceFacts:
        """Return the facts of the file, which is of the format ``kind``."""
        return SourceFacts(
            source=self.digest.hexdigest()[:16],
            name=text_name(path),
            format=kind,
            encoding=options.encoding or self._encoding,
            date_order=options.date_order or self.evidence.order,
            bytes=self.size,
            lines=self.rows,
            date_order_known=options.date_order is not None or self.evidence.decisive,
            layout=layout,
        )

    @property
    def _encoding(self) -> str:
        if self._utf8_lines >= self._other_lines:
            return "utf-8"
        if self._high_bytes and not self._high_bytes & set(_NOT_WINDOWS):
            return "cp1252"
        return "iso-8859-1"


class LineReader:
    """Physical lines with their ends, numbered from 1; some can be given back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._kept: list[bytes] = []
        self.number = 0

    def next(self) -> bytes | None:
        """Return the next line, cut at LONGEST_LINE + 2 bytes, or None at the end."""
        if self._kept:
            self.number += 1
            return self._kept.pop()
        line = self._stream.readline(LONGEST_LINE + 2)
        if not line:
            return None
        self.number += 1
        if not line.endswith(b"\n") and len(line) > LONGEST_LINE:
            self._skip_rest()
        return line

    def give_back(self, lines: list[bytes]) -> None:
        """Make ``lines``, the last ones taken, the next ones again."""
        self._kept.extend(reversed(lines))
        self.number -= len(lines)

    def _skip_rest(self) -> None:
        while rest := self._stream.readline(LONGEST_LINE):
            if rest.endswith(b"\n"):
                return


def without_end(line: bytes) -> bytes:
    """Return a line without its end, and nothing else taken away."""
    return line[:-2] if line.endswith(b"\r\n") else line.removesuffix(b"\n")


def too_long(line: bytes) -> bool:
    """Return whether a line without its end is longer than a row may be."""
    return len(line) > LONGEST_LINE


def decoded(number: int, line: bytes, encoding: str) -> str | RawRow:
    """Return the text of a line without its end, or a row that says why it has none."""
    if len(line) > LONGEST_LINE:
        problem = (Reason.TOO_LONG, f"the line has more than {LONGEST_LINE} bytes")
        raw = line[:LONGEST_LINE].decode("latin-1")
        return RawRow(number, (), raw, problem, truncated=True, encoding="latin-1")
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        detail = f"byte {line[error.start]:#04x} is not {encoding}"
        raw, problem = line.decode("latin-1"), (Reason.CONTROL_BYTE, detail)
        return RawRow(number, (), raw, problem, encoding="latin-1")


def with_exact_raw(row: RawRow, line: bytes, encoding: str) -> RawRow:
    """Return ``row`` with a raw text that gives the bytes of ``line`` back."""
    try:
        if row.raw.encode(row.encoding or encoding) == line:
            return row
    except UnicodeEncodeError:
        pass
    return msgspec.structs.replace(row, raw=line.decode("latin-1"), encoding="latin-1")


def only_row(number: int, rows: Iterable[RawRow]) -> RawRow:
    """Return the one row in ``rows`` with this ``number``; a row with a problem if not one."""
    found = list(islice(rows, 2))
    if len(found) != 1:
        words = "more than one row" if found else "no row"
        return RawRow(number, (), "", (Reason.WRONG_FIELD_COUNT, f"the text is {words}"))
    return msgspec.structs.replace(found[0], number=number)
