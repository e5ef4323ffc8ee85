"""Runs one monitor: prints or shows reports, saves them, and ends when a condition holds."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event

import msgspec
from rich.console import Console, RenderableType
from rich.live import Live

from retail_pipeline.cli.monitor.conditions import Condition
from retail_pipeline.cli.monitor.feeds import Feed
from retail_pipeline.cli.monitor.format import Format
from retail_pipeline.cli.monitor.keys import keys_at_once, next_key
from retail_pipeline.cli.monitor.saved import SaveFile
from retail_pipeline.cli.monitor.view import HELP, PAGES, Screen, as_text
from retail_pipeline.operations.history import History
from retail_pipeline.operations.report import Report

# A pipe has no width: wide enough that no line is broken.
_PIPE_COLUMNS = 240


@dataclass
class MonitorRun:
    """One monitor from its start to its end."""

    feed: Feed
    stop: Event
    duration: timedelta | None = None
    once: bool = False
    form: Format = Format.TEXT
    save: SaveFile | None = None
    until: Condition | None = None
    fail_on: Condition | None = None
    _ends: float | None = field(init=False)

    def __post_init__(self) -> None:
        seconds = self.duration.total_seconds() if self.duration else None
        self._ends = None if seconds is None else time.monotonic() + seconds

    def print_reports(self) -> bool:
        """Print each report below the one before; return whether the end is a success.

        Raises:
            UsageError: the file to save to can't be written.
        """
        console = Console()
        if not console.is_terminal:
            console = Console(width=_PIPE_COLUMNS)
        while not self.stop.is_set() and (report := self._next()):
            if self.form is Format.JSON:
                print(msgspec.json.encode(report).decode(), flush=True)
            else:
                console.print(as_text(report))
            if (result := self._result(report)) is not None:
                return result
            self.stop.wait(self.feed.pause_s)
        return self.until is None

    def show_screen(self, console: Console) -> bool:
        """Show the newest report on a screen of its own, and obey keys.

        Returns as :meth:`print_reports` does.

        Raises:
            UsageError: the file to save to can't be written.
        """
        view = _View(console)
        with keys_at_once() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
            while not self.stop.is_set() and (report := self._next()):
                view.add(report)
                if (result := self._result(report)) is not None:
                    return result
                while not self.stop.is_set():
                    live.update(view.drawn(), refresh=True)
                    if not (key := next_key(keys, self.feed.pause_s, self.stop)):
                        break
                    if key == "q":
                        return self.until is None
                    view.press(key)
        return self.until is None

    def _next(self) -> Report | None:
        report = self.feed.next()
        if report and self.save:
            self.save.append(report)
        return report

    def _result(self, report: Report) -> bool | None:
        """Return whether the monitor ends well or not; None if it goes on."""
        if self.fail_on and self.fail_on.holds(report):
            return False
        if self.once or self.until and self.until.holds(report):
            return True
        if self._ends is not None and time.monotonic() + self.feed.pause_s > self._ends:
            return self.until is None
        return None


class _View:
    """What the screen shows: the newest report, or the one at which the user paused."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._ascii_only = not console.encoding.lower().startswith("utf")
        self._history = History()
        self._newest: Report | None = None
        self._paused: Report | None = None
        self._page, self._note = "1", HELP

    def add(self, report: Report) -> None:
        """Take a report into account."""
        self._newest = report
        self._history.add(report)

    def press(self, key: str) -> None:
        """Obey a key."""
        if key == "p":
            self._paused = None if self._paused else self._newest
        elif key == "?":
            self._note = "" if self._note else HELP
        elif key in PAGES:
            self._page = key

    def drawn(self) -> RenderableType:
        """Return the whole screen."""
        report = self._paused or self._newest
        assert report is not None
        note = f"PAUSED. {self._note}" if self._paused else self._note
        width, height = self._console.size
        shown = Screen(width, height, self._ascii_only)
        return shown.drawn(self._page, self._history, report, note)
