"""Excel workbooks (.xlsx): each sheet that has the needed columns is a source of its own."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retail_pipeline.adapters.sources.cells import cell_text, reparse, row_of
from retail_pipeline.adapters.sources.columns import DATE, Layout, find_columns
from retail_pipeline.adapters.sources.file import (
    FileSource,
    FileState,
    damage_named,
    digest_of,
    opened,
    text_name,
)
from retail_pipeline.domain.dates import DateOrderDetector
from retail_pipeline.errors import SourceError
from retail_pipeline.flows.source import RawRow, ReadOptions, SourceFacts

if TYPE_CHECKING:
    from openpyxl import Workbook

__all__ = ["ADVICE", "ENDINGS", "NAME", "inspect", "reparse"]
NAME = "xlsx"
ENDINGS: tuple[str, ...] = (".xlsx",)
ADVICE: dict[str, tuple[str, ...]] = {
    "save it as .xlsx or .csv": (".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
}
# Only dates that are text have an order to detect; it is detected in the sheet's first rows.
_ROWS_SAMPLED = 2_000
_DAMAGED = ("Excel workbook", "save it again from a spreadsheet program")
# As many as a sheet can have: a damaged row number must not become endless empty rows.
_MOST_ROWS = 1 << 20


def inspect(path: Path, options: ReadOptions) -> list[FileSource]:
    """Return the sheets of a workbook that hold transactions.

    A row's number is the sheet's own, the header's is 1.

    Raises:
        SourceError: it is no workbook, is damaged, or none of its sheets has the needed columns.
    """
    state = FileState.of(path)
    content = digest_of(path)
    sources, problems = [], []
    with opened(path) as stream:
        _read_through(path, stream)
        with _workbook(path, stream) as workbook:
            for sheet in workbook.worksheets:
                lines, rows = sheet.max_row, _cells(path, workbook, sheet.title)
                header = [cell_text(value) for value in next(rows, ())]
                try:
                    columns = find_columns(header, f"{path}, sheet {sheet.title!r}")
                except SourceError as problem:
                    problems.append(problem)
                    continue
                layout = Layout(columns, len(header))
                evidence = _evidence(islice(rows, _ROWS_SAMPLED), columns[DATE])
                facts = SourceFacts(
                    source=hashlib.sha256(f"{content}#{sheet.title}".encode()).hexdigest()[:16],
                    name=text_name(path)
                    + (f"#{sheet.title}" if len(workbook.worksheets) > 1 else ""),
                    format=NAME,
                    encoding="utf-8",
                    date_order=options.date_order or evidence.order,
                    bytes=state.bytes,
                    lines=lines - 1 if lines else None,
                    date_order_known=options.date_order is not None or evidence.decisive,
                    layout=str(layout),
                )
                read = partial(_rows, path, sheet.title, layout)
                sources.append(FileSource(path, facts, state, read))
    if not sources:
        raise problems[0] if problems else SourceError(f"{path}: the workbook has no sheet")
    return sources


def _rows(path: Path, sheet: str, layout: Layout, stream: BufferedReader) -> Iterator[RawRow]:
    """Yield every row after the header that has any cell filled."""
    width = layout.width
    with _workbook(path, stream) as workbook:
        for number, values in enumerate(_cells(path, workbook, sheet), start=1):
            if number == 1 or all(value is None for value in values):
                continue
            # Empty cells at the end are left out of the file, or padded: neither is damage.
            texts = [cell_text(value) for value in values][:width]
            yield row_of(number, texts + [""] * (width - len(texts)), layout)


def _evidence(rows: Iterator[Sequence[Any]], position: int) -> DateOrderDetector:
    evidence = DateOrderDetector()
    for values in rows:
        if len(values) > position and isinstance(values[position], str):
            evidence.add(values[position])
    return evidence


def _read_through(path: Path, stream: BufferedReader) -> None:
    """Read each part of the workbook to its end: damage shows now, not between two sent rows."""
    import zipfile
    from xml.parsers import expat

    with damage_named(path, *_DAMAGED), zipfile.ZipFile(stream) as archive:
        for part in archive.infolist():
            with archive.open(part) as content:
                if part.filename.startswith("xl/worksheets/") and part.filename.endswith(".xml"):
                    expat.ParserCreate().ParseFile(content)
                while content.read(1 << 20):
                    pass


def _cells(path: Path, workbook: Workbook, sheet: str) -> Iterator[Sequence[Any]]:
    with damage_named(path, *_DAMAGED):
        page = workbook[sheet]
        width = page.max_column
        # Some programs write a wrong size: what lies behind it are rows, too.
        page.reset_dimensions()
        for number, values in enumerate(page.iter_rows(max_col=width, values_only=True), start=1):
            if number > _MOST_ROWS:
                raise ValueError(f"sheet {sheet!r} has more than {_MOST_ROWS:,} rows")
            yield values


@contextmanager
def _workbook(path: Path, stream: BufferedReader) -> Iterator[Workbook]:
    # Loaded here, since it takes memory that other files don't need.
    from openpyxl import load_workbook

    with damage_named(path, *_DAMAGED), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles, which carry no data
        workbook = load_workbook(stream, read_only=True, data_only=True)
    try:
        yield workbook
    finally:
        workbook.close()
