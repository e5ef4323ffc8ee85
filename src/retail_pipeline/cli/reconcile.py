"""``retail reconcile``: the proof that nothing was lost and nothing counted twice."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("reconcile")(reconcile)


def reconcile(
    files: list[str] = typer.Argument(
        None, help="The files that were sent, to be worked out anew: as `retail produce` has them."
    ),
    quick: bool = typer.Option(False, "--quick", help="Compare counts only, in a second or two."),
    as_json: bool = typer.Option(False, "--json", help="Print the whole result as JSON."),
    wait: float = typer.Option(
        0.0, min=0, metavar="SECONDS", help="Wait so long for rows that are on their way."
    ),
) -> None:
    """Prove that every row read is stored, quarantined or purged: exactly once, to the penny.

    Files, Kafka and MongoDB are compared row by row, by day and kind, in counts and in money, and
    so are the rollups. Each difference is named with its row ids and with what to do.

    Exit status: 0 all agree, 1 they differ or rows are still on their way, 2 it could not look.

    Examples:

      retail reconcile

      retail reconcile --quick --json

      retail reconcile 'exports/*.csv.gz' --wait 60
    """
    from retail_pipeline.cli import failures
    from retail_pipeline.cli.reconcile_run import ReconcileRun
    from retail_pipeline.errors import RetailError, UsageError

    if quick and files:
        raise UsageError("--quick reads no files: leave it out, or them")
    try:
        clean = ReconcileRun(files or [], quick=quick, as_json=as_json, wait_s=wait).run()
    except RetailError as error:
        failures.say(error, "could not look: ")
        raise typer.Exit(2) from None
    except Exception as error:  # the status of it would else be that of a difference
        failures.say(error)
        raise typer.Exit(2) from None
    raise typer.Exit(0 if clean else 1)
