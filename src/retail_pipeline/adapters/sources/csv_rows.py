"""A delimited file as rows: one physical line each, unless a quoted field really spans lines.

An unclosed quote must not swallow what follows it, as it does in parsers that read on to the next
quote: here a line with an open quote takes further lines in only while none of those is a whole
row by itself and the result has the right number of fields. Otherwise it is one broken row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from retail_pipeline.adapters.sources.columns import Layout
from retail_pipeline.adapters.sources.lines import (
    EXACT,
    LineReader,
    decoded,
    too_long,
    with_exact_raw,
    without_end,
)
from retail_pipeline.domain.rejection import Reason
from retail_pipeline.flows.source import RawRow

_MOST_LINES_PER_ROW = 50


def split_line(text: str, delimiter: str) -> list[str]:
    """Return the fields of one row.

    Raises:
        csv.Error: its quotes don't match.
    """
    if '"' not in text:
        # A line may end in more than one carriage return: they are no part of its last field.
        return text.rstrip("\r\n").split(delimiter)
    return next(csv.reader((text,), delimiter=delimiter, strict=True))


def read_line(number: int, text: str, layout: Layout) -> RawRow:
    """Return the row that is all of ``text``; a problem says why it is none."""
    try:
        return layout.row(number, split_line(text, layout.delimiter), text)
    except csv.Error as error:
        return _malformed(number, text, error)


def read_rows(lines: LineReader, encoding: str, layout: Layout) -> Iterator[RawRow]:
    """Yield every row from where ``lines`` stands; blank lines are none."""
    delimiter, is_exact = layout.delimiter, encoding in EXACT
    while (ended := lines.next()) is not None:
        number, line = lines.number, without_end(ended)
        text = decoded(number, line, encoding)
        if isinstance(text, RawRow):
            yield text
            continue
        if '"' in text:
            row, line = _quoted_row(lines, ended, encoding, layout)
        elif not line or line.isspace() and delimiter not in text:
            continue
        else:
            row = layout.row(number, text.rstrip("\r").split(delimiter), text)
        yield row if is_exact else with_exact_raw(row, line, encoding)


def _quoted_row(
    lines: LineReader, ended: bytes, encoding: str, layout: Layout
) -> tuple[RawRow, bytes]:
    """Return the row that starts with the line ``ended``, and all its bytes."""
    number, line = lines.number, without_end(ended)
    text = line.decode(encoding)
    try:
        return layout.row(number, split_line(text, layout.delimiter), text), line
    except csv.Error as error:
        if "unexpected end of data" not in str(error):
            return _malformed(number, text, error), line
    if joined := _joined_row(lines, ended, encoding, layout):
        return joined
    problem = (Reason.UNCLOSED_QUOTE, "a quote is opened and never closed")
    return RawRow(number, (), text, problem), line


def _joined_row(
    lines: LineReader, whole: bytes, encoding: str, layout: Layout
) -> tuple[RawRow, bytes] | None:
    """Return the row that starts with ``whole`` and spans lines, or None and no line taken."""
    number, taken = lines.number, list[bytes]()
    while len(taken) < _MOST_LINES_PER_ROW and (more := lines.next()) is not None:
        taken.append(more)
        whole += more
        if too_long(whole):
            break
        try:
            if _is_whole_row(more.decode(encoding), layout):
                break
            text = without_end(whole).decode(encoding)
            fields = split_line(text, layout.delimiter)
        except UnicodeDecodeError:
            break
        except csv.Error:
            continue
        if len(fields) == layout.width:
            return layout.row(number, fields, text), without_end(whole)
        break
    lines.give_back(taken)
    return None


def _is_whole_row(text: str, layout: Layout) -> bool:
    try:
        return len(split_line(text, layout.delimiter)) == layout.width
    except csv.Error:
        return False


def _malformed(number: int, text: str, error: csv.Error) -> RawRow:
    return RawRow(number, (), text, (Reason.MALFORMED_QUOTE, f"malformed quotes: {error}"))
