"""A workbook gives the transactions that the CSV form of the same data gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from retail_pipeline.adapters.sources.cells import cell_text
from retail_pipeline.adapters.sources.lines import LONGEST_LINE
from retail_pipeline.adapters.sources.registry import inspect
from retail_pipeline.domain.rejection import Reason
from retail_pipeline.errors import SourceError
from tests.sources import transactions

UCI = "InvoiceNo StockCode Description Quantity InvoiceDate UnitPrice CustomerID Country".split()
TWO = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID"]
MOMENT = datetime(2010, 12, 1, 8, 26)
SALE = [536365, 71053, "WHITE METAL LANTERN", 6, MOMENT, 3.39, 17850, "United Kingdom"]
CANCELLATION = ["C536379", "D", "Discount", -1, MOMENT, 27.5, None, "EIRE"]


def workbook(folder: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    path = folder / "retail.xlsx"
    workbook.save(path)
    return path


def test_the_uci_workbook_is_read_by_its_cells_types(tmp_path: Path) -> None:
    [source] = inspect(workbook(tmp_path, {"Online Retail": [UCI, SALE, CANCELLATION]}))
    sale, cancellation = transactions(source)
    assert (sale.InvoiceNo, sale.StockCode, sale.CustomerID) == ("536365", "71053", "17850")
    assert (sale.Quantity, sale.UnitPrice) == (6, "3.39")
    assert sale.InvoiceDate.replace(tzinfo=None) == MOMENT
    assert (cancellation.InvoiceNo, cancellation.CustomerID) == ("C536379", None)
    assert (sale.row, cancellation.row) == (2, 3)
    assert source.facts.name == "retail.xlsx"


def test_each_sheet_with_the_columns_is_a_source_of_its_own(tmp_path: Path) -> None:
    header = [*TWO, "Country"]
    sheets: dict[str, Sequence[Sequence[object]]] = {
        "Year 2009-2010": [header, SALE],
        "Notes": [["made by", "someone"]],
        "Year 2010-2011": [header, SALE],
    }
    sources = inspect(workbook(tmp_path, sheets))
    names = [source.facts.name for source in sources]
    assert names == ["retail.xlsx#Year 2009-2010", "retail.xlsx#Year 2010-2011"]
    assert len({source.facts.source for source in sources}) == 2


def test_blank_rows_are_no_rows_and_short_ones_are_filled(tmp_path: Path) -> None:
    short = SALE[:6]
    [source] = inspect(workbook(tmp_path, {"S": [UCI, SALE, [None] * 8, short]}))
    first, second = transactions(source)
    assert (first.row, second.row) == (2, 4)
    assert (second.CustomerID, second.Country) == (None, None)


def test_text_dates_of_a_workbook_have_a_detected_order(tmp_path: Path) -> None:
    rows = [SALE[:4] + [text] + SALE[5:] for text in ("1/12/2010 8:26", "13/12/2010 8:26")]
    [source] = inspect(workbook(tmp_path, {"S": [UCI, *rows]}))
    assert [item.InvoiceDate.day for item in transactions(source)] == [1, 13]


def test_the_raw_text_of_a_row_is_its_csv_line(tmp_path: Path) -> None:
    odd = [*SALE[:2], 'LANTERN, "BIG"', *SALE[3:]]
    [source] = inspect(workbook(tmp_path, {"S": [UCI, odd]}))
    assert next(source.rows()).raw == (
        '536365,71053,"LANTERN, ""BIG""",6,2010-12-01 08:26:00,3.39,17850,United Kingdom'
    )


def test_a_row_too_long_for_a_record_is_kept_by_its_start(tmp_path: Path) -> None:
    wide = [*SALE, *["\u7efe" * 30_000] * 9]
    [source] = inspect(workbook(tmp_path, {"S": [[*UCI, *"ABCDEFGHI"], wide]}))
    [row] = source.rows()
    assert row.truncated and len(row.raw) == LONGEST_LINE
    assert row.problem and row.problem[0] is Reason.TOO_LONG


def test_a_workbook_that_another_one_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    [source] = inspect(workbook(tmp_path, {"S": [UCI, SALE]}))
    rows = source.rows()
    next(rows)
    workbook(tmp_path, {"S": [UCI, SALE, SALE]})
    with pytest.raises(SourceError, match="retail.xlsx: it changed while it was being read"):
        list(rows)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("x", "x"),
        (True, "TRUE"),
        (6.0, "6"),
        (2.55, "2.55"),
        (0.1 + 0.2, "0.30000000000000004"),
        (date(2010, 12, 1), "2010-12-01"),
        (time(8, 26), "08:26:00"),
    ],
)
def test_a_cell_is_written_as_csv_would_have_it(value: Any, text: str) -> None:
    assert cell_text(value) == text


def test_a_workbook_without_the_columns_is_refused_by_name(tmp_path: Path) -> None:
    path = workbook(tmp_path, {"Notes": [["made by", "someone"]]})
    with pytest.raises(SourceError, match="retail.xlsx, sheet 'Notes': no column InvoiceNo"):
        inspect(path)


def test_a_file_that_only_ends_in_xlsx_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "fake.xlsx"
    path.write_text("InvoiceNo,StockCode\n")
    with pytest.raises(SourceError, match="fake.xlsx: it is no Excel workbook"):
        inspect(path)


def test_a_missing_workbook_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="absent.xlsx: it can't be read"):
        inspect(tmp_path / "absent.xlsx")
