"""Sources as the tests read them."""

from __future__ import annotations

from pathlib import Path

from retail_pipeline.adapters.sources.registry import inspect
from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.parsing import RowParser
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.flows.source import ReadOptions, Source


def source_of(path: Path, encoding: str | None = None, order: DateOrder | None = None) -> Source:
    """Return the one source in a file."""
    [source] = inspect(path, ReadOptions(encoding, order))
    return source


def transactions(source: Source) -> list[Transaction]:
    """Return a source's rows, all of which keep the contract."""
    parser = RowParser(source.facts.source, source.facts.date_order)
    return [parser.parse(row.number, row.fields) for row in source.rows()]


def plain(transaction: Transaction) -> tuple[object, ...]:
    """Return what the row says, without where it is from."""
    return tuple(getattr(transaction, name) for name in DATASET_FIELDS)
