"""Parquet files: columns of decimals, doubles, texts, dates and timestamps, read in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from retail_pipeline.adapters.sources.cells import cell_text, reparse, row_of
from retail_pipeline.adapters.sources.columns import DATE, PLAIN, find_columns
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
    from pyarrow import Array
    from pyarrow.parquet import ParquetFile

__all__ = ["ADVICE", "ENDINGS", "NAME", "inspect", "reparse"]
NAME = "parquet"
ENDINGS: tuple[str, ...] = (".parquet",)
ADVICE: dict[str, tuple[str, ...]] = {"let its name end in .parquet": (".pq", ".parq")}
_DAMAGED = ("Parquet file", "write it again")
# However large a row group is, so many rows and bytes of a column are in memory at a time.
_BATCH_ROWS = 1_000
_BUFFER_BYTES = 1 << 20


def inspect(path: Path, options: ReadOptions) -> list[FileSource]:
    """Read the whole file once for its identity, columns and order of dates.

    Rows are numbered from 1. Damage shows here, and not between two rows that are sent.

    Raises:
        SourceError: it can't be read, is damaged, or lacks a needed column.
    """
    state, digest, detector = FileState.of(path), digest_of(path), DateOrderDetector()
    with opened(path) as stream, _parquet(path, stream) as file:
        columns = _columns(path, file)
        for texts in _batches(file, columns):
            for date, _ in groupby(texts[DATE]):
                detector.add(date)
        rows = file.metadata.num_rows
    facts = SourceFacts(
        source=digest[:16],
        name=text_name(path),
        format=NAME,
        encoding="utf-8",
        date_order=options.date_order or detector.order,
        bytes=state.bytes,
        lines=rows,
        date_order_known=options.date_order is not None or detector.decisive,
        layout=str(PLAIN),
    )
    return [FileSource(path, facts, state, partial(_rows, path, columns))]


def _rows(path: Path, columns: Sequence[str], stream: BufferedReader) -> Iterator[RawRow]:
    number = 0
    with _parquet(path, stream) as file:
        for texts in _batches(file, columns):
            for number, cells in enumerate(zip(*texts, strict=True), start=number + 1):
                yield row_of(number, cells, PLAIN)


def _columns(path: Path, file: ParquetFile) -> list[str]:
    """Return the names of the columns of the eight fields."""
    from pyarrow import types

    schema = file.schema_arrow
    found = [schema.field(place) for place in find_columns(schema.names, str(path), "it has")]
    for column in found:
        if types.is_nested(column.type):
            raise SourceError(f"{path}: column {column.name} has lists or objects, not values")
    return [column.name for column in found]


def _batches(file: ParquetFile, columns: Sequence[str]) -> Iterator[list[list[str]]]:
    """Yield the texts of the columns, a few rows at a time."""
    for batch in file.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False):
        yield [_texts(batch.column(name)) for name in columns]


def _texts(column: Array) -> list[str]:
    """Return the values as a CSV file would have them."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_timestamp(kind):
        # In UTC, and as Arrow writes it: Python's dates end with the year 9999.
        unit = "us" if kind.unit == "ns" else kind.unit
        column = column.cast(pa.timestamp(unit), safe=False).cast(pa.string())
    elif types.is_date(kind):
        column = column.cast(pa.string())
    elif types.is_float16(kind) or types.is_float32(kind):
        # By its shortest text: 2.55 with more bits is 2.549999952316284.
        column = column.cast(pa.string()).cast(pa.float64())
    elif not types.is_primitive(kind) and not types.is_null(kind) and not types.is_decimal(kind):
        # Text, or what a program wrote as bytes: one byte that is no text costs only its own row.
        values = column.cast(pa.binary()).to_pylist()
        return [(value or b"").decode("utf-8", "surrogateescape") for value in values]
    return [cell_text(value) for value in column.to_pylist()]


@contextmanager
def _parquet(path: Path, stream: BufferedReader) -> Iterator[ParquetFile]:
    # Loaded here, since it takes memory that other files don't need.
    from pyarrow.parquet import ParquetFile

    with damage_named(path, *_DAMAGED):
        yield ParquetFile(
            stream,
            buffer_size=_BUFFER_BYTES,
            page_checksum_verification=True,
            coerce_int96_timestamp_unit="ms",
        )
