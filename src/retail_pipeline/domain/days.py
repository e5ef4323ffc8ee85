"""Days and moments as whole numbers, counted from 1 January 1970; all of them are UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

DAY_MS = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = EPOCH.toordinal()
_MILLISECOND = timedelta(milliseconds=1)


def day_number(day: date) -> int:
    """Return the days from 1970 to a date, or to the date of a moment in UTC."""
    return day.toordinal() - _EPOCH_ORDINAL


def date_of_number(number: int) -> date:
    """Return the date that is so many days after 1 January 1970; also of a numpy integer."""
    return date.fromordinal(int(number) + _EPOCH_ORDINAL)


def to_milliseconds(moment: datetime) -> int:
    """Return the whole milliseconds from 1970 to a moment; one without a time zone is UTC."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // _MILLISECOND


def moment_of_hour(number: int) -> datetime:
    """Return the start of the hour that is so many hours after 1970; also of a numpy integer."""
    return EPOCH + timedelta(hours=int(number))
