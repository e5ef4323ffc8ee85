"""Days that can't be summarised: which, why, since when, and the sentence about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from retail_pipeline.domain.collections import (
    DUPLICATES_ROLLUP,
    ORDERS_ROLLUP,
    PRODUCTS_ROLLUP,
    RETURNS,
)
from retail_pipeline.domain.days import day_number
from retail_pipeline.domain.words import counted

# The name of each part of a day's summaries.
PARTS = {
    ORDERS_ROLLUP: "orders",
    PRODUCTS_ROLLUP: "products",
    DUPLICATES_ROLLUP: "duplicate lines",
    RETURNS: "returns",
}
WHAT_TO_DO = (
    "its rows are stored, and the other days are summarised; remove the cause (see"
    " docs/troubleshooting.md) and restart the processor, which tries again at once; by itself it"
    " tries again when rows come in for the day, and after a pause of up to an hour"
)
NO_DAY = "no day can be summarised: {error}"
_MOST_NAMED = 3


class FailedDay(msgspec.Struct, frozen=True, kw_only=True):
    """A UTC day for which at least one part of the summaries could not be made.

    ``reasons`` has a reason for each part (see ``PARTS``). ``since`` is the moment of the first of
    ``attempts`` failures in a row, ``next_at`` that of the next attempt. A ``changed`` day is
    tried again within seconds: rows came in for it since, or a processor started.
    """

    day: date
    reasons: dict[str, str]
    since: datetime
    attempts: int
    next_at: datetime
    changed: bool = False

    @property
    def number(self) -> int:
        """The day, in days since 1970."""
        return day_number(self.day)

    @property
    def parts(self) -> str:
        """The names of the parts that could not be made: orders, returns."""
        return ", ".join(PARTS.get(part, part) for part in self.reasons)

    @property
    def why(self) -> str:
        """The reasons as text, each once."""
        return "; ".join(dict.fromkeys(self.reasons.values()))


def failed_before_and_after(
    before: Sequence[FailedDay], after: Sequence[FailedDay]
) -> tuple[list[FailedDay], set[int]]:
    """Return the days that failed in both, and the numbers of those that failed in one only.

    The others were summarised or tried meanwhile: what a reconciliation read of them is unknown.
    """
    always = {each.number for each in before} & {each.number for each in after}
    others = {each.number for each in (*before, *after)} - always
    return [each for each in after if each.number in always], others


def in_words(failed: Sequence[FailedDay]) -> str:
    """Return a sentence that names the failed days and reasons; of many days only the first."""
    days = counted(len(failed), "day")
    named = [f"{each.day} ({each.parts}: {each.why})" for each in failed[:_MOST_NAMED]]
    more = f" and {len(failed) - _MOST_NAMED:,} more" if len(failed) > _MOST_NAMED else ""
    return f"{days} can't be summarised: {', '.join(named)}{more}"
