"""A row's raw text, read as its file was read."""

from __future__ import annotations

import csv
from io import BytesIO
from itertools import islice

import msgspec

from retail_pipeline.adapters.sources.csv_rows import Dialect, LineReader, read_rows, split_line
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.rejection import Reason
from retail_pipeline.flows.source import RawRow


def reread(number: int, raw: bytes, encoding: str, manifest: Manifest) -> RawRow:
    """Return the row in ``raw``, under its ``number``; a problem says why it is none.

    Raises:
        LookupError: there is no such encoding.
    """
    if manifest.format == "xlsx":
        return _sheet_row(number, raw.decode(encoding))
    dialect = Dialect(encoding, manifest.delimiter, manifest.width)
    rows = list(islice(read_rows(LineReader(BytesIO(raw)), dialect), 2))
    if len(rows) != 1:
        found = "more than one row" if rows else "no row"
        return RawRow(number, (), "", (Reason.WRONG_FIELD_COUNT, f"the text is {found}"))
    return msgspec.structs.replace(rows[0], number=number)


def _sheet_row(number: int, text: str) -> RawRow:
    """Return a workbook's row, which was written down as a line of CSV."""
    try:
        return RawRow(number, split_line(text, ","), text)
    except csv.Error as error:
        return RawRow(number, (), text, (Reason.MALFORMED_QUOTE, f"malformed quotes: {error}"))
