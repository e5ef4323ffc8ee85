"""JSON lines (.jsonl, .ndjson, packed or not): an object a line, with the columns' names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from io import BufferedReader, BytesIO
from pathlib import Path

from retail_pipeline.adapters.sources.cells import cell_text
from retail_pipeline.adapters.sources.columns import DATE, PLAIN, field_of, find_columns
from retail_pipeline.adapters.sources.file import FileSource, FileState, opened
from retail_pipeline.adapters.sources.lines import (
    BYTE_ORDER_MARK,
    EXACT,
    Findings,
    LineReader,
    decoded,
    only_row,
    too_long,
    unpacked,
    with_exact_raw,
    without_end,
)
from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.rejection import Reason
from retail_pipeline.flows.source import RawRow, ReadOptions

NAME = "jsonl"
ENDINGS: tuple[str, ...] = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
ADVICE: dict[str, tuple[str, ...]] = {
    "if it has one JSON object a line, let its name end in .jsonl": (".json",)
}
# An object becomes a tuple of pairs and a number its own text: no digit of an amount is lost, and
# a name that is there twice shows.
_DECODER = json.JSONDecoder(
    object_pairs_hook=tuple, parse_float=str, parse_int=str, parse_constant=str
)
_NAMES_SHOWN = 100


def inspect(path: Path, options: ReadOptions) -> list[FileSource]:
    """Read the whole file once for its identity, names, encoding and order of dates.

    Raises:
        SourceError: it can't be read, is damaged, or no line of it has a needed name.
    """
    findings, names = Findings(), dict[str, str]()
    with opened(path) as stream, unpacked(path, stream) as text:
        state = FileState.of(path)
        while line := text.readline(1 << 20):
            try:
                pairs = (
                    ()
                    if too_long(line)
                    else _pairs(line.removeprefix(BYTE_ORDER_MARK).decode("latin-1"))
                )
                date = _fields(pairs)[DATE]
            except ValueError:
                pairs, date = (), ""
            for name, _ in pairs:
                if len(names) < _NAMES_SHOWN or field_of(name):
                    names.setdefault(field_of(name) or name, name)
            findings.add(line, date)
    find_columns(list(names.values()), str(path), "its objects have")

    def read(stream: BufferedReader) -> Iterator[RawRow]:
        with unpacked(path, stream) as text:
            yield from _rows(LineReader(text), facts.encoding)

    facts = findings.facts(path, NAME, options)
    return [FileSource(path, facts, state, read)]


def reparse(number: int, raw: bytes, encoding: str, layout: str) -> RawRow:
    """Return the row in the line ``raw``, under its ``number``; a problem says why it is none.

    Raises:
        LookupError: there is no such encoding.
    """
    return only_row(number, _rows(LineReader(BytesIO(raw)), encoding))


def _rows(lines: LineReader, encoding: str) -> Iterator[RawRow]:
    """Yield every row; blank lines are none."""
    while (ended := lines.next()) is not None:
        line = without_end(ended)
        if not line or line.isspace():
            continue
        text = decoded(lines.number, line, encoding)
        if isinstance(text, RawRow):
            yield text
            continue
        try:
            row = PLAIN.row(lines.number, _fields(_pairs(text)), text)
        except ValueError as error:
            row = RawRow(lines.number, (), text, (Reason.UNREADABLE_RECORD, str(error)))
        yield row if encoding in EXACT else with_exact_raw(row, line, encoding)


def _pairs(text: str) -> Sequence[tuple[str, object]]:
    """Return the names and values of the object that ``text`` is.

    Raises:
        ValueError: it is no object.
    """
    try:
        value = _DECODER.decode(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("it is no JSON object: its brackets are too deep") from None
    if not isinstance(value, tuple):
        raise ValueError("it is JSON, but no object")
    return value


def _fields(pairs: Sequence[tuple[str, object]]) -> list[str]:
    """Return the texts of the eight fields; what has no value is empty.

    Raises:
        ValueError: a field has two values, or one that is no text and no number.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if (field := field_of(name)) is None:
            continue
        if field in found:
            raise ValueError(f"it has two values of {field}")
        if isinstance(value, (list, tuple)):
            raise ValueError(f"{field} is a list or an object: a text or a number is needed")
        found[field] = cell_text(value)
    return [found.get(field, "") for field in DATASET_FIELDS]
