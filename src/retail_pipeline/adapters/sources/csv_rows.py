"""A delimited file as rows: one physical line each, unless a quoted field really spans lines.

An unclosed quote must not swallow what follows it, as it does in parsers that read on to the next
quote: here a line with an open quote takes further lines in only while none of those is a whole
row by itself and the result has the right number of fields. Otherwise it is one broken row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from retail_pipeline.domain.rejection import Reason
from retail_pipeline.flows.source import RawRow

LONGEST_LINE = 65_536  # bytes; a retail line has about 90
_MOST_LINES_PER_ROW = 50
# Those that are detected write each text as the bytes it was read from; not all others do.
_EXACT = frozenset({"utf-8", "cp1252", "iso-8859-1"})


@dataclass(frozen=True)
class Dialect:
    """How a file's lines become fields: ``encoding``, ``delimiter``, and fields in a row."""

    encoding: str
    delimiter: str
    width: int


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


def split_line(text: str, delimiter: str) -> list[str]:
    """Return the fields of one row.

    Raises:
        csv.Error: its quotes don't match.
    """
    if '"' not in text:
        # A line may end in more than one carriage return: they are no part of its last field.
        return text.rstrip("\r\n").split(delimiter)
    return next(csv.reader((text,), delimiter=delimiter, strict=True))


def read_rows(lines: LineReader, dialect: Dialect) -> Iterator[RawRow]:
    """Yield every row from where ``lines`` stands; blank lines are none."""
    encoding, delimiter = dialect.encoding, dialect.delimiter
    exact = encoding in _EXACT
    while (ended := lines.next()) is not None:
        number = lines.number
        line = without_end(ended)
        if len(line) > LONGEST_LINE:
            yield _too_long(number, line)
            continue
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            detail = f"byte {line[error.start]:#04x} is not {encoding}"
            yield _broken(number, line.decode("latin-1"), Reason.CONTROL_BYTE, detail, "latin-1")
            continue
        if '"' in text:
            row, line = _quoted_row(lines, number, ended, dialect)
        elif not line or line.isspace() and delimiter not in text:
            continue
        else:
            row = RawRow(number, text.rstrip("\r").split(delimiter), text)
        yield row if exact else _exact(row, line, encoding)


def _quoted_row(
    lines: LineReader, number: int, ended: bytes, dialect: Dialect
) -> tuple[RawRow, bytes]:
    """Return the row that starts with the line ``ended``, and all its bytes."""
    line = without_end(ended)
    text = line.decode(dialect.encoding)
    try:
        return RawRow(number, split_line(text, dialect.delimiter), text), line
    except csv.Error as error:
        if "unexpected end of data" not in str(error):
            detail = f"malformed quotes: {error}"
            return _broken(number, text, Reason.MALFORMED_QUOTE, detail), line
    if joined := _joined_row(lines, number, ended, dialect):
        return joined
    detail = "a quote is opened and never closed"
    return _broken(number, text, Reason.UNCLOSED_QUOTE, detail), line


def _joined_row(
    lines: LineReader, number: int, whole: bytes, dialect: Dialect
) -> tuple[RawRow, bytes] | None:
    """Return the row that starts with ``whole`` and spans lines, or None and no line taken."""
    taken: list[bytes] = []
    while len(taken) < _MOST_LINES_PER_ROW and (more := lines.next()) is not None:
        taken.append(more)
        whole += more
        if len(whole) > LONGEST_LINE:
            break
        try:
            if _is_whole_row(more.decode(dialect.encoding), dialect):
                break
            text = without_end(whole).decode(dialect.encoding)
            fields = split_line(text, dialect.delimiter)
        except UnicodeDecodeError:
            break
        except csv.Error:
            continue
        if len(fields) == dialect.width:
            return RawRow(number, fields, text), without_end(whole)
        break
    lines.give_back(taken)
    return None


def _exact(row: RawRow, line: bytes, encoding: str) -> RawRow:
    """Return ``row`` with a raw text that gives the bytes of ``line`` back."""
    try:
        if row.raw.encode(row.encoding or encoding) == line:
            return row
    except UnicodeEncodeError:
        pass
    return msgspec.structs.replace(row, raw=line.decode("latin-1"), encoding="latin-1")


def _is_whole_row(text: str, dialect: Dialect) -> bool:
    try:
        return len(split_line(text, dialect.delimiter)) == dialect.width
    except csv.Error:
        return False


def _broken(
    number: int, raw: str, reason: Reason, detail: str, encoding: str | None = None
) -> RawRow:
    return RawRow(number, (), raw, (reason, detail), encoding=encoding)


def _too_long(number: int, line: bytes) -> RawRow:
    problem = (Reason.TOO_LONG, f"the line has more than {LONGEST_LINE} bytes")
    raw = line[:LONGEST_LINE].decode("latin-1")
    return RawRow(number, (), raw, problem, truncated=True, encoding="latin-1")
