"""Runs one monitor: observes at intervals, prints, saves, and ends when a condition holds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from threading import Event

import msgspec
from rich.console import Console

from retail_pipeline.cli.monitor.conditions import Condition
from retail_pipeline.cli.monitor.view import as_text
from retail_pipeline.errors import UsageError
from retail_pipeline.operations.report import Report, Reporter
from retail_pipeline.settings import Settings


class Format(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"


@dataclass
class MonitorRun:
    """One monitor from its start to its end."""

    settings: Settings
    stop: Event
    interval: timedelta
    duration: timedelta | None
    once: bool
    form: Format
    save: Path | None
    until: Condition | None
    fail_on: Condition | None

    def run(self) -> bool:
        """Observe until a condition holds, the time is over, or ``stop`` is set.

        Returns whether that is a success.

        Raises:
            UsageError: the file to save to can't be written.
        """
        from retail_pipeline.bootstrap import observing

        reporter, console = Reporter(), Console()
        ends = time.monotonic() + self.duration.total_seconds() if self.duration else None
        with observing(self.settings) as observer:
            while not self.stop.is_set():
                began = time.monotonic()
                report = reporter.report(observer.observe())
                self._print(report, console)
                self._save(report)
                if self.fail_on and self.fail_on.holds(report):
                    return False
                if self.once or self.until and self.until.holds(report):
                    return True
                next_at = began + self.interval.total_seconds()
                if ends is not None and next_at > ends:
                    return self.until is None
                self.stop.wait(max(0.0, next_at - time.monotonic()))
        return self.until is None

    def _print(self, report: Report, console: Console) -> None:
        if self.form is Format.JSON:
            print(msgspec.json.encode(report).decode(), flush=True)
        else:
            console.print(as_text(report))

    def _save(self, report: Report) -> None:
        if not self.save:
            return
        try:
            with self.save.open("ab") as file:
                file.write(msgspec.json.encode(report) + b"\n")
        except OSError as error:
            raise UsageError(f"{self.save}: can't be written: {error.strerror or error}") from None
