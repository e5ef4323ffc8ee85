"""Where a monitor's reports come from: the running pipeline, or a file that was saved."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from retail_pipeline.cli.monitor.saved import saved_reports
from retail_pipeline.operations.observer import Observer
from retail_pipeline.operations.report import Report, Reporter


class Feed(Protocol):
    """Reports, one after the other."""

    def next(self) -> Report | None:
        """Return the next report; None after the last one."""

    @property
    def pause_s(self) -> float:
        """How long the next report is still away, in seconds."""


class RunningPipeline:
    """Observes the pipeline at each interval."""

    def __init__(self, observer: Observer, interval: timedelta) -> None:
        self._observer, self._reporter = observer, Reporter()
        self._interval_s = interval.total_seconds()
        self._due = time.monotonic()

    def next(self) -> Report | None:
        """Observe now."""
        self._due = time.monotonic() + self._interval_s
        return self._reporter.report(self._observer.observe())

    @property
    def pause_s(self) -> float:
        """How long the next observation is still away."""
        return max(0.0, self._due - time.monotonic())


class SavedReports:
    """Gives saved reports in the rhythm in which they were made, ``speed`` times as fast."""

    def __init__(self, path: Path, speed: float) -> None:
        self._reports: Iterator[Report] = saved_reports(path)
        self._speed = speed
        self._following: Report | None = next(self._reports)
        self._due = time.monotonic()

    def next(self) -> Report | None:
        """Return the next saved report."""
        report, self._following = self._following, next(self._reports, None)
        if report and self._following:
            gap_s = (self._following.at - report.at).total_seconds()
            self._due = time.monotonic() + max(0.0, gap_s) / self._speed
        return report

    @property
    def pause_s(self) -> float:
        """How long the next report is still away."""
        return max(0.0, self._due - time.monotonic())
