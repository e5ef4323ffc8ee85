"""``retail monitor``: how the pipeline fares now."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import typer

from retail_pipeline.cli.common import start
from retail_pipeline.cli.monitor.conditions import parse_condition
from retail_pipeline.cli.monitor.run import Format, MonitorRun
from retail_pipeline.errors import UsageError


def monitor(
    duration: float = typer.Option(
        None, "--duration", "-d", min=0.1, metavar="SECONDS", help="Stop after this time."
    ),
    interval: float = typer.Option(
        5.0, "--interval", "-i", min=0.2, metavar="SECONDS", help="Time between two observations."
    ),
    once: bool = typer.Option(False, "--once", help="Observe once, and stop."),
    form: Format = typer.Option(Format.TEXT, "--format", help="What is printed."),
    save: Path = typer.Option(
        None, "--save", "-s", metavar="FILE", help="Append each report to FILE, as a line of JSON."
    ),
    until: str = typer.Option(
        None, metavar="CONDITION", help="Stop when it holds, for instance lag=0."
    ),
    fail_on: str = typer.Option(
        None, metavar="CONDITION", help="Stop with exit status 1 when it holds."
    ),
) -> None:
    """Show how the pipeline fares: one verdict, and the figures of each partition.

    A figure that can't be read is shown as unknown, with the reason.

    Exit status: 0, or 1 if --fail-on holds, or if the time is over before --until holds.

    Examples:

      retail monitor

      retail monitor --once --format json

      retail monitor --until 'lag=0' --duration 300

      retail monitor --fail-on 'age>60' --save incident.jsonl
    """
    if once and (duration or until):
        raise UsageError("--once observes once: leave out --duration and --until")
    settings, stop = start("monitor")
    good = MonitorRun(
        settings,
        stop,
        interval=timedelta(seconds=interval),
        duration=timedelta(seconds=duration) if duration else None,
        once=once,
        form=form,
        save=save,
        until=parse_condition(until) if until else None,
        fail_on=parse_condition(fail_on) if fail_on else None,
    ).run()
    raise typer.Exit(0 if good else 1)
