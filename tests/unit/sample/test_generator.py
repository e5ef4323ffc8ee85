"""The made-up dataset is the same everywhere, and looks like a shop's."""

from __future__ import annotations

import csv
import hashlib
import tracemalloc
from collections import Counter
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.money import format_pence
from retail_pipeline.domain.parsing import RowParser
from retail_pipeline.domain.rejection import Reason, RowError
from retail_pipeline.domain.transaction import Kind, Transaction, kind_of, total_amount
from retail_pipeline.errors import UsageError
from retail_pipeline.sample.catalogue import UK, opening_hours, quoted
from retail_pipeline.sample.generator import sample_lines
from retail_pipeline.sample.invalid_rows import DIRT_KINDS, break_line
from retail_pipeline.sample.writer import write_sample
from tests.sources import source_of

HEADER = ",".join(DATASET_FIELDS) + "\n"


def parsed(lines: list[str]) -> list[Transaction]:
    """Return the transactions of clean lines."""
    parser = RowParser("0123456789abcdef", DateOrder.MONTH_FIRST)
    rows = csv.reader(lines, strict=True)
    return [parser.parse(number, fields) for number, fields in enumerate(rows, 2)]


@cache
def clean_year() -> list[Transaction]:
    """Return a year of 60,000 clean rows, made once."""
    return parsed(list(sample_lines(60_000, 7, 0))[1:])


def kind(found: Transaction) -> Kind:
    """Return what a row is."""
    amount = total_amount(found.Quantity, found.UnitPrice)
    return kind_of(found.InvoiceNo, amount, found.Quantity)


def test_the_same_rows_and_seed_give_the_same_bytes_on_every_platform() -> None:
    text = "".join(sample_lines(20_000, 7)).encode()
    assert hashlib.sha256(text).hexdigest() == (
        "cfc4605d4c669aec88ff2f4094a69a29a52cc3357723dcba1c814b7699dcbcf0"
    ), "a change of the generator changes everybody's sample: say so in the changelog"


def test_another_seed_gives_another_shop() -> None:
    assert list(sample_lines(50, 1)) != list(sample_lines(50, 2))


@pytest.mark.parametrize("rows", [0, 1, 2, 100, 5_001])
@pytest.mark.parametrize("dirty", [0.0, 0.3])
def test_there_is_a_header_and_exactly_as_many_lines_as_asked_for(rows: int, dirty: float) -> None:
    lines = list(sample_lines(rows, 3, dirty))
    assert lines[0] == HEADER
    assert len(lines) == rows + 1
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    assert not any("\r" in line for line in lines)


def test_without_dirt_every_row_keeps_the_contract() -> None:
    assert len(clean_year()) == 60_000


def test_invoices_follow_one_another_in_time_over_the_whole_period() -> None:
    moments = [found.InvoiceDate for found in clean_year()]
    assert moments == sorted(moments)
    assert (moments[0].date(), moments[-1].date()) == (date(2010, 12, 1), date(2011, 12, 9))


def test_an_invoice_has_one_moment_and_one_customer() -> None:
    seen: dict[str, tuple[object, ...]] = {}
    for found in clean_year():
        if not found.InvoiceNo.startswith("C"):
            facts = (found.InvoiceDate, found.CustomerID, found.Country)
            assert seen.setdefault(found.InvoiceNo, facts) == facts


def test_the_shop_sells_most_in_november_and_around_noon_and_never_on_saturdays() -> None:
    year = clean_year()
    months = Counter(found.InvoiceDate.strftime("%Y-%m") for found in year)
    hours = Counter(found.InvoiceDate.hour for found in year)
    assert months.most_common(1)[0][0] == "2011-11"
    assert hours.most_common(1)[0][0] in (11, 12, 13) and set(hours) <= set(range(6, 21))
    assert 5 not in {found.InvoiceDate.weekday() for found in year}


def test_the_shares_are_those_of_the_real_dataset() -> None:
    year = clean_year()
    kinds = Counter(map(kind, year))
    guests = sum(found.CustomerID is None for found in year)
    british = sum(found.Country == UK for found in year)
    assert 0.20 < guests / len(year) < 0.30
    assert 0.85 < british / len(year) < 0.95
    assert 0.012 < kinds[Kind.CANCELLATION] / len(year) < 0.023
    assert 0.003 < kinds[Kind.ADJUSTMENT] / len(year) < 0.007


def test_a_few_products_and_customers_make_much_of_the_trade() -> None:
    for field, expected in (("StockCode", 0.25), ("CustomerID", 0.35)):
        counts = Counter(getattr(found, field) for found in clean_year())
        del counts[None]
        best = sum(count for _, count in counts.most_common(len(counts) // 10))
        assert best / counts.total() > expected, field


def test_what_comes_back_was_sold_before() -> None:
    sold: Counter[tuple[object, ...]] = Counter()
    for found in clean_year():
        line = (found.StockCode, found.UnitPrice, found.CustomerID, abs(found.Quantity))
        if found.InvoiceNo.startswith("C") and found.StockCode[0].isdigit():
            assert found.Quantity < 0
            assert sold[line] > 0, f"{found} undoes nothing"
            sold[line] -= 1
        else:
            sold[line] += 1


def test_the_office_books_what_a_shops_office_books() -> None:
    year = clean_year()
    codes = {found.StockCode for found in year}
    assert {"POST", "DOT", "M", "B", "AMAZONFEE", "BANK CHARGES"} <= codes
    debt = [found for found in year if found.InvoiceNo.startswith("A")]
    assert [found.UnitPrice for found in debt] == ["11062.06", "-11062.06"]
    written_off = [found for found in year if found.UnitPrice == "0"]
    assert {"damaged", "?", None} <= {found.Description for found in written_off}
    assert {found.Quantity > 0 for found in written_off} == {True, False}


def test_prices_have_two_decimals_and_descriptions_what_careless_readers_get_wrong() -> None:
    text = "".join(sample_lines(20_000, 7, 0))
    for row in islice(csv.reader(text.splitlines()), 1, None):
        assert Decimal(row[5]).as_tuple().exponent == -2
    assert all(awkward in text for awkward in ("£", "É", ',"', '""'))
    text.encode("iso-8859-1")  # as the Kaggle copies of the real dataset are


def test_some_lines_are_there_twice() -> None:
    lines = list(sample_lines(20_000, 7, 0))
    assert sum(a == b for a, b in zip(lines, lines[1:])) > 20


def test_one_row_in_a_thousand_is_broken_by_default() -> None:
    clean, soiled = list(sample_lines(30_000, 7, 0)), list(sample_lines(30_000, 7))
    differing = sum(a != b for a, b in zip(clean, soiled, strict=True))
    assert 10 < differing < 60


def test_with_nothing_but_dirt_no_row_is_a_transaction() -> None:
    parser = RowParser("0123456789abcdef", DateOrder.MONTH_FIRST)
    for line in islice(sample_lines(200, 7, 1), 1, None):
        with pytest.raises((RowError, csv.Error)):
            parser.parse(2, next(csv.reader([line], strict=True)))


@pytest.mark.parametrize(
    ("number", "reason"),
    enumerate(
        (
            Reason.WRONG_FIELD_COUNT, Reason.NOT_A_NUMBER, Reason.UNCLOSED_QUOTE,
            Reason.IMPOSSIBLE_DATE, Reason.EMPTY_FIELD, Reason.NOT_FINITE,
            Reason.WRONG_FIELD_COUNT, Reason.OUT_OF_RANGE, Reason.CONTROL_BYTE,
            Reason.EMPTY_FIELD, Reason.NOT_A_NUMBER, Reason.NOT_FINITE, Reason.NOT_WHOLE,
            Reason.IMPOSSIBLE_DATE, Reason.TOO_LONG,
        )
    ),
)  # fmt: skip
@pytest.mark.parametrize("line", [1, 14])
def test_each_kind_of_dirt_is_refused_for_its_own_reason(
    tmp_path: Path, number: int, reason: Reason, line: int
) -> None:
    lines = list(sample_lines(30, 7, 0))
    lines[line] = break_line(
        '5,20231,"RECORD FRAME 7"" SINGLE",6,2011-01-04 10:00:00,2.55,,UK\n', number
    )
    path = tmp_path / "soiled.csv"
    path.write_text("".join(lines), "utf-8", newline="\n")
    assert rejected(path) == {line + 1: reason}
    assert number < DIRT_KINDS


def rejected(path: Path) -> dict[int, str]:
    """Return the reason of each row of a file that is no transaction, by its line."""
    source = source_of(path)
    parser = RowParser("0123456789abcdef", source.facts.date_order)
    found: dict[int, str] = {}
    for row in source.rows():
        if row.problem:
            found[row.number] = row.problem[0]
            continue
        try:
            parser.parse(row.number, row.fields)
        except RowError as error:
            found[row.number] = error.reason
    return found


def test_every_row_of_a_soiled_file_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    write_sample(path, 20_000, 7, 0.02)
    numbers = [row.number for row in source_of(path).rows()]
    assert numbers == list(range(2, 20_002))
    clean = sample_lines(20_000, 7, 0)
    with path.open(encoding="utf-8", newline="\n") as soiled:
        broken = {
            number for number, (a, b) in enumerate(zip(clean, soiled, strict=True), 1) if a != b
        }
    assert set(rejected(path)) == broken


def test_memory_does_not_grow_with_the_number_of_rows() -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        for _ in sample_lines(rows, 7):
            pass
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(60_000) < peak(15_000) * 1.2


def test_a_period_of_ones_own_is_kept_to() -> None:
    lines = list(sample_lines(500, 7, 0, start=date(2024, 1, 5), days=2))[1:]
    assert {line.split(",")[-4][:10] for line in lines} == {"2024-01-05"}, "the 6th is a Saturday"


@pytest.mark.parametrize(
    ("start", "days"), [(date(2011, 1, 8), 1), (date(2010, 12, 24), 11), (date(2011, 1, 4), 0)]
)
def test_a_period_in_which_the_shop_is_closed_is_refused(start: date, days: int) -> None:
    with pytest.raises(UsageError, match="closed"):
        sample_lines(10, 7, start=start, days=days)


@pytest.mark.parametrize(
    ("start", "days"),
    [(date(1899, 12, 31), 9), (date(2100, 12, 30), 3), (date(2000, 1, 1), 99_999_999)],
)
def test_a_period_beyond_the_contracts_years_is_refused(start: date, days: int) -> None:
    with pytest.raises(UsageError, match="1900 to 2100"):
        opening_hours(Random(1), start, days)


def test_amounts_in_pence_become_pounds() -> None:
    assert [format_pence(pence) for pence in (0, 5, 295, -110_620)] == [
        "0.00",
        "0.05",
        "2.95",
        "-1106.20",
    ]


def test_a_field_is_quoted_only_where_it_must_be() -> None:
    assert [quoted(text) for text in ("A", "A,B", '7"')] == ["A", '"A,B"', '"7"""']
