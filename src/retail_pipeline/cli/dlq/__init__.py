"""``retail dlq``: shows, corrects, replays and purges the rows in quarantine."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import typer

from retail_pipeline.cli.common import server_settings
from retail_pipeline.domain.quarantined import QuarantineSelection
from retail_pipeline.domain.rejection import Reason, Stage
from retail_pipeline.errors import UsageError

app = typer.Typer(
    help="Show, correct, replay or purge the rows in quarantine: MongoDB's copy of Kafka's"
    " dead-letter topic (DLQ, dead-letter queue).",
    no_args_is_help=True,
)
_ROWS_IN_TABLE = 50
_TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]

IDS = typer.Argument(None, metavar="[ID]...", help="Ids of rows, as `retail dlq list` shows them.")
REASONS = typer.Option(
    [], "--reason", metavar="REASON", help="Only rows with this reason; may be repeated."
)
SOURCE = typer.Option(None, help="Only rows of this file: its name or its identity.")
SINCE = typer.Option(
    None, formats=_TIME_FORMATS, metavar="UTC", help="Only rows in quarantine since this time."
)
UNTIL = typer.Option(
    None, formats=_TIME_FORMATS, metavar="UTC", help="Only rows in quarantine before this time."
)
STAGE = typer.Option(None, help="Only rows that the producer, or the processor, refused.")
LIMIT = typer.Option(None, min=1, help="At most this many rows, in the order of their ids.")
ALL = typer.Option(False, "--all", help="All rows in quarantine.")
DRY_RUN = typer.Option(False, "--dry-run", help="Print what would happen, and write nothing.")


@app.command("list")
def list_(
    reasons: list[Reason] = REASONS,
    source: str | None = SOURCE,
    since: datetime | None = SINCE,
    until: datetime | None = UNTIL,
    stage: Stage | None = STAGE,
    limit: int | None = typer.Option(
        None, min=1, help="At most this many rows. [default: 50 in a table, all with --json]"
    ),
    as_json: bool = typer.Option(
        False, "--json", help="Print complete rows as JSON, one row a line, to edit and replay."
    ),
) -> None:
    """List the rows in quarantine, and how many there are for each reason.

    Examples:

      retail dlq list --reason impossible_date --source orders.csv

      retail dlq list --since 2026-01-31 --json > rows.jsonl
    """
    from rich.console import Console

    from retail_pipeline.bootstrap import quarantine
    from retail_pipeline.cli.dlq.view import as_line, print_table

    selection = _selection([], reasons, source, since, until, stage)
    with quarantine(server_settings(), "reader") as rows_in_quarantine:
        if as_json:
            for row in rows_in_quarantine.find(selection, limit):
                typer.echo(as_line(row), nl=False)
            return
        rows = list(rows_in_quarantine.find(selection, limit or _ROWS_IN_TABLE))
        print_table(Console(), rows, rows_in_quarantine.totals(selection))


@app.command()
def show(
    identity: str = typer.Argument(metavar="ID", help="A row's id, as `retail dlq list` shows it.")
) -> None:
    """Show everything about one row, with its raw text, and how to correct it.

    Examples:

      retail dlq show 3f2a9c0d11223344:000000017
    """
    from rich.console import Console

    from retail_pipeline.bootstrap import quarantine
    from retail_pipeline.cli.dlq.view import print_row

    with quarantine(server_settings(), "reader") as rows_in_quarantine:
        rows = list(rows_in_quarantine.find(QuarantineSelection(ids=(identity,))))
    if not rows:
        raise UsageError(f"{identity}: no such row in quarantine; is it stored or purged by now?")
    for row in rows:
        print_row(Console(), row)


@app.command()
def replay(
    ids: list[str] = IDS,
    reasons: list[Reason] = REASONS,
    source: str | None = SOURCE,
    since: datetime | None = SINCE,
    until: datetime | None = UNTIL,
    stage: Stage | None = STAGE,
    limit: int | None = LIMIT,
    everything: bool = ALL,
    edited: str | None = typer.Option(
        None,
        metavar="FILE",
        help="The rows in FILE: lines of `list --json` with an edited raw; - is standard input.",
    ),
    force: bool = typer.Option(
        False, "--force", help="Also rows that were replayed DLQ_MAX_REPLAYS times already."
    ),
    wait: float = typer.Option(
        30.0, min=0, metavar="SECONDS", help="Longest wait for processors to store the rows."
    ),
    dry_run: bool = DRY_RUN,
) -> None:
    """Parse rows in quarantine again and send the valid ones to the processors.

    A row keeps its identity, and leaves quarantine when it is stored. A row that is still broken
    stays there. Replays of a row are counted. After a stop or a kill, run the command again. Exit
    status 1 means that some of the rows are still in quarantine.

    Examples:

      retail dlq replay --reason unknown_version

      retail dlq replay --edited rows.jsonl --dry-run

      retail dlq replay --all --wait 120
    """
    from retail_pipeline.cli.dlq.run import ReplayRun

    selection = _selection(ids, reasons, source, since, until, stage)
    if edited and (everything or limit or not selection.everything):
        raise UsageError("--edited names the rows itself: leave out IDs, filters and --all")
    if not edited:
        _must_say_which(selection, everything, "replay")
    run = ReplayRun(selection, limit, edited, force, dry_run, wait)
    raise typer.Exit(run.run())


@app.command()
def purge(
    ids: list[str] = IDS,
    reasons: list[Reason] = REASONS,
    source: str | None = SOURCE,
    since: datetime | None = SINCE,
    until: datetime | None = UNTIL,
    stage: Stage | None = STAGE,
    limit: int | None = LIMIT,
    everything: bool = ALL,
    yes: bool = typer.Option(False, "--yes", help="Don't ask."),
    dry_run: bool = DRY_RUN,
) -> None:
    """Delete the text of rows in quarantine permanently.

    The collection `purged` keeps each row's identity, file and reason, so that the row stays
    accounted for and does not come back.

    Examples:

      retail dlq purge --source old.csv --dry-run

      retail dlq purge --reason unreadable_record --until 2026-01-31 --yes
    """
    from retail_pipeline.cli.dlq.run import purge_rows

    selection = _selection(ids, reasons, source, since, until, stage)
    _must_say_which(selection, everything, "purge")
    if not (yes or dry_run or sys.stdin.isatty()):
        raise UsageError("purge deletes permanently: add --yes, or try --dry-run first")
    purge_rows(selection, limit, yes, dry_run)


def _selection(
    ids: list[str] | None,
    reasons: list[Reason],
    source: str | None,
    since: datetime | None,
    until: datetime | None,
    stage: Stage | None,
) -> QuarantineSelection:
    return QuarantineSelection(
        tuple(ids or ()),
        tuple(reasons),
        source,
        since.replace(tzinfo=UTC) if since else None,
        until.replace(tzinfo=UTC) if until else None,
        stage,
    )


def _must_say_which(selection: QuarantineSelection, everything: bool, verb: str) -> None:
    if everything and not selection.everything:
        raise UsageError("--all means every row: leave out --all or the filters")
    if selection.everything and not everything:
        raise UsageError(f"{verb} needs rows: name IDs, filters or --all")
