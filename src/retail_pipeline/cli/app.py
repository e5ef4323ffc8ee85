"""The ``retail`` command and its sub-commands."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

from retail_pipeline import __version__, logs
from retail_pipeline.cli import (
    alert,
    dashboard,
    dlq,
    failures,
    health,
    metrics,
    monitor,
    open_files,
    process,
    produce,
    reconcile,
    sample,
    setup,
)

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


def _debug(wanted: bool) -> None:
    if wanted:
        failures.debug()


@app.callback()
def _retail(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
    debug: bool = typer.Option(
        False, "--debug", callback=_debug, help="Show the traceback of an error as well."
    ),
) -> None:
    pass


for command in (
    *(produce.produce, process.process, reconcile.reconcile),
    *(dashboard.dashboard, monitor.monitor, metrics.metrics, alert.alert),
    *(setup.setup, sample.sample),
):
    app.command()(command)
app.add_typer(health.health, name="health")
app.add_typer(dlq.app, name="dlq")
for extra in entry_points(group="retail_pipeline.commands"):
    app.add_typer(extra.load(), name=extra.name)


def main() -> None:
    """Run the command line; an error ends it with one line, and a traceback only if asked."""
    open_files.raise_limit()
    logs.show_client_logs(False)
    failures.prepare()
    try:
        try:
            app()
        finally:
            failures.flush()
    except BrokenPipeError:
        sys.exit(1)  # the reader, such as `head`, has ended
    except Exception as error:
        failures.say(error)
        sys.exit(failures.status(error))


def run_command(name: str) -> None:
    """Run one sub-command with this process's arguments, for the scripts in ``src/``."""
    options = [argument for argument in sys.argv[1:] if argument == "--debug"]
    others = [argument for argument in sys.argv[1:] if argument != "--debug"]
    sys.argv[1:] = [*options, name, *others]
    main()
