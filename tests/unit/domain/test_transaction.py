"""What a transaction is: its identity, its exact amount, its kind, and what decoding refuses."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.domain.transaction import (
    Kind,
    Transaction,
    kind_of,
    row_id,
    split_row_id,
    total_amount,
)

RECORD: dict[str, Any] = {
    "source": "0123456789abcdef",
    "row": 2,
    "InvoiceNo": "536365",
    "StockCode": "85123A",
    "Quantity": 6,
    "InvoiceDate": "2010-12-01T08:26:00Z",
    "UnitPrice": "2.55",
    "ingested_at": "2024-01-01T00:00:00Z",
    "schema_version": 1,
}


def decode(**changes: Any) -> Transaction:
    return msgspec.json.decode(msgspec.json.encode({**RECORD, **changes}), type=Transaction)


def test_a_rows_identity_is_its_source_and_its_place() -> None:
    assert decode().id == "0123456789abcdef:000000002"


def test_an_identity_tells_its_source_and_row() -> None:
    for place in (("s", 0), ("a:b", 7), ("s", 10**10)):
        assert split_row_id(row_id(*place)) == place


@pytest.mark.parametrize("text", ["", "s", "s:7", ":000000007", "s:00000000x", "s:-00000007"])
def test_what_is_no_identity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not the identity of a row"):
        split_row_id(text)


def test_identities_sort_as_the_rows_do() -> None:
    places = [1, 9, 10, 99_999, 541_910, 999_999_999]
    assert sorted(row_id("s", row) for row in places) == [row_id("s", row) for row in places]


def test_a_record_without_optional_fields_is_a_guests() -> None:
    assert (decode().CustomerID, decode().Description, decode().Country) == (None, None, None)


def test_a_price_may_be_as_large_as_the_contract_allows() -> None:
    for price in ("100000000", "-100000000.000000", "99999999.999999", "00000001.5"):
        assert decode(UnitPrice=price).UnitPrice == price


def test_a_field_that_a_later_version_adds_is_no_obstacle() -> None:
    assert decode(Colour="red") == decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"InvoiceNo": ""}, {"InvoiceNo": None}, {"StockCode": "A" * 65}, {"Quantity": 1.5},
        {"Quantity": "6"}, {"Quantity": 10_000_001}, {"row": -1}, {"UnitPrice": 2.55},
        {"InvoiceDate": "2011-02-30T00:00:00Z"}, {"InvoiceDate": "2011-01-01T00:00:00"},
        {"Description": "A" * 1001}, {"CustomerID": 17850}, {"CustomerID": "1" * 19},
        {"UnitPrice": "abc"}, {"UnitPrice": "NaN"}, {"UnitPrice": "1e3"}, {"UnitPrice": ""},
        {"InvoiceDate": "0001-01-01T00:00:00+05:00"}, {"ingested_at": "9999-12-31T23:59:59-05:00"},
        {"UnitPrice": "0.1234567"}, {"UnitPrice": "1234567890"}, {"schema_version": 2},
        {"UnitPrice": "100000001"}, {"UnitPrice": "-100000000.000001"}, {"UnitPrice": "999999999"},
    ],
)  # fmt: skip
def test_a_record_that_breaks_the_contract_is_not_decoded(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(**changes)


@pytest.mark.parametrize(
    ("invoice", "quantity", "price", "kind"),
    [
        ("536365", 6, "2.55", Kind.SALE),
        ("C536379", -1, "27.5", Kind.CANCELLATION),
        ("C536379", 1, "27.5", Kind.CANCELLATION),
        ("C536379", 0, "0", Kind.CANCELLATION),
        ("536589", -10, "0", Kind.ADJUSTMENT),
        ("536414", 56, "0", Kind.ADJUSTMENT),
        ("A563186", 1, "-11062.06", Kind.ADJUSTMENT),
        ("A563185", 1, "11062.06", Kind.SALE),
        ("536365", -1, "-2", Kind.ADJUSTMENT),
        ("536365", 0, "2", Kind.ADJUSTMENT),
        ("c536365", 1, "2", Kind.SALE),
        ("1C", 1, "0.000001", Kind.SALE),
    ],
)
def test_the_kind_follows_from_invoice_units_and_price(
    invoice: str, quantity: int, price: str, kind: Kind
) -> None:
    assert kind_of(invoice, total_amount(quantity, price), quantity) is kind


def test_amounts_are_exact_where_floats_are_not() -> None:
    assert total_amount(3, "0.1") == Decimal("0.3")
    assert sum(total_amount(1, "0.1") for _ in range(10)) == 1
    assert total_amount(-80_995, "2.08") == Decimal("-168469.60")


def test_the_largest_amount_that_the_contract_allows_is_exact() -> None:
    assert total_amount(9_999_999, "99999999.999999") == Decimal("999999899999990.000001")


@given(st.integers(-10_000_000, 10_000_000), st.decimals(-100_000_000, 100_000_000, places=6))
def test_no_amount_within_the_contract_is_rounded(quantity: int, price: Decimal) -> None:
    with localcontext() as exact:
        exact.prec = 60
        expected = quantity * price
    assert total_amount(quantity, f"{price:f}") == expected
