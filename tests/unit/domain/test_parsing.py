"""A row's fields become a transaction, exactly, or the reason why they can't."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.domain.contract import CONTRACT, DATASET_FIELDS
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.parsing import (
    RowParser,
    parse_code,
    parse_customer,
    parse_price,
    parse_quantity,
    parse_text,
    shown,
)
from retail_pipeline.domain.rejection import Reason, RowError
from retail_pipeline.domain.transaction import Transaction

SOURCE = "0123456789abcdef"
GOOD = ["536365", "85123A", "WHITE HOLDER", "6", "2010-12-01 08:26:00", "2.55", "17850", "EIRE"]


def parser() -> RowParser:
    return RowParser(SOURCE, DateOrder.MONTH_FIRST)


def changed(**fields: str) -> list[str]:
    return [fields.get(name, value) for name, value in zip(DATASET_FIELDS, GOOD, strict=True)]


def refusal(parse: Callable[[], object]) -> RowError:
    with pytest.raises(RowError) as caught:
        parse()
    return caught.value


def test_a_good_row_keeps_every_field_as_it_was_written() -> None:
    found = parser().parse(2, GOOD)
    assert (found.source, found.row) == (SOURCE, 2)
    assert (found.InvoiceNo, found.StockCode, found.Description) == tuple(GOOD[:3])
    assert (found.Quantity, found.UnitPrice) == (6, "2.55")
    assert found.InvoiceDate == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert (found.CustomerID, found.Country) == ("17850", "EIRE")
    assert found.schema_version == 1 and found.ingested_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (GOOD[:7], Reason.WRONG_FIELD_COUNT),
        ([*GOOD, ""], Reason.WRONG_FIELD_COUNT),
        ([], Reason.WRONG_FIELD_COUNT),
        (changed(InvoiceNo=""), Reason.EMPTY_FIELD),
        (changed(StockCode=" \xa0"), Reason.EMPTY_FIELD),
        (changed(Quantity="six"), Reason.NOT_A_NUMBER),
        (changed(Quantity=""), Reason.NOT_A_NUMBER),
        (changed(Quantity="1.5"), Reason.NOT_WHOLE),
        (changed(Quantity="99999999999"), Reason.OUT_OF_RANGE),
        (changed(Quantity="1" * 19), Reason.OUT_OF_RANGE),
        (changed(UnitPrice="2,55"), Reason.NOT_A_NUMBER),
        (changed(UnitPrice="£2.55"), Reason.NOT_A_NUMBER),
        (changed(UnitPrice="NaN"), Reason.NOT_FINITE),
        (changed(UnitPrice="-inf"), Reason.NOT_FINITE),
        (changed(UnitPrice="0.0000001"), Reason.OUT_OF_RANGE),
        (changed(UnitPrice="2\x00"), Reason.CONTROL_BYTE),
        (changed(InvoiceDate="2011-02-30 10:00"), Reason.IMPOSSIBLE_DATE),
        (changed(InvoiceDate="yesterday"), Reason.IMPOSSIBLE_DATE),
        (changed(CustomerID="abc"), Reason.NOT_A_NUMBER),
        (changed(CustomerID="17850.5"), Reason.NOT_WHOLE),
        (changed(Description="A\x07B"), Reason.CONTROL_BYTE),
        (changed(Country="\ud800"), Reason.CONTROL_BYTE),
        (changed(Description="A" * 1001), Reason.TOO_LONG),
        (changed(InvoiceDate=" " * 5000 + "2011-01-01"), Reason.TOO_LONG),
    ],
)
def test_a_row_that_breaks_the_contract_is_refused_with_its_reason(
    row: list[str], reason: Reason
) -> None:
    error = refusal(lambda: parser().parse(2, row))
    assert error.reason is reason
    assert "\n" not in error.detail and len(error.detail) < 300


def test_the_reason_names_the_field_and_shows_what_was_found() -> None:
    error = refusal(lambda: parser().parse(2, changed(Quantity="six")))
    assert str(error) == "Quantity is 'six', not a number"


def test_what_an_error_shows_is_escaped_and_cut() -> None:
    assert shown("a\x00") == r"'a\x00'"
    assert shown("x" * 500) == repr("x" * 60 + "…")


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("6", 6), (" 6 ", 6), ("6.0", 6), ("6.", 6), ("+6", 6), ("-12", -12), ("-0", 0),
        ("006", 6), ("1e3", 1000), ("1.5e1", 15), ("10000000", 10_000_000),
        ("-10000000", -10_000_000),
    ],
)  # fmt: skip
def test_units_are_read_in_every_form_in_which_files_write_them(text: str, units: int) -> None:
    assert parse_quantity(text) == units
    assert type(parse_quantity(text)) is int


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("6.5", Reason.NOT_WHOLE), ("1e-3", Reason.NOT_WHOLE), ("1e", Reason.NOT_A_NUMBER),
        ("10000001", Reason.OUT_OF_RANGE), ("-10000001", Reason.OUT_OF_RANGE),
        ("1e99", Reason.OUT_OF_RANGE), ("1e999", Reason.NOT_A_NUMBER),
        ("1_000", Reason.NOT_A_NUMBER),
        ("1,000", Reason.NOT_A_NUMBER), ("٣", Reason.NOT_A_NUMBER), ("६" * 20, Reason.NOT_A_NUMBER),
        ("²", Reason.NOT_A_NUMBER), ("0x10", Reason.NOT_A_NUMBER), ("--6", Reason.NOT_A_NUMBER),
        (".", Reason.NOT_A_NUMBER), ("6\n", Reason.NOT_A_NUMBER), ("nan", Reason.NOT_FINITE),
        ("INF", Reason.NOT_FINITE), ("+Infinity", Reason.NOT_FINITE), ("  ", Reason.NOT_A_NUMBER),
        ("9" * 4000, Reason.OUT_OF_RANGE), ("True", Reason.NOT_A_NUMBER),
    ],
)  # fmt: skip
def test_units_that_are_no_whole_number_in_range_are_refused(text: str, reason: Reason) -> None:
    assert refusal(lambda: parse_quantity(text)).reason is reason


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("2.55", "2.55"), ("2.50", "2.5"), ("2", "2"), ("2.", "2"), (".5", "0.5"), ("0", "0"),
        ("0.00", "0"), ("-0.0", "0"), ("0e99", "0"), ("1e3", "1000"), ("1E-6", "0.000001"),
        ("0.1234560000", "0.123456"), ("-11062.06", "-11062.06"), ("+4.95", "4.95"),
        ("100000000", "100000000"), ("-100000000.000000", "-100000000"), ("1200", "1200"),
        ("0.1", "0.1"), ("99999999.999999", "99999999.999999"),
    ],
)  # fmt: skip
def test_a_price_is_the_shortest_exact_decimal_text(text: str, price: str) -> None:
    assert parse_price(text) == price


@pytest.mark.parametrize(
    "text", ["100000000.000001", "-100000000.000001", "1e9", "0.1234567", "1" * 19]
)
def test_a_price_out_of_bounds_is_refused_and_never_rounded(text: str) -> None:
    assert refusal(lambda: parse_price(text)).reason is Reason.OUT_OF_RANGE


@pytest.mark.parametrize(
    ("text", "customer"),
    [
        ("17850", "17850"), ("17850.0", "17850"), ("17850.00", "17850"), (" 17850 ", "17850"),
        ("", None), ("   ", None), ("0", "0"), ("9" * 18, "9" * 18),
    ],
)  # fmt: skip
def test_a_customer_is_the_same_in_every_form_and_a_guest_is_none(
    text: str, customer: str | None
) -> None:
    assert parse_customer(text) == customer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-5", Reason.NOT_WHOLE), ("1e3", Reason.NOT_WHOLE), ("nan", Reason.NOT_FINITE),
        ("9" * 19, Reason.OUT_OF_RANGE), ("guest", Reason.NOT_A_NUMBER),
        ("１７８５０", Reason.NOT_A_NUMBER),
    ],
)  # fmt: skip
def test_a_customer_that_is_no_number_is_refused(text: str, reason: Reason) -> None:
    assert refusal(lambda: parse_customer(text)).reason is reason


@pytest.mark.parametrize("field", ["InvoiceNo", "StockCode"])
def test_a_code_may_be_as_long_as_the_contract_says_and_no_longer(field: str) -> None:
    limit = CONTRACT.limit(field, "maxLength")
    assert parse_code(field, "A" * limit) == "A" * limit
    assert refusal(lambda: parse_code(field, "A" * (limit + 1))).reason is Reason.TOO_LONG


@pytest.mark.parametrize("field", ["Description", "Country"])
def test_a_text_may_be_as_long_as_the_contract_says_and_no_longer(field: str) -> None:
    limit = CONTRACT.limit(field, "maxLength")
    assert parse_text(field, "é" * limit) == "é" * limit
    assert refusal(lambda: parse_text(field, "é" * (limit + 1))).reason is Reason.TOO_LONG


def test_blanks_around_a_code_are_none_of_it_but_a_description_keeps_its_own() -> None:
    assert parse_code("StockCode", " 85123A ") == "85123A"
    assert parse_text("Description", "SINGLE SIZE ") == "SINGLE SIZE "
    assert parse_text("Description", " ") is None


def test_tabs_and_line_breaks_are_text() -> None:
    assert parse_text("Description", "TWO\r\nLINES\t") == "TWO\r\nLINES\t"


any_text = st.one_of(
    st.text(max_size=80),
    st.text(st.characters(codec=None, categories=None), max_size=20),
    st.text("0123456789.-+eE nafi_,:/", max_size=30),
    st.sampled_from(GOOD),
)


@given(st.lists(any_text, min_size=8, max_size=8))
def test_any_text_in_any_field_gives_a_transaction_or_a_reason(fields: list[str]) -> None:
    try:
        found = parser().parse(1, fields)
    except RowError as error:
        assert error.reason in set(Reason)
    else:
        assert msgspec.json.decode(msgspec.json.encode(found), type=Transaction) == found


@given(st.integers(0, 7), any_text)
def test_one_odd_field_in_a_good_row_never_breaks_the_parser(place: int, text: str) -> None:
    fields = [*GOOD[:place], text, *GOOD[place + 1 :]]
    try:
        found = parser().parse(1, fields)
    except RowError:
        return
    again = parser().parse(
        1,
        [
            found.InvoiceNo,
            found.StockCode,
            found.Description or "",
            str(found.Quantity),
            found.InvoiceDate.isoformat(),
            found.UnitPrice,
            found.CustomerID or "",
            found.Country or "",
        ],
    )
    assert msgspec.structs.replace(again, ingested_at=found.ingested_at) == found


@given(st.decimals(-100_000_000, 100_000_000, places=6))
def test_a_price_never_loses_a_digit(price: Decimal) -> None:
    text = parse_price(f"{price:f}")
    assert Decimal(text) == price
    assert parse_price(text) == text


@given(st.decimals(-100_000_000, 100_000_000, places=6))
def test_a_price_in_scientific_form_is_the_same_price(price: Decimal) -> None:
    assert Decimal(parse_price(f"{price:.15E}")) == price


@given(st.integers(-10_000_000, 10_000_000))
def test_units_within_the_limits_are_read_as_they_are(units: int) -> None:
    assert parse_quantity(str(units)) == parse_quantity(f"{units}.0") == units
