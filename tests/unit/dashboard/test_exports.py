"""What is taken away as CSV is exact, and no spreadsheet takes it for anything else."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pandas as pd
import pytest

from retail_pipeline.dashboard import panel


def cells(*values: object) -> list[str]:
    """Return values as they stand in a file."""
    frame = pd.DataFrame({"Value": list(values)}, dtype=object)
    [header, *rows] = csv.reader(io.StringIO(panel.csv_text(frame), newline=""))
    assert header == ["Value"], "the first line, always"
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0.125", "0.125"),
        ("0.001", "0.001"),
        ("15.300000", "15.30"),
        ("-12", "-12.00"),
        ("1E+3", "1000.00"),
        ("1E-6", "0.000001"),
        ("-0.00", "0.00"),
        ("99999999999999.999999", "99999999999999.999999"),
    ],
)
def test_money_and_prices_keep_every_decimal_in_plain_notation(amount: str, text: str) -> None:
    assert cells(Decimal(amount)) == [text]


def test_a_quotient_has_as_many_decimals_as_a_price_and_is_rounded_half_up() -> None:
    assert cells(Decimal(2) / 3, Decimal("0.0000005")) == ["0.666667", "0.000001"]


def test_an_export_of_single_pence_adds_up() -> None:
    amounts = [Decimal("0.125"), Decimal("0.115"), Decimal("-0.005")]
    assert sum(map(Decimal, cells(*amounts))) == sum(amounts)


@pytest.mark.parametrize(
    "text", ["", " ", "a,b", 'say "so"', "two\nlines", "a\rb", "a-b", "−5", "0012"]
)
def test_text_comes_back_from_a_csv_reader_as_it_was(text: str) -> None:
    assert cells(text, "next") == [text, "next"]


@pytest.mark.parametrize("text", ["=1+1", "+44", "-5", "@SUM", "\tx", "\rx", "-"])
def test_text_that_a_spreadsheet_takes_for_a_formula_is_quoted(text: str) -> None:
    assert cells(text) == [f"'{text}"]


def test_numbers_below_zero_are_no_formulas() -> None:
    assert cells(-5, -0.25, Decimal("-1.5")) == ["-5", "-0.25", "-1.50"]


def test_nothing_is_empty_and_a_formula_is_text() -> None:
    assert cells(None, float("nan"), pd.NA, "=1+1", "a,b", 5) == ["", "", "", "'=1+1", "a,b", "5"]
