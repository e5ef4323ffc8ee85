"""The same rows in a file of any format are the same transactions."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
import pytest
from openpyxl import Workbook
from pyarrow import parquet as pq

from retail_pipeline.adapters.sources.registry import FORMATS
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.flows.produce import Production
from retail_pipeline.flows.throttle import Throttle
from retail_pipeline.sample.writer import write_sample
from tests.fakes import FakeCheckpoints, FakePublisher
from tests.sources import plain, source_of, transactions

ROWS = 400


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "sample.csv"
    write_sample(path, ROWS, 3, dirty=0)
    return path


def typed(path: Path, number: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Return a file's rows, with values of the types that a program would give them."""
    kinds: dict[str, Callable[[str], Any]] = {
        "Quantity": int,
        "InvoiceDate": datetime.fromisoformat,
        "UnitPrice": number,
    }
    kinds |= {"CustomerID": lambda text: int(float(text)) if text else None}
    with path.open(newline="") as file:
        return [
            {name: kinds.get(name, str)(text) for name, text in row.items()}
            for row in csv.DictReader(file)
        ]


def as_jsonl(path: Path) -> Path:
    to = path.with_suffix(".jsonl")
    to.write_text("".join(json.dumps(row, default=str) + "\n" for row in typed(path, float)))
    return to


def as_parquet(path: Path) -> Path:
    to = path.with_suffix(".parquet")
    pq.write_table(pa.Table.from_pylist(typed(path, Decimal)), to)
    return to


def as_xlsx(path: Path) -> Path:
    to, workbook = path.with_suffix(".xlsx"), Workbook()
    rows = typed(path, float)
    for row in [list(rows[0]), *(list(each.values()) for each in rows)]:
        workbook.worksheets[0].append(row)
    workbook.save(to)
    return to


@pytest.mark.parametrize("convert", [as_jsonl, as_parquet, as_xlsx])
def test_the_sample_is_the_same_transactions_in_every_format(
    sample: Path, convert: Callable[[Path], Path]
) -> None:
    expected = [plain(row) for row in transactions(source_of(sample))]
    assert len(expected) == ROWS
    assert [plain(row) for row in transactions(source_of(convert(sample)))] == expected


@pytest.mark.parametrize("convert", [as_jsonl, as_parquet, as_xlsx])
def test_a_producer_that_stopped_goes_on_where_it_was_in_every_format(
    sample: Path, convert: Callable[[Path], Path]
) -> None:
    source, checkpoints = source_of(convert(sample)), FakeCheckpoints()
    first, second = FakePublisher(), FakePublisher()
    stop = Event()
    throttle = Throttle(stop, rate=1e9)
    stop.set()
    Production(source, first, checkpoints, throttle, stop).run()
    stop.clear()
    end = Production(source, second, checkpoints, throttle, stop).run()
    numbers = [each.row for each in [*first.of(Transaction), *second.of(Transaction)]]
    assert numbers == [row.number for row in source.rows()]
    assert first.of(Transaction) and second.of(Transaction) and end.complete


def test_every_format_is_compared_here() -> None:
    assert {each.NAME for each in FORMATS} == {"csv", "jsonl", "parquet", "xlsx"}
