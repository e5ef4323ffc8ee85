"""Runs the replay and the purge of ``retail dlq``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING

import typer
from rich.progress import Progress

from retail_pipeline import bootstrap
from retail_pipeline.cli.common import server_settings, start
from retail_pipeline.cli.dlq.edits import Edits
from retail_pipeline.cli.progress import on_terminal
from retail_pipeline.domain.quarantined import Quarantined, QuarantineSelection
from retail_pipeline.flows.reparse import StillInvalid
from retail_pipeline.flows.replay import Replay, ReplayCounts, ReplayResult, Skipped, Wanted
from retail_pipeline.flows.retry import retrying
from retail_pipeline.flows.waiting import wait_while

if TYPE_CHECKING:
    from retail_pipeline.adapters.mongo.quarantine import MongoQuarantine

_RETRY_FOR_S = 60.0
_AT_ONCE = 500
_MOST_NAMED = 20


@contextmanager
def _bar(total: int, shown: bool) -> Iterator[Progress]:
    with on_terminal(shown=shown) as bar:
        bar.add_task("rows", total=total)
        yield bar


@dataclass
class ReplayRun:
    """One ``retail dlq replay`` of ``selection`` and ``limit``, or of the file ``edited``."""

    selection: QuarantineSelection
    limit: int | None
    edited: str | None
    force: bool
    dry_run: bool
    wait_s: float

    def run(self) -> int:
        """Replay, wait for the processors, print a report, and return the exit status.

        Raises:
            UsageError: the file of edited rows can't be used; nothing was written.
        """
        self._missing = 0
        self._broken: list[str] = []
        # Read before `start` handles signals: Ctrl-C ends what is typed in by hand.
        edits = Edits(self.edited) if self.edited else None
        self._settings, self._stop = start("dlq")
        # A dry run connects as a user who may not write.
        with (
            edits or nullcontext(),
            bootstrap.quarantine(
                self._settings, "reader" if self.dry_run else "writer"
            ) as quarantine,
        ):
            if edits:
                rows = self._as_edited(quarantine, edits)
                replay, report = self._replay(quarantine, rows, edits.rows)
            else:
                total = sum(quarantine.totals(self.selection).values())
                total = min(total, self.limit or total)
                rows = ((row, None) for row in quarantine.find(self.selection, self.limit))
                replay, report = self._replay(quarantine, rows, total)
                self._missing += max(len(self.selection.ids) - report.seen, 0)
            left = 0 if self.dry_run else self._await(quarantine, replay)
        self._say(report, left)
        stays = left or report.broken or report.skipped or self._stop.is_set()
        return 1 if stays and not self.dry_run else 0

    def _replay(
        self, quarantine: MongoQuarantine, rows: Iterator[Wanted], total: int
    ) -> tuple[Replay, ReplayCounts]:
        with _bar(total, not self.dry_run) as bar:

            def tell(row: Quarantined, verdict: ReplayResult) -> None:
                bar.advance(bar.task_ids[0])
                self._note(row, verdict)

            replay = bootstrap.replay(
                *(self._settings, quarantine, retrying(self._stop, _RETRY_FOR_S), self._stop),
                dry_run=self.dry_run,
                force=self.force,
                tell=tell,
            )
            return replay, replay.run(rows)

    def _as_edited(self, quarantine: MongoQuarantine, edits: Edits) -> Iterator[Wanted]:
        for texts in edits.chunks(_AT_ONCE):
            found = quarantine.find(QuarantineSelection(ids=tuple(texts)))
            rows = [row for row in found if row.id in texts]
            self._missing += len(texts) - len(rows)
            for row in rows:
                yield row, texts[row.id]

    def _note(self, row: Quarantined, verdict: ReplayResult) -> None:
        if isinstance(verdict, StillInvalid):
            words = f"still broken, stays: {verdict.reason}: {verdict.detail}"
        elif isinstance(verdict, Skipped):
            words = f"skipped, stays: {verdict.detail}"
        else:
            words = "would be replayed"
        if self.dry_run:
            typer.echo(f"{row.id}: {words}")
        elif isinstance(verdict, StillInvalid | Skipped) and len(self._broken) < _MOST_NAMED:
            self._broken.append(f"{row.id}: {words}")

    def _await(self, quarantine: MongoQuarantine, replay: Replay) -> int:
        """Wait, and return how many of the sent rows are still in quarantine."""
        return wait_while(
            lambda: quarantine.waiting(replay.run_id), self.wait_s, every_s=0.2, stop=self._stop
        )

    def _say(self, report: ReplayCounts, left: int) -> None:
        for line in self._broken:
            typer.echo(line)
        hidden = report.broken.total() + report.skipped - len(self._broken)
        if hidden > 0 and not self.dry_run:
            typer.echo(f"… and {hidden:,} more")
        reasons = ", ".join(f"{name} {rows:,}" for name, rows in report.broken.most_common())
        parts = [
            f"{report.replayed:,} {'would be ' if self.dry_run else ''}replayed",
            f"{report.broken.total():,} still broken" + (f" ({reasons})" if reasons else ""),
            f"{report.skipped:,} skipped",
        ]
        if self._missing:
            parts.append(
                f"{self._missing:,} not in quarantine (wrong id, or stored or purged since)"
            )
        typer.echo("; ".join(parts))
        if left:
            typer.echo(
                f"{left:,} of the replayed rows are not stored after {self.wait_s:.0f} s: check"
                " that a processor runs. They leave quarantine when a processor stores them."
            )
        if self._stop.is_set():
            typer.echo("stopped before the end: run the command again for the rest")


def purge_rows(selection: QuarantineSelection, limit: int | None, yes: bool, dry_run: bool) -> None:
    """Purge rows, after a question unless ``yes``; print how many.

    Raises:
        Abort: the user declines.
    """
    settings = server_settings()
    with bootstrap.quarantine(settings, "reader" if dry_run else "writer") as quarantine:
        totals = quarantine.totals(selection)
        total = min(sum(totals.values()), limit or sum(totals.values()))
        reasons = ", ".join(f"{reason} {rows:,}" for reason, rows in totals.items())
        if not total:
            typer.echo("no such row is in quarantine: nothing to purge")
            return
        if dry_run:
            typer.echo(f"{total:,} rows would be purged, of {reasons}")
            return
        if not yes:
            typer.confirm(f"Delete the text of {total:,} rows permanently ({reasons})?", abort=True)
        # From here on Ctrl-C stops the command between two chunks.
        _, stop = start("dlq")
        purged = _purge(quarantine, selection, limit, total, stop)
    typer.echo(f"{purged:,} rows purged")


def _purge(
    quarantine: MongoQuarantine,
    selection: QuarantineSelection,
    limit: int | None,
    total: int,
    stop: Event,
) -> int:
    rows, purged = quarantine.find(selection, limit), 0
    retry = retrying(stop, _RETRY_FOR_S)
    with _bar(total, True) as bar:
        while not stop.is_set() and (chunk := list(islice(rows, _AT_ONCE))):
            purged += retry(quarantine.purge, chunk)
            bar.advance(bar.task_ids[0], len(chunk))
    return purged
