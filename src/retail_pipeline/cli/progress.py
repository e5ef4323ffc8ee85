"""Shows the progress of a source: a bar on a terminal, otherwise a log line now and then."""

from __future__ import annotations

import logging
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn
from rich.progress import Progress as Bar
from rich.progress import ProgressColumn, TaskProgressColumn, TimeRemainingColumn

from retail_pipeline.domain.checkpoint import Checkpoint

log = logging.getLogger("producer")
_SECONDS_BETWEEN_LINES = 10.0


def on_terminal(*more: ProgressColumn, transient: bool = False, shown: bool = True) -> Bar:
    """Return a bar with its counts and ``more`` columns, on standard error if it is a terminal."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn())
    disabled = not (shown and sys.stderr.isatty())
    console = Console(stderr=True)
    return Bar(*columns, *more, console=console, transient=transient, disable=disabled)


class Progress:
    """Shows the acknowledged rows of one source, of about ``total`` if that is known."""

    def __init__(self, name: str, total: int | None) -> None:
        self._name = name
        self._total = total
        self._bar: Bar | None = None
        self._logged_at = time.monotonic()
        self._logged_rows: int | None = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            self._bar = on_terminal(TaskProgressColumn(), TimeRemainingColumn())
            self._bar.start()
            self._task = self._bar.add_task(self._name, total=self._total)
        return self

    def show(self, checkpoint: Checkpoint) -> None:
        """Show the progress up to ``checkpoint``."""
        if self._bar:
            self._bar.update(self._task, completed=checkpoint.rows_read)
            return
        now, rows = time.monotonic(), checkpoint.rows_read
        if self._logged_rows is None:
            self._logged_rows = rows
        if now - self._logged_at >= _SECONDS_BETWEEN_LINES:
            share = f" ({rows / self._total:.0%})" if self._total else ""
            rate = (rows - self._logged_rows) / (now - self._logged_at)
            log.info(
                "%s: %s rows acknowledged%s, %.0f rows/s",
                *(self._name, f"{rows:,}", share, rate),
                extra={"file": self._name, "rows": rows, "rows_per_s": round(rate)},
            )
            self._logged_at, self._logged_rows = now, rows

    def __exit__(self, *error: object) -> None:
        if self._bar:
            self._bar.stop()
