"""Figures read the same everywhere: pounds and pence, separators, a real minus sign."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pytest

from retail_pipeline.analytics.snapshot import Snapshot
from retail_pipeline.dashboard import charts, explain, format, frames
from retail_pipeline.dashboard.filters import Choice
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.figures import Customers, Figures
from retail_pipeline.domain.money import format_pounds
from retail_pipeline.domain.periods import Period, Unit
from retail_pipeline.domain.transaction import Kind

MOMENT = datetime(2011, 12, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Decimal("9747747.934"), "£9,747,747.93"),
        (Decimal("0.005"), "£0.01"),
        (Decimal("-896812.49"), "−£896,812.49"),
        (Decimal("-0.004"), "£0.00"),
        (Decimal(0), "£0.00"),
        (None, "–"),
    ],
)
def test_money_is_rounded_to_the_penny_only_to_be_read(amount: Decimal | None, text: str) -> None:
    assert format.money(amount) == text


def test_counts_and_ratios_have_separators_and_a_real_minus() -> None:
    assert format.count(-1234567) == "−1,234,567"
    assert format.percent(0.19218) == "19.2%"
    assert format.percent(None) == "–"
    assert format.counted(1, "order") == "1 order"
    assert format.counted(2157, "order") == "2,157 orders"
    assert format.counted(2, "country", "countries") == "2 countries"


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("hour", "5 Dec 2011, 08:00 to 09:00"),
        ("day", "Mon 5 Dec 2011"),
        ("week", "5 Dec 2011 to 11 Dec 2011"),
        ("month", "December 2011"),
    ],
)
def test_a_bar_is_named_by_its_hour_day_week_or_month(unit: Unit, text: str) -> None:
    assert format.bucket(MOMENT, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (9, "just now"),
        (42, "42 seconds ago"),
        (60, "1 minute ago"),
        (7_300, "2 hours ago"),
        (200_000, "2 days ago"),
    ],
)
def test_how_long_ago_is_given_in_the_largest_unit(seconds: int, text: str) -> None:
    assert format.ago(MOMENT, MOMENT + timedelta(seconds=seconds)) == text


def test_text_from_data_cannot_become_markup() -> None:
    assert format.plain("[x](http://x) $y$ :red[z]") == (r"\[x\]\(http\://x\) \$y\$ \:red\[z\]")


def test_filters_are_written_in_words() -> None:
    period = Period(date(2011, 12, 1), date(2011, 12, 9))
    days = "1 Dec 2011 to 9 Dec 2011"
    assert explain.shown(Choice(), period) == f"{days}, all countries"
    assert explain.shown(Choice(countries=("EIRE", None)), period) == (
        f"{days}, EIRE and No country given"
    )
    assert explain.shown(Choice(countries=("A", "B", "C", "D")), period) == f"{days}, 4 countries"
    assert explain.shown(Choice(countries=("A", "B", "C", "D")), period, every_name=True) == (
        f"{days}, A and B and C and D"
    )
    strict = Choice(
        products=("22423",),
        customers=Customers.KNOWN,
        kinds=(Kind.SALE, Kind.CANCELLATION),
        adjustments=False,
    )
    assert explain.shown(strict, period) == (
        f"{days}, all countries, 22423, known customers only, sales and cancellations,"
        " without adjustments and fees"
    )


def test_the_timeline_draws_empty_days_as_zero_and_marks_cut_weeks() -> None:
    period = Period(date(2011, 12, 1), date(2011, 12, 9))
    rows = [(MOMENT.replace(hour=0), Figures(net=Decimal("12.345"), orders=2))]
    by_day = frames.timeline(rows, period, "day")[1]
    assert by_day["net"].tolist() == [0, 0, 0, 0, 12.345, 0, 0, 0, 0]
    assert by_day["whole"].all()
    by_week = frames.timeline(rows, period, "week")[1]
    assert by_week["Net sales"].tolist() == ["£0.00", "£12.35"]
    assert by_week["whole"].tolist() == [False, False]


def test_an_earlier_period_stands_beside_unit_by_unit() -> None:
    period = Period(date(2011, 12, 5), date(2011, 12, 7))
    before = [(MOMENT.replace(day=6, hour=0), Figures(net=Decimal(7)))]
    frame = frames.timeline([], period, "day", before, period.previous)[1]
    assert frame["before"].tolist() == [0, 7, 0]
    assert frame["Compared with"].tolist()[1] == "Sat 3 Dec 2011: £7.00"
    drawn = charts.timeline(frame, period, "day")["layer"]
    assert any(layer["encoding"]["y"].get("field") == "before" for layer in drawn)


def test_too_many_marks_for_bars_become_a_line() -> None:
    few, many = Period(date(2011, 1, 1), date(2011, 2, 1)), Period(
        date(2009, 1, 1), date(2011, 1, 1)
    )
    kinds = [
        [
            layer["mark"] if isinstance(layer["mark"], str) else layer["mark"]["type"]
            for layer in spec["layer"]
        ]
        for period in (few, many)
        for spec in [charts.timeline(frames.timeline([], period, "day")[1], period, "day")]
    ]
    assert kinds == [["rect", "rule"], ["area", "line", "rule"]]


def test_a_ranking_reaches_below_zero_only_when_a_figure_does() -> None:
    def domain(*nets: int) -> list[float]:
        frame = frames.countries(
            frames.country_rows([(str(net), Figures(net=Decimal(net))) for net in nets])
        )
        found: list[float] = charts.ranking(frame)["layer"][0]["encoding"]["x"]["scale"]["domain"]
        return found

    assert domain(30, 10) == [0, 30]
    assert domain(30, -10) == [-10, 30]
    assert domain(-10, -30) == [-30, 0], "bars begin at zero, also where none gets there"
    low, high = domain(0)
    assert low == 0 < high, "a scale needs an extent"


def test_a_change_is_a_share_of_what_was_above_nothing() -> None:
    assert format.change(Decimal(150), Decimal(100)) == 0.5
    assert format.change(Decimal(-50), 100) == -1.5
    assert format.change(Decimal(50), Decimal(-100)) is None
    assert format.change(5, 0) is None and format.change(5, None) is None


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (0.212, 0.2, "+1.2 pp"),
        (0.05, 0.1, "−5.0 pp"),
        (0.01, 0.0, "+1.0 pp"),
        (0.1, 0.1, "+0.0 pp"),
        (0.1, 0.1004, "+0.0 pp"),
        (None, 0.1, "–"),
        (0.1, None, "–"),
    ],
)
def test_a_share_changes_in_percentage_points(
    now: float | None, before: float | None, text: str
) -> None:
    assert format.signed_points(now, before) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("-1009.72", "−£1,009.72"),
        ("1009.725", "£1,009.725"),
        ("-0.010000", "−£0.01"),
        ("1E+3", "£1,000.00"),
        ("12345678901234567890123456789.5", "£12,345,678,901,234,567,890,123,456,789.50"),
        ("-0", "£0.00"),
    ],
)
def test_exact_money_keeps_every_digit(amount: str, text: str) -> None:
    assert format_pounds(Decimal(amount)) == text


def test_the_date_is_given_where_the_figures_are_not_of_today() -> None:
    def as_of(at: datetime) -> str:
        snapshot = cast(Snapshot, SimpleNamespace(at=at))
        return View(snapshot, Choice(), Period(at.date(), at.date())).as_of

    now = datetime.now(UTC)
    assert as_of(now) == f"{now:%H:%M:%S} UTC"
    assert as_of(MOMENT) == "5 Dec 2011, 08:00:00 UTC"
