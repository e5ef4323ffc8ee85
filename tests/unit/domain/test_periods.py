"""Presets count back from the data's last day, and units of time tile a period without gaps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.dashboard.filters import Choice
from retail_pipeline.domain.figures import Figures, Selection
from retail_pipeline.domain.periods import (
    CUSTOM,
    UNITS,
    WHOLE,
    Period,
    Shift,
    Unit,
    following,
    resolve,
)
from retail_pipeline.errors import UsageError

YEAR = Shift(years=1)
DATA = Period(date(2010, 12, 1), date(2011, 12, 9))
days = st.dates(date(1990, 1, 1), date(2040, 1, 1))


@pytest.mark.parametrize(
    ("preset", "first"),
    [
        (WHOLE, date(2010, 12, 1)),
        ("Last 12 months", date(2010, 12, 10)),
        ("Last 30 days", date(2011, 11, 10)),
        ("Last 7 days", date(2011, 12, 3)),
    ],
)
def test_presets_end_with_the_last_day_of_data(preset: str, first: date) -> None:
    assert resolve(preset, DATA, None, None) == Period(first, date(2011, 12, 9))


def test_a_preset_longer_than_the_data_is_all_of_it() -> None:
    short = Period(date(2011, 1, 1), date(2011, 1, 3))
    assert resolve("Last 90 days", short, None, None) == short


def test_an_open_end_of_custom_dates_is_the_data_s_own() -> None:
    day = date(2011, 5, 1)
    assert resolve(CUSTOM, DATA, day, None) == Period(day, DATA.last)
    assert resolve(CUSTOM, DATA, None, day) == Period(DATA.first, day)


def test_an_open_end_is_never_on_the_wrong_side_of_the_other() -> None:
    before, after = date(2009, 1, 1), date(2013, 1, 1)
    assert resolve(CUSTOM, DATA, after, None) == Period(after, after)
    assert resolve(CUSTOM, DATA, None, before) == Period(before, before)


@given(day=days, length=st.integers(0, 500), unit=st.sampled_from(UNITS))
def test_units_tile_the_whole_period(day: date, length: int, unit: Unit) -> None:
    period = Period(day, day + timedelta(days=length))
    starts = period.starts(unit)
    assert starts[0].date() <= period.first
    assert following(starts[-1], unit).date() > period.last
    assert [following(start, unit) for start in starts[:-1]] == starts[1:]
    whole = [period.holds(start, unit) for start in starts]
    assert all(whole[1:-1])


@pytest.mark.parametrize(
    ("length", "units", "best"),
    [
        (1, ("hour", "day"), "hour"),
        (3, ("hour", "day"), "hour"),
        (14, ("hour", "day", "week"), "day"),
        (15, ("day", "week"), "day"),
        (374, ("day", "week", "month"), "week"),
        (2000, ("day", "week", "month"), "month"),
    ],
)
def test_the_units_offered_can_be_read(length: int, units: tuple[Unit, ...], best: Unit) -> None:
    period = Period(DATA.first, DATA.first + timedelta(days=length - 1))
    assert period.days == length
    assert period.units == units
    assert period.best_unit == best


def test_a_week_that_the_period_cuts_is_not_whole() -> None:
    monday = datetime(2011, 12, 5, tzinfo=UTC)
    assert not DATA.holds(monday, "week")
    assert DATA.holds(monday - timedelta(days=7), "week")


def test_earlier_periods_are_as_long_or_the_same_dates() -> None:
    month = Period(date(2011, 3, 1), date(2011, 3, 31))
    assert month.before(month.previous) == Period(date(2011, 1, 29), date(2011, 2, 28))
    assert month.before(YEAR) == Period(date(2010, 3, 1), date(2010, 3, 31))
    leap_day = Period(date(2012, 2, 29), date(2012, 2, 29))
    assert leap_day.before(YEAR) == Period(date(2011, 2, 28), date(2011, 2, 28))
    assert month.within(DATA) and not month.before(YEAR).within(DATA)


@pytest.mark.parametrize("shift", [YEAR, Shift(days=90), Shift(days=1)])
def test_a_day_and_the_one_it_is_compared_with_lead_to_each_other(shift: Shift) -> None:
    for number in range(730):
        day = date(2012, 3, 1) + timedelta(days=number)
        assert shift.forward(shift.back(day)) == day


def test_no_day_stands_beside_a_29_february_of_a_year_without_one() -> None:
    period = Period(date(2012, 2, 27), date(2012, 3, 4))
    starts = [datetime(2012, 2, 28, tzinfo=UTC), datetime(2012, 2, 29, tzinfo=UTC)]
    assert [period.beside(each, "day", YEAR) for each in starts] == [
        Period(date(2011, 2, 28), date(2011, 2, 28)),
        None,
    ]
    (monday,) = period.starts("week")
    assert period.beside(monday, "week", YEAR) == Period(date(2011, 2, 27), date(2011, 3, 4))


def test_days_beyond_the_data_are_no_part_of_custom_dates() -> None:
    december = resolve(CUSTOM, DATA, date(2011, 12, 1), date(2011, 12, 31))
    assert december == Period(date(2011, 12, 1), DATA.last)
    assert resolve(CUSTOM, DATA, date(2009, 1, 1), date(2010, 12, 31)).first == DATA.first
    nothing = Period(date(2013, 1, 1), date(2013, 1, 31))
    assert resolve(CUSTOM, DATA, nothing.first, nothing.last) == nothing


def test_a_choice_follows_the_data_as_it_comes_in() -> None:
    choice = Choice("Last 7 days", countries=("EIRE",))
    later = Period(DATA.first, date(2011, 12, 20))
    assert choice.selection(DATA) == Selection(date(2011, 12, 3), DATA.last, countries=("EIRE",))
    assert choice.selection(later).first == date(2011, 12, 14)


def test_only_text_can_be_a_country_to_filter_by() -> None:
    operator = {"$ne": None}  # not a text, hence the exemption below
    with pytest.raises(UsageError, match="must be text"):
        Selection(DATA.first, DATA.last, countries=(operator,))  # type: ignore[arg-type]


def test_ratios_without_an_order_are_unknown_and_not_zero() -> None:
    assert Figures().average_order_value is None
    assert Figures(cancellations=3).cancellation_rate is None
