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

from retail_pipeline.domain.rejection import Reason
from retail_pipeline.flows.ports import RawRow

LONGEST_LINE = 65_536  # bytes; a retail line has about 90
_MOST_LINES_PER_ROW = 50


@dataclass(frozen=True)
class Dialect:
    """How a file's lines become fields: ``encoding``, ``delimiter``, and fields in a row."""

    encoding: str
    delimiter: str
    width: int


class LineReader:
    """Physical lines without their ends, numbered from 1; some can be given back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._kept: list[bytes] = []
        self.number = 0

    def next(self) -> bytes | None:
        """Return the next line, cut at LONGEST_LINE + 1 bytes, or None at the end."""
        if self._kept:
            self.number += 1
            return self._kept.pop()
        line = self._stream.readline(LONGEST_LINE + 2)
        if not line:
            return None
        self.number += 1
        if not line.endswith(b"\n") and len(line) > LONGEST_LINE:
            self._skip_rest()
        return line.rstrip(b"\r\n")

    def give_back(self, lines: list[bytes]) -> None:
        """Make ``lines``, the last ones taken, the next ones again."""
        self._kept.extend(reversed(lines))
        self.number -= len(lines)

    def _skip_rest(self) -> None:
        while rest := self._stream.readline(LONGEST_LINE):
            if rest.endswith(b"\n"):
                return


def split_line(text: str, delimiter: str) -> list[str]:
    """Return the fields of one row.

    Raises:
        csv.Error: its quotes don't match.
    """
    if '"' not in text:
        return text.split(delimiter)
    return next(csv.reader((text,), delimiter=delimiter, strict=True))


def read_rows(lines: LineReader, dialect: Dialect) -> Iterator[RawRow]:
    """Yield every row from where ``lines`` stands; blank lines are none."""
    encoding, delimiter = dialect.encoding, dialect.delimiter
    while (line := lines.next()) is not None:
        number = lines.number
        if len(line) > LONGEST_LINE:
            yield _too_long(number, line)
            continue
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            detail = f"byte {line[error.start]:#04x} is not {encoding}"
            yield _broken(number, line.decode("latin-1"), Reason.CONTROL_BYTE, detail, "latin-1")
            continue
        if '"' not in text:
            if text and not text.isspace():
                yield RawRow(number, text.split(delimiter), text)
            continue
        yield _quoted_row(lines, number, text, dialect)


def _quoted_row(lines: LineReader, number: int, text: str, dialect: Dialect) -> RawRow:
    try:
        return RawRow(number, split_line(text, dialect.delimiter), text)
    except csv.Error as error:
        if "unexpected end of data" not in str(error):
            return _broken(number, text, Reason.MALFORMED_QUOTE, f"malformed quotes: {error}")
    return _joined_row(lines, number, text, dialect) or _broken(
        number, text, Reason.UNCLOSED_QUOTE, "a quote is opened and never closed"
    )


def _joined_row(lines: LineReader, number: int, text: str, dialect: Dialect) -> RawRow | None:
    """Return the row that starts with ``text`` and spans lines, or None and no line taken."""
    taken: list[bytes] = []
    while len(taken) < _MOST_LINES_PER_ROW and (line := lines.next()) is not None:
        taken.append(line)
        try:
            more = line.decode(dialect.encoding)
        except UnicodeDecodeError:
            break
        text = f"{text}\n{more}"
        if len(text) > LONGEST_LINE or _is_whole_row(more, dialect):
            break
        try:
            fields = split_line(text, dialect.delimiter)
        except csv.Error:
            continue
        if len(fields) == dialect.width:
            return RawRow(number, fields, text)
        break
    lines.give_back(taken)
    return None


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
