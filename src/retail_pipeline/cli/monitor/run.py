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
from rich.live import Live

from retail_pipeline.cli.monitor.conditions import Condition
from retail_pipeline.cli.monitor.keys import keys_at_once, next_key
from retail_pipeline.cli.monitor.view import HELP, as_text, frame
from retail_pipeline.errors import UsageError
from retail_pipeline.operations.history import History
from retail_pipeline.operations.observer import Observer
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

        console = Console()
        live = console.is_terminal and self.form is Format.TEXT and not self.once
        with observing(self.settings) as observer:
            return self._live(observer, console) if live else self._lines(observer, console)

    def _lines(self, observer: Observer, console: Console) -> bool:
        """Print each report below the one before."""
        reporter, ends = Reporter(), self._ends()
        while not self.stop.is_set():
            began = time.monotonic()
            report = reporter.report(observer.observe())
            if self.form is Format.JSON:
                print(msgspec.json.encode(report).decode(), flush=True)
            else:
                console.print(as_text(report))
            self._save(report)
            if (result := self._result(report, began, ends)) is not None:
                return result
            self.stop.wait(began + self.interval.total_seconds() - time.monotonic())
        return self.until is None

    def _live(self, observer: Observer, console: Console) -> bool:
        """Show the newest report on a screen of its own, and obey keys."""
        reporter, history, ends = Reporter(), History(), self._ends()
        number, note, paused = "1", HELP, False
        ascii_only = not console.encoding.lower().startswith("utf")
        with keys_at_once() as keys, Live(console=console, screen=True, auto_refresh=False) as view:
            while not self.stop.is_set():
                began = time.monotonic()
                report = reporter.report(observer.observe())
                history.add(report)
                self._save(report)
                if (result := self._result(report, began, ends)) is not None:
                    return result
                next_at = began + self.interval.total_seconds()
                while time.monotonic() < next_at and not self.stop.is_set():
                    if not paused:
                        shown = frame(number, report, history, note=note, ascii_only=ascii_only)
                        view.update(shown, refresh=True)
                    key = next_key(keys, next_at - time.monotonic(), self.stop)
                    if key == "q":
                        return self.until is None
                    paused = not paused if key == "p" else paused
                    number = key if key in {"1", "2", "3"} else number
                    note = ("" if note else HELP) if key == "?" else note
        return self.until is None

    def _ends(self) -> float | None:
        return time.monotonic() + self.duration.total_seconds() if self.duration else None

    def _result(self, report: Report, began: float, ends: float | None) -> bool | None:
        """Return whether the monitor ends well or not; None if it goes on."""
        if self.fail_on and self.fail_on.holds(report):
            return False
        if self.once or self.until and self.until.holds(report):
            return True
        if ends is not None and began + self.interval.total_seconds() > ends:
            return self.until is None
        return None

    def _save(self, report: Report) -> None:
        if not self.save:
            return
        try:
            with self.save.open("ab") as file:
                file.write(msgspec.json.encode(report) + b"\n")
        except OSError as error:
            raise UsageError(f"{self.save}: can't be written: {error.strerror or error}") from None
