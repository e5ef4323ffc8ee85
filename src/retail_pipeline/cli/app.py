"""The ``retail`` command: one sub-command a job, and errors in plain words."""

from __future__ import annotations

import sys

import typer

from retail_pipeline import __version__
from retail_pipeline.cli import (
    dashboard,
    dlq,
    health,
    local,
    process,
    produce,
    reconcile,
    sample,
    setup,
)
from retail_pipeline.errors import RetailError, UsageError

app = typer.Typer(
    name="retail",
    help="Real-time retail analytics: nothing lost, nothing counted twice, exact to the penny.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"retail {__version__}")
        raise typer.Exit()


@app.callback()
def _retail(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


for module in (produce, process, reconcile, dashboard, setup, sample, health):
    module.register(app)
app.add_typer(dlq.app, name="dlq")
app.add_typer(local.app, name="local")


def main() -> None:
    """Run the command line; the user's own mistakes end with one line and no traceback."""
    try:
        app()
    except UsageError as error:
        print(f"retail: {error}", file=sys.stderr)
        sys.exit(2)
    except RetailError as error:
        print(f"retail: {error}", file=sys.stderr)
        sys.exit(1)


def run_command(name: str) -> None:
    """Run one sub-command with this process's arguments, for the scripts in ``src/``."""
    sys.argv.insert(1, name)
    main()
