"""The last reports of a monitor, figure by figure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from retail_pipeline.operations.report import Report

POINTS = 100
FIGURES = ("lag", "oldest_s", "arriving", "storing", "rows_stored", "dirty_days")


@dataclass(frozen=True)
class Series:
    """The points of one figure, oldest first; None where it was unknown."""

    points: tuple[float | None, ...]

    @property
    def known(self) -> list[float]:
        """The points that are known."""
        return [point for point in self.points if point is not None]

    def summary(self) -> tuple[float, float, float] | None:
        """Return minimum, mean and maximum; None if no point is known."""
        known = self.known
        return (min(known), sum(known) / len(known), max(known)) if known else None


class History:
    """Keeps the last 100 reports' figures."""

    def __init__(self) -> None:
        self._reports: deque[Report] = deque(maxlen=POINTS)

    def add(self, report: Report) -> None:
        """Add a report; the oldest one is dropped."""
        self._reports.append(report)

    def series(self, figure: str) -> Series:
        """Return the points of one of ``FIGURES``."""
        return Series(tuple(getattr(report, figure) for report in self._reports))
