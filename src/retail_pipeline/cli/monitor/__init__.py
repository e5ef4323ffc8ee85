"""``retail monitor``: how the pipeline fares now."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from retail_pipeline import logs
from retail_pipeline.cli.common import stop_by_signals
from retail_pipeline.cli.monitor.format import Format
from retail_pipeline.errors import UsageError
from retail_pipeline.settings import load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from retail_pipeline.cli.monitor.feeds import Feed
    from retail_pipeline.cli.monitor.saved import SaveFile

# How long an observation waits for each server, in seconds; the only one waits for its errors too.
_WAIT_S = 1.0
_PATIENT_S = 5.0


def monitor(
    duration: float = typer.Option(
        None, "--duration", "-d", min=0.1, metavar="SECONDS", help="Stop after this time."
    ),
    interval: float = typer.Option(
        5.0, "--interval", "-i", min=0.2, metavar="SECONDS", help="Time between two observations."
    ),
    once: bool = typer.Option(False, "--once", help="Observe once, and stop."),
    form: Format = typer.Option(Format.TEXT, "--format", help="What is printed."),
    watch: bool = typer.Option(
        None,
        "--watch/--no-watch",
        help="Show a live screen with pages and keys; the default on a terminal.",
    ),
    save: Path = typer.Option(
        None, "--save", "-s", metavar="FILE", help="Append each report to FILE, as a line of JSON."
    ),
    replay: Path = typer.Option(
        None, metavar="FILE", help="Show the reports that were saved in FILE; read no server."
    ),
    speed: float = typer.Option(
        1.0, min=0.1, max=10_000, help="How many times as fast a replay goes."
    ),
    until: str = typer.Option(
        None, metavar="CONDITION", help="Stop when it holds, for instance lag=0."
    ),
    fail_on: str = typer.Option(
        None, metavar="CONDITION", help="Stop with exit status 1 when it holds."
    ),
) -> None:
    """Show how the pipeline fares: one verdict, and the figures behind it.

    The verdict says what is wrong, in which partition, and what to do. A figure that can't be read
    is shown as unknown, with the reason. Conditions compare lag, age, members, processors,
    dirty_days, stored or quarantined with a number. Keys of the live screen: 1 partitions,
    2 pipeline, 3 services, 4 history, p pauses, ? hides the help, q quits.

    Exit status: 0, or 1 if --fail-on holds, or if the time is over before --until holds.

    Examples:

      retail monitor

      retail monitor --once --format json

      retail monitor --until 'lag=0' --duration 300

      retail monitor --fail-on 'age>60' --save incident.jsonl

      retail monitor --replay incident.jsonl --speed 10
    """
    # Only here: the other commands do without them, and start sooner.
    from rich.console import Console

    from retail_pipeline.cli.monitor.conditions import parse_condition
    from retail_pipeline.cli.monitor.feeds import RunningPipeline, SavedReports
    from retail_pipeline.cli.monitor.run import MonitorRun

    console = Console()
    shown = _is_shown(watch, once, form, console)
    if once and (duration or until):
        raise UsageError("--once observes once: leave out --duration and --until")
    if replay and save:
        raise UsageError("--replay shows what was saved: leave out --save")
    conditions = [parse_condition(text) if text else None for text in (until, fail_on)]
    with ExitStack() as stack:
        feed: Feed
        if replay:
            feed, stop = SavedReports(replay, speed), stop_by_signals("monitor")
        else:
            from retail_pipeline.bootstrap import observing

            # Without a server there is a report, too: it says what is unknown, and why.
            settings, stop = load_settings(), stop_by_signals("monitor")
            # Log lines would tear the live screen; what fails is on it.
            logs.configure("ERROR" if shown else settings.log_level, settings.log_format)
            observer = stack.enter_context(observing(settings, _PATIENT_S if once else _WAIT_S))
            feed = RunningPipeline(observer, timedelta(seconds=interval))
        run = MonitorRun(
            feed,
            stop,
            duration=timedelta(seconds=duration) if duration else None,
            once=once,
            form=form,
            save=_opened(save, stack),
            until=conditions[0],
            fail_on=conditions[1],
        )
        good = run.show_screen(console) if shown else run.print_reports()
    raise typer.Exit(0 if good else 1)


def _is_shown(watch: bool | None, once: bool, form: Format, console: Console) -> bool:
    """Return whether a live screen is shown."""
    possible = console.is_terminal and form is Format.TEXT and not once
    if watch and not possible:
        raise UsageError("--watch needs a terminal, and neither --once nor --format json")
    return possible and watch is not False


def _opened(path: Path | None, stack: ExitStack) -> SaveFile | None:
    if path is None:
        return None
    from retail_pipeline.cli.monitor.saved import SaveFile

    file = SaveFile(path)
    stack.callback(file.close)
    return file
