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

from openpyxl import Workbook, load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from retail_pipeline.adapters.csv_lines import LONGEST_LINE
from retail_pipeline.adapters.file_state import FileState, text_name
from retail_pipeline.adapters.source_headers import Columns, find_columns
from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.dates import DateOrder, OrderEvidence
from retail_pipeline.errors import SourceError
from retail_pipeline.flows.ports import RawRow, SourceFacts

_DATE = DATASET_FIELDS.index("InvoiceDate")
# Dates are cells of their own type in a workbook; text ones show at once.
_ROWS_LOOKED_AT = 2_000


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
            SourceError: the workbook can't be read any more, or is another one now.
        """
        with _opened(self.path) as book:
            self.state.check(self.path)
            cells = book[self.sheet].iter_rows(values_only=True)
            for number, values in enumerate(cells, start=1):
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
    sources, problems = [], []
    with _opened(path) as book:
        for sheet in book.worksheets:
            rows = sheet.iter_rows(values_only=True)
            header = [cell_text(value) for value in next(rows, ())]
            try:
                columns = find_columns(header, f"{path}, sheet {sheet.title!r}")
            except SourceError as problem:
                problems.append(problem)
                continue
            evidence = _evidence(islice(rows, _ROWS_LOOKED_AT), columns.positions[_DATE])
            name = text_name(path) + (f"#{sheet.title}" if len(book.worksheets) > 1 else "")
            identity = hashlib.sha256(f"{content}#{sheet.title}".encode()).hexdigest()[:16]
            facts = _facts(identity, name, path, columns, order, evidence, sheet.max_row)
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
    evidence: OrderEvidence,
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


def _evidence(rows: Iterator[Sequence[Any]], position: int) -> OrderEvidence:
    evidence = OrderEvidence()
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
        raise SourceError(f"{path}: it can't be read: {error.strerror or error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[Workbook]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles, which carry no data
            book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise SourceError(f"{path}: it is no Excel workbook, or damaged: {error}") from error
    except OSError as error:
        raise SourceError(f"{path}: it can't be read: {error.strerror or error}") from error
    try:
        yield book
    finally:
        book.close()
