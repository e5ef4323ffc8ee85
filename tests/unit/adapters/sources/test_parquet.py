"""A Parquet file gives the transactions that the CSV form of the same data gives."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from retail_pipeline.adapters.sources import parquet
from retail_pipeline.adapters.sources.registry import reparse
from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.parsing import RowParser
from retail_pipeline.domain.rejection import Reason, RowError
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import SourceError
from retail_pipeline.flows.source import RawRow, Source
from tests.fakes import manifest
from tests.sources import plain, source_of, transactions

MOMENT = datetime(2010, 12, 1, 8, 26)
CELLS = ("536365", "71053", "WHITE LANTERN", 6, MOMENT, 3.39, 17850, "EIRE")
SALE: dict[str, Any] = dict(zip(DATASET_FIELDS, CELLS, strict=True))


def column(values: Any, kind: Any = None) -> Any:
    return pa.array(values if isinstance(values, list) else [values], kind)


def write(folder: Path, rows: int = 1, **columns: Any) -> Path:
    """Write the sale ``rows`` times; a column of another type, or no column, takes one's place."""
    table = {name: columns.pop(name, column([SALE[name]] * rows)) for name in SALE} | columns
    path = folder / "retail.parquet"
    kept = {name: values for name, values in table.items() if values is not None}
    pq.write_table(pa.table(kept), path, row_group_size=max(rows // 2, 1))
    return path


def one(folder: Path, **columns: Any) -> Transaction:
    [found] = transactions(source_of(write(folder, **columns)))
    return found


def refusal(source: Source, row: RawRow) -> Reason:
    with pytest.raises(RowError) as refused:
        RowParser("s", source.facts.date_order).parse(row.number, row.fields)
    return refused.value.reason


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (column(3.39), "3.39"),
        (column(3.39, pa.float32()), "3.39"),
        (column(Decimal("3.3900"), pa.decimal128(18, 4)), "3.39"),
        (column("3.39"), "3.39"),
        (column(3), "3"),
        (column(3.0), "3"),
        (column(0.07), "0.07"),
    ],
    ids=["double", "float", "decimal", "text", "int", "whole-double", "small-double"],
)
def test_a_price_is_exact_whatever_its_columns_type(tmp_path: Path, price: Any, text: str) -> None:
    assert one(tmp_path, UnitPrice=price).UnitPrice == text


@pytest.mark.parametrize(
    "moment",
    [
        column(MOMENT, pa.timestamp("s")),
        column(MOMENT, pa.timestamp("ms")),
        column(MOMENT, pa.timestamp("ns")),
        column(MOMENT.replace(tzinfo=UTC), pa.timestamp("us", "UTC")),
        column(
            datetime(2010, 12, 1, 9, 26, tzinfo=ZoneInfo("Europe/Paris")),
            pa.timestamp("us", "Europe/Paris"),
        ),
        column("12/1/2010 8:26"),
    ],
    ids=["seconds", "milliseconds", "nanoseconds", "utc", "paris", "text"],
)
def test_a_moment_is_the_same_whatever_its_columns_type(tmp_path: Path, moment: Any) -> None:
    assert one(tmp_path, InvoiceDate=moment).InvoiceDate.replace(tzinfo=None) == MOMENT


def test_a_moment_of_old_programs_and_a_date_are_moments(tmp_path: Path) -> None:
    path = write(tmp_path)
    pq.write_table(pq.read_table(path), path, use_deprecated_int96_timestamps=True)
    [old] = transactions(source_of(path))
    assert old.InvoiceDate.replace(tzinfo=None) == MOMENT
    day = one(tmp_path, InvoiceDate=column(date(2010, 12, 1))).InvoiceDate
    assert day.replace(tzinfo=None) == datetime(2010, 12, 1)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.float64()])
def test_a_number_of_an_invoice_and_of_a_customer_has_no_point(tmp_path: Path, kind: Any) -> None:
    values = {name: column(["536365"]).cast(kind) for name in ("InvoiceNo", "CustomerID")}
    found = one(tmp_path, **values)
    assert (found.InvoiceNo, found.CustomerID) == ("536365", "536365")


def test_null_is_empty_and_categories_are_texts(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        Description=column(["A"]).dictionary_encode(),
        CustomerID=column([None], pa.float64()),
        Country=pa.nulls(1),
    )
    assert (found.Description, found.CustomerID, found.Country) == ("A", None, None)


def test_columns_go_by_other_names_in_any_order_beside_others(tmp_path: Path) -> None:
    path = write(tmp_path, InvoiceNo=None, CustomerID=None, tags=column([["a"]]))
    table = pq.read_table(path).append_column("Customer ID", column([17850]))
    pq.write_table(table.append_column("Invoice", column(["536365"])), path)
    [found] = transactions(source_of(path))
    assert plain(found) == plain(one(tmp_path))


def test_rows_are_numbered_over_batches_and_row_groups_and_go_on_after_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_BATCH_ROWS", 3)
    source = source_of(write(tmp_path, rows=20))
    assert [row.number for row in source.rows()] == list(range(1, 21))
    assert [row.number for row in source.rows(after=17)] == [18, 19, 20]
    assert source.facts.lines == 20


def test_a_date_that_never_was_and_bytes_that_are_no_text_break_their_own_row_only(
    tmp_path: Path,
) -> None:
    late = column([0, 10**17, 0], pa.timestamp("ms"))
    names = column([b"A", b"A", b"CAF\xe9"])
    source = source_of(write(tmp_path, 3, InvoiceDate=late, Description=names))
    good, never, bad = source.rows()
    assert (refusal(source, never), refusal(source, bad)) == (
        Reason.IMPOSSIBLE_DATE,
        Reason.CONTROL_BYTE,
    )
    assert RowParser("s", source.facts.date_order).parse(1, good.fields).Description == "A"
    assert b"CAF\xe9" in bad.raw.encode(bad.encoding or "utf-8")


def test_a_raw_row_is_read_again_as_it_was_read(tmp_path: Path) -> None:
    names = column(["A, B", "É", b"CAF\xe9".decode("latin-1")])
    source = source_of(write(tmp_path, 3, Description=names))
    given = manifest(format=source.facts.format, layout=source.facts.layout)
    for row in source.rows():
        again = reparse(row.number, row.raw.encode(row.encoding or "utf-8"), "utf-8", given)
        assert (again.number, list(again.fields)) == (row.number, list(row.fields))


def test_text_dates_have_a_detected_order_or_the_one_that_is_set(tmp_path: Path) -> None:
    days = column(["1/12/2010 8:26", "13/12/2010 8:26"])
    path = write(tmp_path, 2, InvoiceDate=days)
    assert [each.InvoiceDate.day for each in transactions(source_of(path))] == [1, 13]
    assert source_of(path, order=DateOrder.MONTH_FIRST).facts.date_order is DateOrder.MONTH_FIRST


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"UnitPrice": None}, "no column UnitPrice; it has: InvoiceNo, "),
        ({"Price": column([1])}, "two columns hold UnitPrice"),
        ({"Quantity": column([[6]])}, "column Quantity has lists or objects"),
    ],
)
def test_a_file_without_the_columns_is_refused_by_name(
    tmp_path: Path, columns: dict[str, Any], words: str
) -> None:
    with pytest.raises(SourceError, match=f"retail.parquet: {words}"):
        source_of(write(tmp_path, **columns))


@pytest.mark.parametrize("kept", [0, 6, 400, -1])
def test_a_file_that_is_cut_short_is_refused_by_name(tmp_path: Path, kept: int) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SourceError, match="retail.parquet: it is no Parquet file, or damaged"):
        source_of(path)


def test_damage_to_a_page_is_found_before_a_row_is_sent(tmp_path: Path) -> None:
    path = write(tmp_path, rows=2_000)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(SourceError, match="retail.parquet: it is no Parquet file, or damaged"):
        source_of(path)
