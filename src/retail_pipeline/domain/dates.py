"""Reads the dates of retail files strictly: an impossible date never becomes another one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum

from retail_pipeline.domain.fields import DATE
from retail_pipeline.domain.rejection import Reason, RowError

_TIME = (
    r"(?:[ T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6})[0-9]*)?)?"
    r"(?: ?([AaPp][Mm]))?)?"
)
_ISO = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})" + _TIME + r"(Z|\+00:?00)?")
_NUMERIC = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4}|[0-9]{2})" + _TIME)
YEARS = range(1900, 2101)


class DateOrder(StrEnum):
    """Whether the day or the month comes first in dates such as 1/12/2010."""

    MONTH_FIRST = "month-first"
    DAY_FIRST = "day-first"


class DateOrderDetector:
    """Counts a file's dates that can be read in one order only."""

    def __init__(self) -> None:
        self.month_first = 0
        self.day_first = 0
        self.numeric = 0

    def add(self, text: str) -> None:
        """Count one date's text; only a numeric date counts."""
        found = _NUMERIC.fullmatch(text.strip())
        if found:
            first, second = int(found[1]), int(found[2])
            self.numeric += 1
            self.month_first += second > 12 >= first
            self.day_first += first > 12 >= second

    @property
    def decisive(self) -> bool:
        """Whether the dates decide the order, or do not depend on it."""
        return not self.numeric or self.month_first != self.day_first

    @property
    def order(self) -> DateOrder:
        """The order of most dates; month-first, as in the dataset, if they don't decide it."""
        if self.day_first > self.month_first:
            return DateOrder.DAY_FIRST
        return DateOrder.MONTH_FIRST


def parse_date(text: str, order: DateOrder) -> datetime:
    """Return the moment that ``text`` names, in UTC.

    Raises:
        RowError: it is no date, or its day or hour does not exist.
    """
    # Not a plain strip(): it would let control bytes through.
    stripped = text.strip(" \t\r\n")
    iso = _ISO.fullmatch(stripped)
    numeric = None if iso else _NUMERIC.fullmatch(stripped)
    if iso:
        year, month, day = int(iso[1]), int(iso[2]), int(iso[3])
        clock = iso.groups()[3:8]
    elif numeric:
        first, second, year = int(numeric[1]), int(numeric[2]), int(numeric[3])
        month, day = (first, second) if order is DateOrder.MONTH_FIRST else (second, first)
        year += 2000 if len(numeric[3]) == 2 else 0
        clock = numeric.groups()[3:8]
    else:
        raise RowError(Reason.IMPOSSIBLE_DATE, f"{DATE} is {stripped[:60]!r}, not a date")
    try:
        if year not in YEARS:
            raise ValueError(f"year must be in {YEARS.start}..{YEARS.stop - 1}")
        return datetime(year, month, day, *_clock(*clock), tzinfo=UTC)
    except ValueError as error:
        reason = f"{DATE} is {stripped[:60]!r}: {error}"
        raise RowError(Reason.IMPOSSIBLE_DATE, reason) from None


def _clock(
    hour: str | None, minute: str | None, second: str | None, fraction: str | None, half: str | None
) -> tuple[int, int, int, int]:
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError("hour must be in 1..12 before AM or PM")
        hours = hours % 12 + (12 if half.upper() == "PM" else 0)
    # The database keeps milliseconds.
    milliseconds = int((fraction or "").ljust(3, "0")[:3])
    return hours, int(minute or 0), int(second or 0), milliseconds * 1000
