"""How the pages write numbers, dates, durations and names, and what each figure means."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from retail_pipeline.domain import words
from retail_pipeline.domain.money import MINUS, format_pounds
from retail_pipeline.domain.periods import Period, Unit, following

NO_COUNTRY = "No country given"
NOTHING = "–"
_PENNY = Decimal("0.01")
_MARKUP = r"\`*_{}[]()<>#|~$:&!"
# At the start of a line, these are markup too.
_ESCAPED = frozenset(f"{_MARKUP}+-.")

HELP = {
    "Net sales": "What all lines add up to: gross sales, less cancellations, plus adjustments.",
    "Gross sales": "Amounts of all sale lines: quantity above zero, price above zero, and an"
    " invoice that is not a cancellation.",
    "Cancellations": "Amounts of all lines on cancellation invoices, whose number starts with C."
    " They lower net sales.",
    "Adjustments": "Amounts of all other lines: write-offs, bad debt, samples and corrections.",
    "Orders": "Distinct invoice numbers with at least one sale line.",
    "Average order value": "Gross sales divided by orders.",
    "Units sold": "Quantities of all sale lines; returned units are not taken off.",
    "Units per order": "Units sold divided by orders.",
    "Guests' share": "The part of gross sales that customers without a number bought.",
    "Customers": "Distinct customer numbers with at least one sale line. Guests, who have no"
    " number, are not counted here; their sales are in every other figure.",
    "Cancellation rate": "Distinct cancellation invoices divided by orders. An order can be"
    " cancelled in part, or more than once.",
}


def money(amount: Decimal | None) -> str:
    """Return pounds and pence with thousands separators: £1,234.50."""
    if amount is None:
        return NOTHING
    return format_pounds(amount.quantize(_PENNY, ROUND_HALF_UP))


def signed_money(amount: Decimal) -> str:
    """Return money with its sign, also where it is a plus: +£12.00."""
    return f"+{money(amount)}" if amount > 0 else money(amount)


def change(now: float | Decimal | None, before: float | Decimal | None) -> float | None:
    """Return by how much a figure changed, as a ratio of what it was: 0.1 for a tenth more.

    Of what was nothing or less there is no such ratio.
    """
    if now is None or before is None or before <= 0:
        return None
    return float(now) / float(before) - 1


def signed_percent(ratio: float | None) -> str:
    """Return a change as a percentage with its sign: +4.2%, −12.0%."""
    return NOTHING if ratio is None else f"{ratio:+z.1%}".replace("-", MINUS)


def signed_points(now: float | None, before: float | None) -> str:
    """Return by how much a share or a rate changed, in percentage points: +1.2 pp."""
    if now is None or before is None:
        return NOTHING
    return f"{(now - before) * 100:+z.1f} pp".replace("-", MINUS)


def count(number: int) -> str:
    """Return a whole number with thousands separators."""
    return f"{number:,}".replace("-", MINUS)


def counted(number: int, one: str, more: str = "") -> str:
    """Return a number with its noun: 1 order, 2,157 orders; ``more`` is a plural without -s."""
    text = words.counted(number, one, more)
    return MINUS + text[1:] if number < 0 else text


def decimal(number: float | None) -> str:
    """Return a number with one decimal: 280.0."""
    return NOTHING if number is None else f"{number:,.1f}".replace("-", MINUS)


def percent(ratio: float | None) -> str:
    """Return a ratio as a percentage with one decimal: 19.2%."""
    return NOTHING if ratio is None else f"{ratio:.1%}"


def share(part: int, whole: int) -> str:
    """Return a part as a percentage; one that is not nothing never reads as 0.0%."""
    if not whole:
        return NOTHING
    return "<0.1%" if 0 < part / whole < 0.0005 else percent(part / whole)


def day(value: date) -> str:
    """Return a date as 9 Dec 2011, the same in every locale."""
    return f"{value.day} {value:%b %Y}"


def span(period: Period) -> str:
    """Return a period as 1 Dec 2010 to 9 Dec 2011."""
    if period.days == 1:
        return day(period.first)
    return f"{day(period.first)} to {day(period.last)}"


def minute(moment: datetime) -> str:
    """Return a moment to the minute as tables and exports have it: 2011-12-09 12:50."""
    return f"{moment:%Y-%m-%d %H:%M}"


def second(moment: datetime | None) -> str | None:
    """Return a moment to the second as tables and exports have it: 2011-12-09 12:50:00."""
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def bucket(start: datetime, unit: Unit) -> str:
    """Return the name of a start's hour, day, week or month."""
    if unit == "hour":
        return f"{day(start)}, {start:%H}:00 to {following(start, unit):%H}:00"
    if unit == "week":
        return f"{day(start)} to {day(start + timedelta(days=6))}"
    return f"{start:%B %Y}" if unit == "month" else f"{start:%a} {day(start)}"


def part(days: Period, start: datetime, unit: Unit) -> tuple[str, str]:
    """Return the days of a week or month, or the one day, or that day's hour of ``start``: as
    exports have it, and in words."""
    if unit in ("week", "month"):
        return f"{days.first} to {days.last}", span(days)
    moment = datetime.combine(days.first, start.timetz())
    return minute(moment), bucket(moment, unit)


def country(name: str | None) -> str:
    """Return a country's name, or the text for none."""
    return NO_COUNTRY if name is None else name


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago something was, in its largest unit: 3 minutes ago."""
    seconds = max(0, int((now - moment).total_seconds()))
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{counted(seconds // size, name)} ago"
    return "just now" if seconds < 10 else f"{seconds} seconds ago"


def seconds(value: float | None) -> str:
    """Return a duration in a unit that fits: 0.36 s, 12.0 s, 3.4 min, 2.5 days."""
    if value is None:
        return NOTHING
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if value >= 2 * size:
            return f"{decimal(value / size)} {unit}"
    return f"{value:.2f} s" if value < 10 else f"{decimal(value)} s"


def written(value: object) -> str:
    """Return a cell of a panel's rows as a tooltip has it: money, a share, a count or a text."""
    if value is None:
        return NOTHING
    if isinstance(value, Decimal):
        return money(value)
    if isinstance(value, float):
        return percent(value)
    return count(value) if isinstance(value, int) else str(value)


def plain(text: str) -> str:
    """Return text that Markdown shows as it is: a country can't become a link or an image."""
    return "".join(f"\\{char}" if char in _ESCAPED else char for char in text)


def bare(text: str) -> str:
    """Return text without what Markdown takes for markup, as a name that is read out."""
    return " ".join("".join(" " if char in _MARKUP else char for char in text).split())
