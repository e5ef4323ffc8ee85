"""Dates are read in the forms that retail files have, and never turn into others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.domain.dates import DateOrder, DateOrderDetector, parse_date
from retail_pipeline.domain.rejection import Reason, RowError

MONTH_FIRST, DAY_FIRST = DateOrder.MONTH_FIRST, DateOrder.DAY_FIRST


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # no star for datetime


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2010-12-01 08:26:00", moment(2010, 12, 1, 8, 26)),
        ("2010-12-01T08:26:00", moment(2010, 12, 1, 8, 26)),
        ("2010-12-01T08:26:00Z", moment(2010, 12, 1, 8, 26)),
        ("2010-12-01 08:26:00+00:00", moment(2010, 12, 1, 8, 26)),
        ("2010-12-01 08:26", moment(2010, 12, 1, 8, 26)),
        ("2010-12-01", moment(2010, 12, 1)),
        ("2010-1-2 3:04", moment(2010, 1, 2, 3, 4)),
        ("2010-12-01 08:26:00.123456789", moment(2010, 12, 1, 8, 26, 0, 123_000)),
        ("2010-12-01 08:26:00.5", moment(2010, 12, 1, 8, 26, 0, 500_000)),
        ("12/1/2010 8:26", moment(2010, 12, 1, 8, 26)),
        ("12/01/10 08:26:09", moment(2010, 12, 1, 8, 26, 9)),
        ("12-01-2010 08:26", moment(2010, 12, 1, 8, 26)),
        ("12.1.2010", moment(2010, 12, 1)),
        ("12/1/2010 8:26 PM", moment(2010, 12, 1, 20, 26)),
        ("12/1/2010 12:05 am", moment(2010, 12, 1, 0, 5)),
        ("12/1/2010 12:05pm", moment(2010, 12, 1, 12, 5)),
        ("  2010-12-01 08:26\t", moment(2010, 12, 1, 8, 26)),
    ],
)
def test_a_date_is_read_in_every_form_that_files_have(text: str, expected: datetime) -> None:
    assert parse_date(text, MONTH_FIRST) == expected


def test_the_order_of_the_file_decides_what_comes_first() -> None:
    assert parse_date("1/12/2010 8:26", MONTH_FIRST) == moment(2010, 1, 12, 8, 26)
    assert parse_date("1/12/2010 8:26", DAY_FIRST) == moment(2010, 12, 1, 8, 26)


def test_an_iso_date_has_one_order_only() -> None:
    assert parse_date("2010-12-01", DAY_FIRST) == parse_date("2010-12-01", MONTH_FIRST)


def test_two_digits_are_a_year_of_this_century() -> None:
    assert parse_date("1/2/00", MONTH_FIRST).year == 2000
    assert parse_date("1/2/99", MONTH_FIRST).year == 2099


@pytest.mark.parametrize(
    "text",
    [
        "2011-02-30 10:15:00", "2011-02-29", "1900-02-29", "2011-13-01", "2011-00-10",
        "2011-06-31", "2011-06-00", "13/1/2010 8:26", "2/30/2011", "2011-01-01 24:00",
        "2011-01-01 10:60", "2011-01-01 10:00:60", "1/1/2011 13:00 PM", "1/1/2011 0:30 AM",
    ],
)  # fmt: skip
def test_an_impossible_date_is_refused_not_rolled_over(text: str) -> None:
    with pytest.raises(RowError, match="InvoiceDate is") as caught:
        parse_date(text, MONTH_FIRST)
    assert caught.value.reason is Reason.IMPOSSIBLE_DATE


def test_a_day_that_fits_the_other_order_only_is_refused() -> None:
    with pytest.raises(RowError):
        parse_date("12/13/2010", DAY_FIRST)


@pytest.mark.parametrize("text", ["2012-02-29", "2000-02-29", "2/29/2012"])
def test_a_leap_day_is_a_day(text: str) -> None:
    assert (parse_date(text, MONTH_FIRST).month, parse_date(text, MONTH_FIRST).day) == (2, 29)


@pytest.mark.parametrize("text", ["1899-12-31", "2101-01-01", "9999-01-01", "0001-01-01"])
def test_a_year_outside_1900_to_2100_is_refused(text: str) -> None:
    with pytest.raises(RowError, match="year must be in 1900..2100"):
        parse_date(text, MONTH_FIRST)


@pytest.mark.parametrize("text", ["1900-01-01", "2100-12-31"])
def test_the_first_and_the_last_year_are_accepted(text: str) -> None:
    assert parse_date(text, MONTH_FIRST).date().isoformat() == text


@pytest.mark.parametrize(
    "text",
    [
        "", "40513.35", "20101201", "1 Dec 2010", "2010/12/01", "2010-12-01 08", "2010-12-01 8:2",
        "2010-12-01 08:26:00+01:00", "٢٠١٠-١٢-٠١", "2010-12-01\x1f", "2010-12-01 08:26\x00",
        "1/2/010", "2010-12-01 08:26:00 GMT", "nan", "x" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused_in_one_short_line(text: str) -> None:
    with pytest.raises(RowError, match="not a date") as caught:
        parse_date(text, MONTH_FIRST)
    assert len(str(caught.value)) < 120


def test_days_above_twelve_show_the_order() -> None:
    evidence = DateOrderDetector()
    for text in ("1/2/2011 9:00", " 25/12/2010 8:26 ", "2011-02-03", "nonsense", "30/30/2011"):
        evidence.add(text)
    assert (evidence.day_first, evidence.month_first, evidence.numeric) == (1, 0, 3)
    assert evidence.decisive and evidence.order is DAY_FIRST


def test_dates_that_fit_both_orders_leave_it_open_and_month_first_is_taken() -> None:
    evidence = DateOrderDetector()
    evidence.add("1/2/2011")
    assert not evidence.decisive and evidence.order is MONTH_FIRST


def test_a_file_of_iso_dates_needs_no_order() -> None:
    evidence = DateOrderDetector()
    evidence.add("2011-02-03")
    assert evidence.decisive and evidence.order is MONTH_FIRST


def test_one_broken_date_does_not_outvote_the_rest() -> None:
    evidence = DateOrderDetector()
    for text in ("12/13/2010", "12/14/2010", "31/1/2011"):
        evidence.add(text)
    assert evidence.decisive and evidence.order is MONTH_FIRST


@given(st.text(max_size=40) | st.text("0123456789/-.: TZAPMapm", max_size=30))
def test_any_text_is_a_date_or_a_reason(text: str) -> None:
    for order in DateOrder:
        try:
            found = parse_date(text, order)
        except RowError as error:
            assert error.reason is Reason.IMPOSSIBLE_DATE
        else:
            assert parse_date(found.isoformat(), order) == found
    DateOrderDetector().add(text)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31)))
def test_each_form_of_a_moment_gives_the_same_moment(when: datetime) -> None:
    when = when.replace(second=0, microsecond=0)
    clock = f"{when.hour}:{when.minute:02d}"
    expected = when.replace(tzinfo=UTC)
    month_first = f"{when.month}/{when.day}/{when.year} {clock}"
    day_first = f"{when.day}.{when.month}.{when.year} {clock}"
    twelve = f"{when.month}/{when.day}/{when.year} {when.hour % 12 or 12}:{when.minute:02d}"
    half = "AM" if when.hour < 12 else "PM"
    assert parse_date(when.isoformat(), DAY_FIRST) == expected
    assert parse_date(month_first, MONTH_FIRST) == expected
    assert parse_date(day_first, DAY_FIRST) == expected
    assert parse_date(f"{twelve} {half}", MONTH_FIRST) == expected
