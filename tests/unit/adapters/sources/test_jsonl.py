"""A file of JSON lines gives the transactions that the CSV form of the same data gives."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from retail_pipeline.adapters.sources.lines import LONGEST_LINE
from retail_pipeline.adapters.sources.registry import reparse
from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.rejection import Reason
from retail_pipeline.errors import SourceError
from tests.fakes import manifest
from tests.sources import plain, source_of, transactions

CELLS = ("536365", "85123A", "WHITE HEART", 6, "2010-12-01 08:26:00", 2.55, 17850, "EIRE")
SALE: dict[str, Any] = dict(zip(DATASET_FIELDS, CELLS, strict=True))
TEXTS = tuple(str(cell) for cell in CELLS)


def write(folder: Path, *lines: dict[str, Any] | str | bytes, name: str = "r.jsonl") -> Path:
    path = folder / name
    texts = [json.dumps(line) if isinstance(line, dict) else line for line in lines]
    content = b"".join(
        (text if isinstance(text, bytes) else text.encode()) + b"\n" for text in texts
    )
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize(
    "line",
    [
        SALE,
        {name: str(value) for name, value in SALE.items()},
        {"extra": {"nested": [1]}, **SALE},
        {{"InvoiceNo": "Invoice", "UnitPrice": "price"}.get(key, key): SALE[key] for key in SALE},
        "\ufeff" + json.dumps(SALE) + "  \r",
    ],
    ids=["numbers", "texts", "more-names", "other-names", "byte-order-mark"],
)
def test_numbers_and_texts_give_the_same_transaction(tmp_path: Path, line: Any) -> None:
    [found] = transactions(source_of(write(tmp_path, line)))
    assert plain(found) == plain(transactions(source_of(write(tmp_path, SALE)))[0])
    assert (found.UnitPrice, found.CustomerID, found.row) == ("2.55", "17850", 1)


def test_packed_or_under_another_ending_it_is_the_same_source(tmp_path: Path) -> None:
    names = ("a.jsonl", "b.jsonl.gz", "c.ndjson")
    assert len({source_of(write(tmp_path, SALE, name=each)).facts.source for each in names}) == 1


def test_no_digit_of_a_number_is_lost(tmp_path: Path) -> None:
    line = json.dumps(SALE).replace("2.55", "0.100001").replace("17850", "123456789012345678")
    [found] = transactions(source_of(write(tmp_path, line)))
    assert (found.UnitPrice, found.CustomerID) == ("0.100001", "123456789012345678")


def test_null_and_a_name_that_is_not_there_are_empty(tmp_path: Path) -> None:
    guest = {name: value for name, value in SALE.items() if name != "CustomerID"}
    source = source_of(write(tmp_path, SALE, {**guest, "Description": None}))
    assert [found.CustomerID for found in transactions(source)] == ["17850", None]
    assert transactions(source)[1].Description is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"InvoiceNo": "5', "no JSON: Unterminated string"),
        ("[1, 2]", "no object"),
        ("null", "no object"),
        ('{"a": 1} {"a": 2}', "no JSON: Extra data at character 10"),
        ("[" * 20_000, "brackets are too deep"),
        (json.dumps({**SALE, "Quantity": [6]}), "Quantity is a list or an object"),
        (json.dumps({**SALE, "Invoice": "7"}), "two values of InvoiceNo"),
        (json.dumps(SALE)[:-1] + ', "Country": "UK"}', "two values of Country"),
    ],
)
def test_a_malformed_line_is_one_broken_row_with_its_text(
    tmp_path: Path, line: str, words: str
) -> None:
    first, broken, last = source_of(write(tmp_path, SALE, line, SALE)).rows()
    assert broken.problem and broken.problem[0] is Reason.UNREADABLE_RECORD
    assert words in broken.problem[1]
    assert (broken.number, broken.raw) == (2, line)
    assert first.problem is None and last.problem is None and last.number == 3


def test_an_endless_line_and_a_byte_of_no_encoding_are_broken_rows_too(tmp_path: Path) -> None:
    bad = json.dumps(SALE).encode().replace(b"WHITE", b"CAF\xe9")
    good = json.dumps({**SALE, "Country": "É"}, ensure_ascii=False)
    source = source_of(write(tmp_path, "x" * (3 * LONGEST_LINE), good, bad, "", "  ", good))
    rows = list(source.rows())
    assert [row.number for row in rows] == [1, 2, 3, 6]
    assert [row.problem and row.problem[0] for row in rows] == [
        *(Reason.TOO_LONG, None, Reason.CONTROL_BYTE, None)
    ]
    assert rows[0].truncated and rows[2].raw.encode(rows[2].encoding or "") == bad


def test_encoding_and_order_of_dates_are_detected_over_the_file_or_set(tmp_path: Path) -> None:
    dates = [{**SALE, "InvoiceDate": f"{day}/12/2010 8:26", "Country": "É"} for day in (1, 13)]
    lines = [json.dumps(line, ensure_ascii=False).encode("latin-1") for line in dates]
    source = source_of(write(tmp_path, *lines))
    assert (source.facts.encoding, source.facts.date_order) == ("iso-8859-1", DateOrder.DAY_FIRST)
    assert [(each.Country, each.InvoiceDate.day) for each in transactions(source)] == [
        *(("É", 1), ("É", 13))
    ]
    given = source_of(write(tmp_path, dates[0]), "cp1252", DateOrder.MONTH_FIRST).facts
    assert (given.encoding, given.date_order) == ("cp1252", DateOrder.MONTH_FIRST)


def test_it_goes_on_after_a_row(tmp_path: Path) -> None:
    source = source_of(write(tmp_path, SALE, "", SALE, SALE))
    assert [row.number for row in source.rows(after=1)] == [3, 4]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["[", json.dumps(SALE), "]"][:1], "no column InvoiceNo"),
        ([{"a": 1, "Country": "UK"}], "no column InvoiceNo, .*; its objects have: a, Country"),
        ([], "its objects have: nothing"),
        ([b"\xff\xfe{\x00"], "it is UTF-16"),
    ],
)
def test_a_file_that_is_no_source_is_refused_by_name(
    tmp_path: Path, lines: list[Any], words: str
) -> None:
    with pytest.raises(SourceError, match=f"r.jsonl: .*{words}"):
        source_of(write(tmp_path, *lines))


def test_a_packed_file_that_is_cut_short_is_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, *[SALE] * 1000, name="r.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="damaged or cut short"):
        source_of(path)


@pytest.mark.parametrize("raw", [json.dumps(SALE), json.dumps({**SALE, "Country": "É"}), "{"])
def test_a_raw_row_is_read_again_as_it_was_read(tmp_path: Path, raw: str) -> None:
    source = source_of(write(tmp_path, SALE, raw))
    read = list(source.rows())[1]
    given = manifest(format=source.facts.format, layout=source.facts.layout)
    assert reparse(2, read.raw.encode(), "utf-8", given) == read
