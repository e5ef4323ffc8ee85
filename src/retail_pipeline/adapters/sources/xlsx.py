"""Excel workbooks (.xlsx): each sheet that has the needed columns is a source of its own."""

from __future__ import annotations

import csv
import hashlib
import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any
from xml.parsers import expat

from openpyxl import Workbook, load_workbook

from retail_pipeline.adapters.sources.columns import Columns, find_columns
from retail_pipeline.adapters.sources.csv_rows import LONGEST_LINE
from retail_pipeline.adapters.sources.file_state import FileState, text_name, why
from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.dates import DateOrder, DateOrderDetector
from retail_pipeline.errors import SourceError, UnreadableError
from retail_pipeline.flows.source import RawRow, SourceFacts

_DATE = DATASET_FIELDS.index("InvoiceDate")
# Dates are cells of their own type in a workbook; text ones show at once.
_ROWS_SAMPLED = 2_000
# As many as a sheet can have: a damaged row number must not become endless empty rows.
_MOST_ROWS = 1 << 20


@dataclass(frozen=True)
class XlsxSource:
    """One sheet of a workbook; a row's number is the sheet's own, the header's is 1."""

    path: Path
    sheet: str
    facts: SourceFacts
    state: FileState

    def rows(self) -> Iterator[RawRow]:
        """Yield every row after the header that has any cell filled, in order.

        Raises:
            SourceError: the workbook can't be read any more, is damaged, or is another one now.
        """
        with _opened(self.path) as book:
            self.state.check(self.path)
            for number, values in enumerate(_cells(self.path, book, self.sheet), start=1):
                if number == 1 or all(value is None for value in values):
                    continue
                fields = [cell_text(value) for value in values]
                # Empty cells at the end are left out of the file, or padded: neither is damage.
                fields = fields[: self.facts.width] + [""] * (self.facts.width - len(fields))
                line = _as_line(fields)
                cut = len(line) > LONGEST_LINE
                yield RawRow(number, fields, line[:LONGEST_LINE], truncated=cut)
            self.state.check(self.path)


def inspect_xlsx(path: Path, order: DateOrder | None = None) -> list[XlsxSource]:
    """Return the sheets of a workbook that hold transactions.

    Raises:
        SourceError: it is no workbook, is damaged, or none of its sheets has the needed columns.
    """
    state = FileState.of(path)
    content = _digest(path)
    _look_through(path)
    sources, problems = [], []
    with _opened(path) as book:
        for sheet in book.worksheets:
            lines, rows = sheet.max_row, _cells(path, book, sheet.title)
            header = [cell_text(value) for value in next(rows, ())]
            try:
                columns = find_columns(header, f"{path}, sheet {sheet.title!r}")
            except SourceError as problem:
                problems.append(problem)
                continue
            evidence = _evidence(islice(rows, _ROWS_SAMPLED), columns.positions[_DATE])
            name = text_name(path) + (f"#{sheet.title}" if len(book.worksheets) > 1 else "")
            identity = hashlib.sha256(f"{content}#{sheet.title}".encode()).hexdigest()[:16]
            facts = _facts(identity, name, path, columns, order, evidence, lines)
            sources.append(XlsxSource(path, sheet.title, facts, state))
    if not sources:
        raise problems[0] if problems else SourceError(f"{path}: the workbook has no sheet")
    return sources


def _facts(
    identity: str,
    name: str,
    path: Path,
    columns: Columns,
    order: DateOrder | None,
    evidence: DateOrderDetector,
    rows: int | None,
) -> SourceFacts:
    return SourceFacts(
        source=identity,
        name=name,
        format="xlsx",
        encoding="utf-8",
        date_order=order or evidence.order,
        bytes=path.stat().st_size,
        lines=rows - 1 if rows else None,
        columns=columns.positions,
        width=columns.width,
        date_order_known=order is not None or evidence.decisive,
    )


def _evidence(rows: Iterator[Sequence[Any]], position: int) -> DateOrderDetector:
    evidence = DateOrderDetector()
    for values in rows:
        if len(values) > position and isinstance(values[position], str):
            evidence.add(values[position])
    return evidence


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


def _as_line(fields: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableError(f"{path}: it can't be read: {why(error)}") from error


def _look_through(path: Path) -> None:
    """Read each part of the workbook to its end: damage shows now, not between two sent rows."""
    with _named(path), zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            with archive.open(part) as stream:
                if part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml"):
                    expat.ParserCreate().ParseFile(stream)
                while stream.read(1 << 20):
                    pass


def _cells(path: Path, book: Workbook, sheet: str) -> Iterator[Sequence[Any]]:
    with _named(path):
        page = book[sheet]
        width = page.max_column
        # Some programs write a wrong size: what lies behind it are rows, too.
        page.reset_dimensions()
        for number, values in enumerate(page.iter_rows(max_col=width, values_only=True), start=1):
            if number > _MOST_ROWS:
                raise ValueError(f"sheet {sheet!r} has more than {_MOST_ROWS:,} rows")
            yield values


@contextmanager
def _opened(path: Path) -> Iterator[Workbook]:
    with _named(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles, which carry no data
        book = load_workbook(path, read_only=True, data_only=True)
    try:
        yield book
    finally:
        book.close()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Have what goes wrong with a workbook name it."""
    try:
        yield
    except OSError as error:
        raise UnreadableError(f"{path}: it can't be read: {why(error)}") from error
    except Exception as error:  # openpyxl lets through whatever the damage leads to, of any kind
        raise SourceError(
            f"{path}: it is no Excel workbook, or damaged ({type(error).__name__}: {error}):"
            " fetch it again, or save it anew from a spreadsheet program"
        ) from error
