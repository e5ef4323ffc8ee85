"""``retail health``: whether the pipeline is well, and whether one process does its work.

A process that works touches its heartbeat file after every cycle. A process that hangs, or waits
for a server that is away, does not: it is alive, but not healthy.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from retail_pipeline.adapters.dashboard import ask_dashboard
from retail_pipeline.cli import failures
from retail_pipeline.domain.heartbeat import is_recent
from retail_pipeline.errors import PermanentError
from retail_pipeline.operations.health import COULD_NOT_RUN
from retail_pipeline.settings import load_settings

PRODUCER_HEARTBEAT = "producer.heartbeat"
_AS_JSON = "--json"


class HealthGroup(TyperGroup):
    """A wrong option of the checks themselves means that they could not run: exit status 3."""

    def make_context(self, info_name: Any, args: list[str], *more: Any, **extra: Any) -> Any:
        given = list(args)
        try:
            return super().make_context(info_name, args, *more, **extra)
        except typer.TyperException as error:
            raise _could_not_run(error, given) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        given = list(args)
        try:
            return super().resolve_command(ctx, args)
        except typer.TyperException as error:
            raise _could_not_run(error, [*given, *([_AS_JSON] if ctx.params["as_json"] else [])])


def _could_not_run(error: typer.TyperException, given: list[str]) -> typer.TyperException:
    if _AS_JSON in given:
        from retail_pipeline.cli.health.view import error_as_json

        typer.echo(error_as_json(error.format_message()))
    error.exit_code = COULD_NOT_RUN
    return error


health = typer.Typer(cls=HealthGroup, invoke_without_command=True)


@health.callback()
def check_all(
    ctx: typer.Context,
    as_json: bool = typer.Option(False, _AS_JSON, help="Print JSON, also about an error."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Show the details of each check."),
    only: list[str] = typer.Option(
        [], metavar="ID", help="Run only this check; may be repeated, or have commas."
    ),
    exclude: list[str] = typer.Option(
        [], metavar="ID", help="Don't run this check; may be repeated, or have commas."
    ),
    listed: bool = typer.Option(False, "--list", help="List the checks, and run none."),
    timeout: float = typer.Option(
        25.0, min=1.0, metavar="SECONDS", help="Longest time of the checks, which run side by side."
    ),
    wait: float = typer.Option(
        0.0, min=0.0, metavar="SECONDS", help="Wait until everything is ok, at most this long."
    ),
    strict: bool = typer.Option(False, "--strict", help="Count whatever is not ok as a failure."),
) -> None:
    """Check the whole pipeline: servers, topics, users, processors, data, machine.

    Each line is a check: its status (ok, warn, fail, unknown), its id, its milliseconds, what it
    found, and the command that repairs it. What can't be read is unknown. All checks run, whatever
    the others find. With a COMMAND, only that one process is checked.

    Exit status, as for Nagios' plugins: 0 all is ok, 1 degraded (warn or unknown), 2 failed,
    3 the health check could not run.

    Examples:

      retail health

      retail health --json --exclude dashboard,clock

      retail health --wait 120 --only kafka --only mongodb

      retail health --strict --verbose
    """
    if ctx.invoked_subcommand:
        return
    try:
        status = (
            _listed(as_json)
            if listed
            else _checked(as_json, verbose, only, exclude, timeout, wait, strict)
        )
    except BrokenPipeError:
        raise
    except Exception as error:
        if as_json:
            from retail_pipeline.cli.health.view import error_as_json

            typer.echo(error_as_json(failures.in_words(error)))
        failures.say(error)
        status = COULD_NOT_RUN
    raise typer.Exit(status)


def _listed(as_json: bool) -> int:
    import msgspec

    from retail_pipeline.operations.checks import ABOUT

    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(ABOUT)).decode())
    else:
        for name, about in ABOUT.items():
            typer.echo(f"{name:13} {about}")
    return 0


def _checked(
    as_json: bool,
    verbose: bool,
    only: list[str],
    exclude: list[str],
    timeout: float,
    wait: float,
    strict: bool,
) -> int:
    from retail_pipeline.cli.health import view
    from retail_pipeline.cli.health.run import HealthRun, chosen

    found = HealthRun(chosen(only, exclude), timeout, wait, strict).run()
    if as_json:
        typer.echo(view.as_json(found))
    else:
        view.print_text(found, verbose)
    return found.exit_status


MAX_AGE = typer.Option(30.0, "--max-age", min=1.0, help="Largest age of the heartbeat, in seconds.")


def heartbeat_age(heartbeat: Path, *, now: float) -> float:
    """Return the seconds since ``heartbeat`` was touched; 0 if the clock was set back since.

    Raises:
        PermanentError: there is no such file, or its time can't be read.
    """
    try:
        return max(0.0, now - heartbeat.stat().st_mtime)
    except FileNotFoundError:
        raise PermanentError(
            f"no heartbeat yet: {heartbeat} does not exist; start the process, with the same"
            " HEARTBEAT_FILE and STATE_DIR as this command"
        ) from None
    except OSError as error:
        words = (
            f"can't read the heartbeat {heartbeat}: {error.strerror}; correct its path or rights"
        )
        raise PermanentError(words) from None


def check(heartbeat: Path, max_age: float) -> str:
    """Return a line about ``heartbeat`` if it is recent.

    Raises:
        PermanentError: it is ``max_age`` seconds old or older, or missing.
    """
    age = heartbeat_age(heartbeat, now=time.time())
    if not is_recent(age, max_age):
        raise PermanentError(
            f"the last heartbeat is {age:.0f} s old, more than {max_age:.0f} s: {heartbeat}; the"
            " log of the process says what it waits for; start it again if it has ended or hangs"
        )
    return f"healthy: last heartbeat {age:.1f} s ago"


@health.command()
def dashboard(
    url: str = typer.Option("http://127.0.0.1:8501", help="Address of the dashboard."),
) -> None:
    """Check whether the dashboard can serve viewers."""
    typer.echo(ask_dashboard(url))


@health.command()
def processor(max_age: float = MAX_AGE) -> None:
    """Check whether the processor has finished a cycle recently."""
    typer.echo(check(load_settings().heartbeat_file, max_age))


@health.command()
def producer(max_age: float = MAX_AGE) -> None:
    """Check whether the producer has written a heartbeat recently."""
    typer.echo(check(load_settings().state_dir / PRODUCER_HEARTBEAT, max_age))
