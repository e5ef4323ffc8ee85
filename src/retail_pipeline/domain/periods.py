"""Periods of a report: presets that end with the data's last day, and units of time.

Days are UTC. A preset counts back from the newest day with data, not from today, so that it fits a
dataset of the past too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

Unit = Literal["hour", "day", "week", "month"]
UNITS: tuple[Unit, ...] = ("hour", "day", "week", "month")

WHOLE = "Whole period"
CUSTOM = "Custom dates"
PRESETS: dict[str, int | None] = {
    WHOLE: None,
    "Last 12 months": 365,
    "Last 90 days": 90,
    "Last 30 days": 30,
    "Last 7 days": 7,
    CUSTOM: None,
}
_MOST_DAYS_BY_HOUR = 14
_LEAST_DAYS: dict[Unit, int] = {"hour": 0, "day": 0, "week": 8, "month": 32}
_BEST_UP_TO_DAYS: tuple[tuple[int, Unit], ...] = ((3, "hour"), (62, "day"), (400, "week"))


@dataclass(frozen=True)
class Shift:
    """The distance to the day that a day is compared with: years and days before it."""

    years: int = 0
    days: int = 0

    def back(self, day: date) -> date:
        """Return the earlier day that ``day`` is compared with."""
        return _years_on(day, -self.years) - timedelta(days=self.days)

    def forward(self, day: date) -> date:
        """Return the later day that ``day`` is compared with."""
        return _years_on(day + timedelta(days=self.days), self.years)


@dataclass(frozen=True)
class Period:
    """The days from ``first`` to ``last``, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Number of days; zero or less when ``last`` comes before ``first``."""
        return (self.last - self.first).days + 1

    @property
    def units(self) -> tuple[Unit, ...]:
        """Units of time in which a chart of this period is legible."""
        hours_fit = self.days <= _MOST_DAYS_BY_HOUR
        return tuple(
            unit
            for unit in UNITS
            if self.days >= _LEAST_DAYS[unit] and (hours_fit or unit != "hour")
        )

    @property
    def best_unit(self) -> Unit:
        """The unit that shows the shape of this period best."""
        return next((unit for days, unit in _BEST_UP_TO_DAYS if self.days <= days), "month")

    def holds(self, start: datetime, unit: Unit) -> bool:
        """Return whether all days of the unit that begins at ``start`` are in the period."""
        after = following(start, unit) - timedelta(microseconds=1)
        return self.first <= start.date() and after.date() <= self.last

    @property
    def previous(self) -> Shift:
        """The shift to the period of the same length that ends before this one begins."""
        return Shift(days=self.days)

    def before(self, shift: Shift) -> Period:
        """Return the earlier period that this one is compared with."""
        return Period(shift.back(self.first), shift.back(self.last))

    def part(self, start: datetime, unit: Unit) -> Period:
        """Return its days in the unit that begins at ``start``; there must be some."""
        last = following(start, unit) - timedelta(microseconds=1)
        return Period(max(self.first, start.date()), min(self.last, last.date()))

    def beside(self, start: datetime, unit: Unit, shift: Shift) -> Period | None:
        """Return the earlier period that is compared with this one's days in the unit at ``start``.

        None for a 29 February if the other year has none.
        """
        part = self.part(start, unit)
        earlier = part.before(shift)
        none = part.days == 1 and shift.forward(earlier.first) != part.first
        return None if none else earlier

    def limited_to(self, other: Period) -> Period:
        """Return the days that both have; if there are none, this period."""
        both = Period(max(self.first, other.first), min(self.last, other.last))
        return both if both.days > 0 else self

    def within(self, other: Period) -> bool:
        """Return whether all of its days are days of ``other``."""
        return other.first <= self.first and self.last <= other.last

    def starts(self, unit: Unit) -> list[datetime]:
        """Return the start of each hour, day, week or month that the period touches."""
        start, end = floor(self.first, unit), datetime.combine(self.last, time.max, UTC)
        starts = []
        while start <= end:
            starts.append(start)
            start = following(start, unit)
        return starts


def _years_on(day: date, years: int) -> date:
    """Return the same date in another year; 28 February if that year has no 29th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def resolve(preset: str, data: Period, first: date | None, last: date | None) -> Period:
    """Return the period of ``preset`` for data of the days ``data``.

    ``first`` and ``last`` are the custom dates; None stands for the data's own end, or for the
    other date if that lies beyond. Days before or after the data are left out: otherwise an
    unfinished month would be compared with a whole one.
    """
    if preset == CUSTOM:
        begin = first or min(data.first, last or data.first)
        return Period(begin, last or max(data.last, begin)).limited_to(data)
    days = PRESETS[preset]
    if days is None:
        return data
    return Period(max(data.first, data.last - timedelta(days=days - 1)), data.last)


def floor(day: date, unit: Unit) -> datetime:
    """Return the start of the hour, day, week (Monday) or month in which midnight of ``day`` is."""
    if unit == "week":
        day -= timedelta(days=day.weekday())
    elif unit == "month":
        day = day.replace(day=1)
    return datetime.combine(day, time(), UTC)


def following(start: datetime, unit: Unit) -> datetime:
    """Return the start of the unit after the one that begins at ``start``."""
    if unit == "month":
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    return start + {"hour": timedelta(hours=1), "day": timedelta(1), "week": timedelta(7)}[unit]
