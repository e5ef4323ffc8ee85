"""Compares each of a monitor's reports with what is known of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from retail_pipeline.operations.report import PartitionReport, Report
from retail_pipeline.operations.verdict import State

# What a report can't know while a part of the observation can't be read.
_OF_PART = {
    "group": ("lag", "oldest_s", "arriving", "storing", "members"),
    "processors": ("processors",),
    "dirty_days": ("dirty_days",),
    "reconciliation": ("reconciliation", "reconciled_at"),
    "database": ("database", "rows_stored", "rows_quarantined"),
    "sources": ("sources",),
    "host": ("host",),
}


def known_without_reading(report: Report) -> list[str]:
    """Return the figures that a report has though it could not read them."""
    found = [
        figure
        for part in report.problems
        for figure in _OF_PART.get(part, ())
        if getattr(report, figure) is not None
    ]
    return found + (["partitions"] if "group" in report.problems and report.partitions else [])


@dataclass
class Tally:
    """What was wrong in the reports so far.

    ``sent`` has the time of each record of ``topic``, in seconds since 1970, by partition and
    offset; ``ages`` is how often an age was compared with it, ``farthest_s`` the largest difference
    in seconds. ``unknown`` counts the reports of which a part could not be read.
    """

    topic: str
    sent: Mapping[tuple[int, int], float]
    reports: int = 0
    unknown: int = 0
    ages: int = 0
    farthest_s: float = 0.0
    states: dict[State, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    _before: dict[tuple[str, int], PartitionReport] = field(default_factory=dict)

    def add(self, report: Report) -> None:
        """Take a report into account."""
        self.reports += 1
        self.unknown += bool(report.problems)
        state = report.verdict.state
        self.states[state] = self.states.get(state, 0) + 1
        self.wrong += [f"{report.at:%H:%M:%S} {line}" for line in self._flaws(report)]
        for each in report.partitions:
            self._compare_age(report, each)
            self._before[each.topic, each.partition] = each

    def _flaws(self, report: Report) -> Iterator[str]:
        for figure in known_without_reading(report):
            yield f"{figure} is {getattr(report, figure)} and was not read"
        for each in report.partitions:
            before = self._before.get((each.topic, each.partition), each)
            where = f"{each.topic}[{each.partition}]"
            if each.lag < 0 or each.end < each.committed:
                yield f"{where}: the lag is negative: {each.committed} of {each.end} stored"
            if each.committed < before.committed or each.end < before.end:
                then, now = (f"{one.committed} of {one.end}" for one in (before, each))
                yield f"{where}: {then} became {now}"

    def _compare_age(self, report: Report, each: PartitionReport) -> None:
        sent = self.sent.get((each.partition, each.committed))
        if each.topic == self.topic and each.age_s is not None and sent is not None:
            self.ages += 1
            truth = report.at.timestamp() - sent
            self.farthest_s = max(self.farthest_s, abs(each.age_s - truth))
