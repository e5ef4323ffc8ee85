"""A delimited file, in every form in which the dataset circulates, becomes the same rows."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from retail_pipeline.adapters.sources.file import text_name
from retail_pipeline.adapters.sources.lines import LONGEST_LINE
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.parsing import RowParser
from retail_pipeline.domain.rejection import Reason, RowError
from retail_pipeline.errors import SourceError
from tests.sources import plain, source_of, transactions

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ROW = "536365,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"


def write(folder: Path, content: str | bytes, name: str = "retail.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


EXPECTED = plain(RowParser("s", DateOrder.MONTH_FIRST).parse(2, ROW[:-1].split(",")))


@pytest.mark.parametrize(
    "content",
    [
        HEADER + ROW,
        "\ufeff" + HEADER + ROW,
        (HEADER + ROW).replace("\n", "\r\n"),
        HEADER + ROW.rstrip("\n"),
        "\n\n" + HEADER + "\n" + ROW + "\n  \n",
        HEADER + ROW.replace("17850.0", "17850"),
        HEADER
        + ROW.replace("2010-12-01 08:26:00", "12/1/2010 8:26")
        + ROW.replace("2010-12-01 08:26:00", "12/13/2010 8:26"),
        HEADER
        + ROW.replace("2010-12-01 08:26:00", "1/12/2010 8:26")
        + ROW.replace("2010-12-01 08:26:00", "13/12/2010 8:26"),
        HEADER + ROW.replace("2010-12-01 08:26:00", "2010-12-01T08:26:00Z"),
        HEADER.replace(",", ";") + ROW.replace(",", ";"),
        HEADER + ",".join(f'"{field}"' for field in ROW[:-1].split(",")) + "\n",
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n" + ROW,
        "Country,Extra,CustomerID,UnitPrice,InvoiceDate,Quantity,Description,StockCode,InvoiceNo\n"
        "United Kingdom,x,17850.0,2.55,2010-12-01 08:26:00,6,WHITE HANGING HEART,85123A,536365\n",
    ],
    ids=[
        "plain",
        "byte-order-mark",
        "crlf",
        "no-last-newline",
        "blank-lines",
        "whole-customer",
        "month-first",
        "day-first",
        "iso-t",
        "semicolons",
        "all-quoted",
        "online-retail-ii",
        "other-order-and-more-columns",
    ],
)
def test_every_form_of_the_file_gives_the_same_transaction(tmp_path: Path, content: str) -> None:
    assert plain(transactions(source_of(write(tmp_path, content)))[0]) == EXPECTED


def test_gzip_and_plain_text_of_the_same_content_are_the_same_source(tmp_path: Path) -> None:
    text = source_of(write(tmp_path, HEADER + ROW))
    packed = source_of(write(tmp_path, gzip.compress((HEADER + ROW).encode()), "retail.csv.gz"))
    assert text.facts.source == packed.facts.source
    assert transactions(text)[0].id == transactions(packed)[0].id


def test_another_content_under_the_same_name_is_another_source(tmp_path: Path) -> None:
    first = source_of(write(tmp_path, HEADER + ROW)).facts.source
    assert source_of(write(tmp_path, HEADER + ROW + ROW)).facts.source != first


@pytest.mark.parametrize(
    ("encoding", "detected"),
    [("utf-8", "utf-8"), ("iso-8859-1", "iso-8859-1"), ("cp1252", "iso-8859-1")],
)
def test_the_encoding_is_detected(tmp_path: Path, encoding: str, detected: str) -> None:
    content = (HEADER + ROW + ROW.replace("WHITE", "£5 CAFÉ")).encode(encoding)
    source = source_of(write(tmp_path, content))
    assert source.facts.encoding == detected
    assert transactions(source)[1].Description == "£5 CAFÉ HANGING HEART"


def test_windows_quotes_are_windows_1252(tmp_path: Path) -> None:
    content = (HEADER + ROW.replace("WHITE", "“WHITE”")).encode("cp1252")
    source = source_of(write(tmp_path, content))
    assert source.facts.encoding == "cp1252"
    assert transactions(source)[0].Description == "“WHITE” HANGING HEART"


def test_one_damaged_line_does_not_change_the_encoding_of_the_others(tmp_path: Path) -> None:
    good = (HEADER + ROW.replace("WHITE", "CAFÉ") * 3).encode()
    source = source_of(write(tmp_path, good + ROW.encode().replace(b"WHITE", b"CAF\xe9")))
    rows = list(source.rows())
    assert source.facts.encoding == "utf-8"
    assert [row.problem is None for row in rows] == [True, True, True, False]
    assert rows[3].raw.encode(rows[3].encoding or "") == ROW[:-1].encode().replace(
        b"WHITE", b"CAF\xe9"
    )


def test_an_encoding_and_an_order_can_be_set(tmp_path: Path) -> None:
    content = HEADER + ROW.replace("2010-12-01 08:26:00", "1/12/2010 8:26")
    source = source_of(write(tmp_path, content), "iso-8859-1", DateOrder.DAY_FIRST)
    assert source.facts.encoding == "iso-8859-1"
    assert source.facts.date_order_known
    assert transactions(source)[0].InvoiceDate.month == 12


def test_dates_that_fit_both_orders_leave_the_order_undecided(tmp_path: Path) -> None:
    content = HEADER + ROW.replace("2010-12-01 08:26:00", "1/12/2010 8:26")
    facts = source_of(write(tmp_path, content)).facts
    assert facts.date_order is DateOrder.MONTH_FIRST
    assert not facts.date_order_known


def test_one_wrong_date_does_not_turn_the_order_of_a_whole_file(tmp_path: Path) -> None:
    dates = ["31/12/2010 8:26", "12/13/2010 8:26", "12/14/2010 8:26", "12/15/2010 8:26"]
    rows = [ROW.replace("2010-12-01 08:26:00", date) for date in dates]
    source = source_of(write(tmp_path, HEADER + "".join(rows)))
    assert source.facts.date_order is DateOrder.MONTH_FIRST
    parser = RowParser("s", source.facts.date_order)
    first, *others = source.rows()
    with pytest.raises(RowError, match="31/12/2010"):
        parser.parse(first.number, first.fields)
    assert [parser.parse(row.number, row.fields).InvoiceDate.day for row in others] == [13, 14, 15]


def test_rows_are_numbered_by_the_line_they_start_on(tmp_path: Path) -> None:
    source = source_of(write(tmp_path, HEADER + ROW + "\n" + ROW))
    assert [row.number for row in source.rows()] == [2, 4]


def test_an_unclosed_quote_breaks_its_own_row_only(tmp_path: Path) -> None:
    broken = ROW.replace("WHITE", '"WHITE')
    quoted = ROW.replace("WHITE HANGING HEART", '"WHITE, HANGING"')
    source = source_of(write(tmp_path, HEADER + broken + ROW * 300 + quoted + ROW))
    rows = list(source.rows())
    assert len(rows) == 303
    assert rows[0].problem is not None and rows[0].problem[0] is Reason.UNCLOSED_QUOTE
    assert rows[0].raw == broken[:-1]
    assert all(row.problem is None for row in rows[1:])
    assert rows[301].fields[2] == "WHITE, HANGING"


def test_an_unclosed_quote_before_a_row_with_quotes_swallows_nothing(tmp_path: Path) -> None:
    broken = ROW.replace("WHITE", '"WHITE')
    quoted = ROW.replace("WHITE HANGING HEART", '"WHITE, HANGING"')
    rows = list(source_of(write(tmp_path, HEADER + broken + quoted + quoted)).rows())
    assert [row.problem is None for row in rows] == [False, True, True]


def test_an_unclosed_quote_on_the_last_line_is_a_broken_row(tmp_path: Path) -> None:
    rows = list(source_of(write(tmp_path, HEADER + ROW + ROW.replace("WHITE", '"W'))).rows())
    assert [row.problem is None for row in rows] == [True, False]


def test_a_quoted_field_may_really_span_lines(tmp_path: Path) -> None:
    spanning = ROW.replace("WHITE HANGING HEART", '"WHITE\nHANGING, ""BIG""\nHEART"')
    source = source_of(write(tmp_path, HEADER + spanning + ROW))
    rows = list(source.rows())
    assert [(row.number, row.problem) for row in rows] == [(2, None), (5, None)]
    assert rows[0].fields[2] == 'WHITE\nHANGING, "BIG"\nHEART'


def test_a_damaged_line_within_a_quoted_field_is_not_stored_with_marks_in_place_of_bytes(
    tmp_path: Path,
) -> None:
    spanning = ROW.replace("WHITE HANGING HEART", '"CAFÉ\nCAF@ HEART"') + ROW.replace("W", "É") * 3
    content = (HEADER + spanning).encode().replace(b"@", b"\xe9")
    rows = list(source_of(write(tmp_path, content)).rows())
    assert [row.problem[0] if row.problem else None for row in rows] == [
        Reason.UNCLOSED_QUOTE,
        Reason.CONTROL_BYTE,
        None,
        None,
        None,
    ]


def test_text_after_a_closing_quote_is_malformed(tmp_path: Path) -> None:
    row = next(source_of(write(tmp_path, HEADER + ROW.replace("WHITE", '"WHITE"x'))).rows())
    # The quote stands at the start of the field, so what follows it must be a comma.
    assert row.problem is not None and row.problem[0] is Reason.MALFORMED_QUOTE


def test_an_inch_mark_within_a_field_is_text(tmp_path: Path) -> None:
    row = next(source_of(write(tmp_path, HEADER + ROW.replace("WHITE", '6" WHITE'))).rows())
    assert row.fields[2] == '6" WHITE HANGING HEART'


def test_an_endless_line_is_one_broken_row_and_bounded(tmp_path: Path) -> None:
    content = HEADER + ROW.replace("WHITE", "W" * (3 * LONGEST_LINE)) + ROW
    rows = list(source_of(write(tmp_path, content)).rows())
    assert rows[0].problem is not None and rows[0].problem[0] is Reason.TOO_LONG
    assert rows[0].truncated and len(rows[0].raw) == LONGEST_LINE
    assert rows[1].problem is None and rows[1].number == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"a,b,c\n1,2,3\n", "no column InvoiceNo"),
        (HEADER.replace("UnitPrice", "Cost").encode(), "no column UnitPrice"),
        (HEADER.replace("Country", "Price").encode(), "two columns hold UnitPrice"),
        (("\ufeff" + HEADER).encode("utf-16"), "UTF-16"),
        (gzip.compress((HEADER + ROW * 1000).encode())[:-20], "damaged or cut short"),
    ],
)
def test_a_file_that_is_no_source_is_refused_by_name(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(SourceError, match=words) as refusal:
        source_of(path)
    assert "retail.csv" in str(refusal.value)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="absent.csv: it can't be read: No such file"):
        source_of(tmp_path / "absent.csv")


def test_line_ends_within_a_quoted_field_are_kept_as_they_are(tmp_path: Path) -> None:
    spanning = ROW.replace("WHITE HANGING HEART", '"WHITE\r\nHEART"').replace("6,2", "x,2")
    [row] = source_of(write(tmp_path, HEADER + spanning)).rows()
    assert row.raw == spanning[:-1] and row.fields[2] == "WHITE\r\nHEART"


def test_a_second_carriage_return_is_no_part_of_the_last_field(tmp_path: Path) -> None:
    source = source_of(write(tmp_path, (HEADER + ROW).replace("\n", "\r\r\n")))
    assert [row.raw for row in source.rows()] == [ROW[:-1] + "\r"]
    assert plain(transactions(source)[0]) == EXPECTED


def test_a_row_of_empty_fields_between_tabs_is_a_row(tmp_path: Path) -> None:
    source = source_of(write(tmp_path, HEADER.replace(",", "\t") + "\t" * 7 + "\n \n"))
    assert [len(row.fields) for row in source.rows()] == [8]


def test_a_text_that_its_encoding_would_write_otherwise_keeps_its_bytes(tmp_path: Path) -> None:
    content = (HEADER + ROW).encode().replace(b"WHITE", b"\xed\x40")
    [row] = source_of(write(tmp_path, content), "cp932").rows()
    assert row.fields[2] == "纊 HANGING HEART"
    assert row.raw.encode(row.encoding or "cp932") == content.split(b"\n")[1]


def test_a_file_that_another_one_replaced_meanwhile_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + ROW)
    source = source_of(path)
    rows = source.rows()
    next(rows)
    write(tmp_path, HEADER + ROW * 2)
    for reading in (rows, source.rows()):
        with pytest.raises(SourceError, match="retail.csv: it changed while it was being read"):
            list(reading)


def test_a_files_name_that_is_no_text_becomes_one() -> None:
    assert text_name(Path(os.fsdecode(b"caf\xe9.csv"))) == "caf\ufffd.csv"
