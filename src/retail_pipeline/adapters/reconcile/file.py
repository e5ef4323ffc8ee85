"""Reads a file for a reconciliation: pandas computes kind, day and money again.

The line on which a row starts is its identity, so the producer's own reader splits the file into
rows. The fields are parsed by other code than the producer's, column by column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from retail_pipeline.adapters.sources.registry import inspect
from retail_pipeline.domain.contract import CONTRACT, DATASET_FIELDS
from retail_pipeline.domain.dates import YEARS, DateOrder
from retail_pipeline.domain.fields import PRICE, UNITS
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.money import to_micros
from retail_pipeline.flows.source import RawRow, ReadOptions, Source
from retail_pipeline.reconcile.ports import File
from retail_pipeline.reconcile.records import Line
from retail_pipeline.reconcile.rowset import RowSet

_PIECE = 20_000
_REQUIRED = [name for name in DATASET_FIELDS if name in CONTRACT.schema["required"]]
_SHORT_YEAR = r"^(\d{1,2}[/.-]\d{1,2})[/.-](\d{2})(?!\d)"


def source_files(paths: Sequence[Path], manifests: Sequence[Manifest]) -> list[File]:
    """Return the sources in the files, each read with the options of its producer.

    Raises:
        SourceError: a file can't be used; the text names it.
    """
    sent = {manifest.source: manifest for manifest in manifests}
    found: dict[str, File] = {}
    for path in paths:
        sources = inspect(path)
        for source in sources:
            manifest = sent.get(source.facts.source)
            detected = (source.facts.encoding, source.facts.date_order)
            if manifest and detected != (manifest.encoding, manifest.date_order):
                options = ReadOptions(manifest.encoding, DateOrder(manifest.date_order))
                sources = inspect(path, options)
                break
        found |= {source.facts.source: SourceFile(source) for source in sources}
    return list(found.values())


class SourceFile:
    """See :class:`retail_pipeline.reconcile.ports.File`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.source = source.facts.source
        self.name = source.facts.name

    def lines(self, rejected: RowSet) -> Iterator[tuple[list[Line], list[tuple[int, str]]]]:
        """Yield the rows in pieces; those that are rejected or can't be parsed, as their texts."""
        facts, rows = self._source.facts, self._source.rows()
        day_first = facts.date_order is DateOrder.DAY_FIRST
        while piece := list(islice(rows, _PIECE)):
            broken: list[tuple[int, str]] = []
            whole: list[RawRow] = []
            for row in piece:
                if row.problem or len(row.fields) != len(DATASET_FIELDS) or row.number in rejected:
                    broken.append((row.number, row.raw))
                else:
                    whole.append(row)
            lines = []
            if whole:
                table = _parsed(whole, day_first)
                good = table[_REQUIRED].notna().all(axis="columns").to_numpy()
                broken += [(row.number, row.raw) for row, ok in zip(whole, good) if not ok]
                lines = _as_lines(facts.source, table[good])
            yield lines, broken


def _parsed(rows: Sequence[RawRow], day_first: bool) -> pd.DataFrame:
    """Return the parsed rows as a frame: the line of each, and the dataset's fields or None.

    Any text may be in any column: a row may be one that the producer has rejected.
    """
    texts = zip(*(row.fields for row in rows), strict=True)
    columns = (pd.Series(column, dtype=object) for column in texts)
    invoice, stock, name, units, date, price, customer, country = columns
    parsed = (
        pd.Series([row.number for row in rows], dtype=object),
        _each(invoice, _trimmed),
        _each(stock, _trimmed),
        _each(name, _as_written),
        _each(units, _whole),
        _moments(date, day_first),
        _each(price, _price),
        _each(customer, _customer),
        _each(country, _as_written),
    )
    return pd.DataFrame(dict(zip(("row", *DATASET_FIELDS), parsed, strict=True)))


def _as_lines(source: str, table: pd.DataFrame) -> list[Line]:
    """Return the frame's rows with amount and kind, computed a column at a time."""
    columns = (table[name].tolist() for name in table)
    row, invoice, stock, name, units, date, price, customer, country = columns
    amount = [number * each for number, each in zip(units, price, strict=True)]
    kind = [
        ("cancellation" if text[0] == "C" else "sale" if number > 0 and each > 0 else "adjustment")
        for text, number, each in zip(invoice, units, price, strict=True)
    ]
    sources, moments = [source] * len(row), map(int, date)
    values = (invoice, stock, name, units, moments, price, customer, country, amount, kind)
    return list(map(Line._make, zip(sources, row, *values, strict=True)))


def _each(column: pd.Series[Any], work: Any) -> pd.Series[Any]:
    """Apply ``work`` to each distinct value: a retail file repeats itself."""
    codes, values = pd.factorize(column)
    found = [work(value) for value in values]
    return pd.Series([found[code] for code in codes], dtype=object)


def _trimmed(text: str) -> str | None:
    return text.strip() or None


def _as_written(text: str) -> str | None:
    return text if text.strip() else None


def _whole(text: str) -> int | None:
    number = pd.to_numeric(text.strip(), errors="coerce")
    # Infinity and what is no number (NaN) are within no bounds.
    return int(number) if _within(UNITS, number) and number == int(number) else None


def _price(text: str) -> int | Decimal | None:
    try:
        price = Decimal(text.strip())
        return to_micros(price) if _within(PRICE, price) else None
    except InvalidOperation:
        return None


def _within(field: str, number: Any) -> bool:
    low, high = CONTRACT.limit(field, "minimum"), CONTRACT.limit(field, "maximum")
    return bool(low <= number <= high)


def _customer(text: str) -> str | None:
    return text.strip(" ").partition(".")[0] or None


def _moments(column: pd.Series[Any], day_first: bool) -> pd.Series[Any]:
    """Return milliseconds since 1970, or None where there is no date of the contract's years."""
    codes, values = pd.factorize(column)
    # As objects: half a character is text of Python's, but not of pandas'.
    texts = pd.Series(values, dtype=object).str.strip()
    iso = texts.str.match(r"\d{4}-")
    found = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us, UTC]")
    found[iso] = pd.to_datetime(texts[iso], format="ISO8601", utc=True, errors="coerce")
    other = texts[~iso].str.replace(_SHORT_YEAR, r"\1/20\2", regex=True)
    found[~iso] = pd.to_datetime(
        other, format="mixed", dayfirst=day_first, utc=True, errors="coerce"
    )
    moments = [each.value // 1_000_000 if each.year in YEARS else None for each in found]
    return pd.Series([moments[code] for code in codes], dtype=object)
