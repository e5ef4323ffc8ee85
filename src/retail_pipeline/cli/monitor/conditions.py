"""Conditions such as ``lag=0`` or ``age>60``, for ``--until`` and ``--fail-on``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from retail_pipeline.errors import UsageError
from retail_pipeline.operations.report import Report

_FIGURES: dict[str, Callable[[Report], float | None]] = {
    "lag": lambda report: report.lag,
    "age": lambda report: report.oldest_s,
    "members": lambda report: report.members,
    "processors": lambda report: report.processors,
    "dirty_days": lambda report: report.dirty_days,
    "stored": lambda report: report.database.stored if report.database else None,
    "quarantined": lambda report: report.database.quarantined if report.database else None,
}
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
# A comma parts thousands: "0,5" may mean a half, and is refused.
_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9][0-9_]*)(?:\.[0-9]+)?"
_FORM = re.compile(rf"\s*([a-z_]+)\s*(!=|>=|<=|=|>|<)\s*({_NUMBER})\s*")


@dataclass(frozen=True)
class Condition:
    """A figure of a report, compared with a number."""

    text: str
    figure: str
    comparison: str
    number: float

    def holds(self, report: Report) -> bool:
        """Return whether it holds; a figure that is not known meets no condition."""
        value = _FIGURES[self.figure](report)
        return value is not None and _COMPARISONS[self.comparison](value, self.number)


def parse_condition(text: str) -> Condition:
    """Return the condition that ``text`` says.

    Raises:
        UsageError: it has another form, or names no figure.
    """
    found = _FORM.fullmatch(text)
    if not found or found[1] not in _FIGURES:
        known = ", ".join(_FIGURES)
        raise UsageError(f"{text!r} is no condition: write for instance lag=0 or age>60 ({known})")
    figure, comparison, number = found.groups()
    return Condition(text, figure, comparison, float(number.replace(",", "").replace("_", "")))
