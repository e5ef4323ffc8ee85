"""``retail reconcile``: proves that no row was lost or counted twice."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import TaskID, TaskProgressColumn

from retail_pipeline import logs
from retail_pipeline.adapters.sources.files import find_files
from retail_pipeline.cli import failures
from retail_pipeline.cli.common import collect_garbage_rarely, server_settings
from retail_pipeline.cli.progress import on_terminal
from retail_pipeline.domain.offsets import total_lag
from retail_pipeline.domain.reconciliation import Reconciliation, Verdict
from retail_pipeline.errors import RetailError, UsageError
from retail_pipeline.flows.waiting import wait_while

if TYPE_CHECKING:
    from retail_pipeline.bootstrap import ReconcileParts
    from retail_pipeline.reconcile.scheduler import Results

log = logging.getLogger("reconcile")


def reconcile(
    files: list[str] = typer.Argument(
        None,
        help="Files, folders or globs that were sent: their rows are compared too.",
    ),
    quick: bool = typer.Option(False, "--quick", help="Compare counts only, in a second or two."),
    as_json: bool = typer.Option(False, "--json", help="Print the whole result as JSON."),
    wait: float = typer.Option(
        0.0, min=0, metavar="SECONDS", help="Longest wait for rows that are on their way."
    ),
) -> None:
    """Prove that every row is stored, quarantined or purged: exactly once, to the penny.

    The command compares files, Kafka, MongoDB and the rollups row by row: counts and money, by day
    and kind. It names each difference with its row ids and says what to do.

    Exit status: 0 all agree, 1 they differ or rows are still on their way, 2 the reconciliation
    failed.

    Examples:

      retail reconcile

      retail reconcile --quick --json

      retail reconcile 'exports/*.csv.gz' --wait 60
    """
    if quick and files:
        raise UsageError("--quick reads no files: leave out --quick or the files")
    try:
        # A wrong name is reported before the connection to Kafka.
        find_files(files or [])
        clean = _run(files or [], quick, as_json, wait)
    except RetailError as error:
        failures.say(error, "reconciliation failed: ")
        raise typer.Exit(2) from None
    except Exception as error:  # its exit status would otherwise be that of a difference
        failures.say(error)
        raise typer.Exit(2) from None
    raise typer.Exit(0 if clean else 1)


def _run(names: list[str], quick: bool, as_json: bool, wait_s: float) -> bool:
    """Reconcile, print the result, and return whether all agree.

    Raises:
        UsageError: a file can't be used.
        TransientError, PermanentError: a server is away, or refuses.
    """
    from retail_pipeline.bootstrap import reconciling
    from retail_pipeline.cli.reconcile.report import show

    settings = server_settings()
    logs.configure(settings.log_level, settings.log_format)
    collect_garbage_rarely()
    paths = find_files(names, log.warning)
    with reconciling(settings) as parts:
        if wait_s:
            kafka, database = parts.kafka, parts.database
            wait_while(lambda: total_lag(kafka.positions()) or database.pending_days(), wait_s)
        result = parts.count_check().run() if quick else _full(parts, paths)
        if as_json:
            print(msgspec.json.format(msgspec.json.encode(result)).decode())
        else:
            show(result, Console())
        _keep(parts.results, result)
    return result.verdict is Verdict.AGREE


def _full(parts: ReconcileParts, paths: list[Path]) -> Reconciliation:
    """Compare every row; show a bar for each place that is read, on a terminal."""
    tasks: dict[str, TaskID] = {}
    with on_terminal(TaskProgressColumn(), transient=True) as bar:

        def report(place: str, rows: int, total: int) -> None:
            if place not in tasks:
                tasks[place] = bar.add_task(escape(place))
            bar.update(tasks[place], completed=rows, total=total)

        return parts.full(paths, report).run()


def _keep(results: Results, result: Reconciliation) -> None:
    """Store the result for the dashboard; a failure does not change the result."""
    try:
        results.keep(result)
    except RetailError as error:
        log.warning("the result is not stored: %s", error)
