"""``retail dlq``: the rows in quarantine, looked at, mended, sent again or given up."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import typer

from retail_pipeline.cli.common import server_settings
from retail_pipeline.domain.quarantined import Selection
from retail_pipeline.domain.rejection import Reason, Stage
from retail_pipeline.errors import UsageError

app = typer.Typer(
    help="The rows in quarantine: look at them, mend them, send them again, or give them up.",
    no_args_is_help=True,
)
_ROWS_IN_TABLE = 50
_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]

IDS = typer.Argument(None, metavar="[ID]...", help="Identities of rows, as list shows them.")
REASONS = typer.Option(
    [], "--reason", metavar="REASON", help="Only those refused for it; may be repeated."
)
SOURCE = typer.Option(None, help="Only those of a file: its name or its identity.")
SINCE = typer.Option(
    None, formats=_MOMENTS, metavar="UTC", help="Only those in quarantine since then."
)
UNTIL = typer.Option(
    None, formats=_MOMENTS, metavar="UTC", help="Only those in quarantine before then."
)
STAGE = typer.Option(None, help="Only those that the producer, or the processor, refused.")
LIMIT = typer.Option(None, min=1, help="So many at most, in the order of their identities.")
ALL = typer.Option(False, "--all", help="All rows in quarantine.")
DRY_RUN = typer.Option(False, "--dry-run", help="Say what would happen, and write nothing.")


@app.command("list")
def list_(
    reasons: list[Reason] = REASONS,
    source: str | None = SOURCE,
    since: datetime | None = SINCE,
    until: datetime | None = UNTIL,
    stage: Stage | None = STAGE,
    limit: int | None = typer.Option(
        None, min=1, help="So many at most. [default: 50 in a table, all with --json]"
    ),
    as_json: bool = typer.Option(
        False, "--json", help="Everything, one JSON object a line, which can be edited."
    ),
) -> None:
    """Show the rows in quarantine, and how many there are for each reason.

    Examples:

      retail dlq list --reason impossible_date --source orders.csv

      retail dlq list --since 2026-01-31 --json > rows.jsonl
    """
    from rich.console import Console

    from retail_pipeline.bootstrap import quarantine
    from retail_pipeline.cli.dlq.view import as_line, print_table

    selection = _selection([], reasons, source, since, until, stage)
    with quarantine(server_settings(), "reader") as held:
        if as_json:
            for row in held.find(selection, limit):
                typer.echo(as_line(row), nl=False)
            return
        rows = list(held.find(selection, limit or _ROWS_IN_TABLE))
        print_table(Console(), rows, held.totals(selection))


@app.command()
def show(
    identity: str = typer.Argument(metavar="ID", help="A row's identity, as list shows it.")
) -> None:
    """Show everything about one row, its raw text included, and how it could be mended.

    Examples:

      retail dlq show 3f2a9c0d11223344:000000017
    """
    from rich.console import Console

    from retail_pipeline.bootstrap import quarantine
    from retail_pipeline.cli.dlq.view import print_row

    with quarantine(server_settings(), "reader") as held:
        rows = list(held.find(Selection(ids=(identity,))))
    if not rows:
        raise UsageError(f"{identity}: no such row in quarantine; stored or purged meanwhile?")
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
        help="The rows in FILE, lines of `list --json` with raw edited; - is standard input.",
    ),
    force: bool = typer.Option(
        False, "--force", help="Also rows that were replayed DLQ_MAX_REPLAYS times already."
    ),
    wait: float = typer.Option(
        30.0, min=0, metavar="SECONDS", help="Longest wait until processors have stored the rows."
    ),
    dry_run: bool = DRY_RUN,
) -> None:
    """Read rows in quarantine again and send those that are good by now to the processors.

    A row keeps its identity, and leaves quarantine once it is stored; one that is still broken
    stays, and its replays are counted. Killed or stopped, it can simply be run again. Exit status
    1 says that some of the rows are still in quarantine.

    Examples:

      retail dlq replay --reason unknown_version

      retail dlq replay --edited rows.jsonl --dry-run

      retail dlq replay --all --wait 120
    """
    from retail_pipeline.cli.dlq.run import ReplayRun

    selection = _selection(ids, reasons, source, since, until, stage)
    if edited and (everything or limit or not selection.everything):
        raise UsageError("--edited names the rows itself: no IDs, filters or --all with it")
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
    """Give rows in quarantine up for good: their text is deleted.

    Of each, a note stays in the collection `purged` (its identity, file and reason), so that it
    stays accounted for and does not come back.

    Examples:

      retail dlq purge --source old.csv --dry-run

      retail dlq purge --reason unreadable_record --until 2026-01-31 --yes
    """
    from retail_pipeline.cli.dlq.run import purge_rows

    selection = _selection(ids, reasons, source, since, until, stage)
    _must_say_which(selection, everything, "purge")
    if not (yes or dry_run or sys.stdin.isatty()):
        raise UsageError("purge deletes for good: add --yes, or look first with --dry-run")
    purge_rows(selection, limit, yes, dry_run)


def _selection(
    ids: list[str] | None,
    reasons: list[Reason],
    source: str | None,
    since: datetime | None,
    until: datetime | None,
    stage: Stage | None,
) -> Selection:
    return Selection(
        tuple(ids or ()),
        tuple(reasons),
        source,
        since.replace(tzinfo=UTC) if since else None,
        until.replace(tzinfo=UTC) if until else None,
        stage,
    )


def _must_say_which(selection: Selection, everything: bool, verb: str) -> None:
    if everything and not selection.everything:
        raise UsageError("--all means every row: leave it out, or the filters")
    if selection.everything and not everything:
        raise UsageError(f"{verb} what? Name rows, filters or --all")
