"""``make chaos-health``: each fault is seen by the health check, and repaired as it says."""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import ExitStack, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from chaos.environment import load
from chaos.health_alerts import alert_process
from chaos.health_faults import FAULTS, Fault, mount_disk, unmount_disk
from chaos.health_run import Outcome, Trial, as_row
from chaos.local_stack import local_stack
from retail_devstack.signals import Interrupted, interruptible
from retail_pipeline.operations.health import HEALTHY

_HEADINGS = ("fault", "check", "status", "exit", "seen s", "check s", "command", "healthy s")
_BETWEEN_RUNS_S = 20.0
# Count checks are frequent, so that a deleted document is noticed soon.
_ENV = {"RECONCILE_EVERY_S": "5"}


def _chosen(faults: str) -> list[Fault]:
    names = [name.strip() for name in faults.split(",") if name.strip()] or list(FAULTS)
    if unknown := [name for name in names if name not in FAULTS]:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(FAULTS)}")
    return [FAULTS[name] for name in names]


def main(
    faults: str = typer.Option("", help="Only these faults, separated by commas."),
    alerts: bool = typer.Option(False, "--alerts", help="Run `retail alert` beside it."),
    rate: float = typer.Option(20.0, min=0.1, help="Rows a second that are streamed meanwhile."),
    healthy_minutes: float = typer.Option(
        0.0, min=0, help="Make no fault; for so long nothing may be found wrong."
    ),
    list_faults: bool = typer.Option(False, "--list", help="List the faults, and stop."),
) -> None:
    """Make faults in a local stack; each must be seen, and repaired by the printed command.

    For each fault `retail health` runs until the right check says so with the right exit status.
    The command that it prints is then run as printed, until all is well again. With --alerts the
    right alert must also fire within 60 s, and resolve within 120 s of that command's end. With
    --healthy-minutes there is no fault: the health check runs again and again beside `retail
    alert`, and neither may find anything wrong.

    Exit status: 0 if all is right, 1 if something is wrong, 2 if it could not be tried.

    Examples:

      make chaos-health

      make chaos-health FAULTS=kafka-killed,clock-off

      make chaos-health ARGS=--alerts

      make chaos-health ARGS='--healthy-minutes 60'

      python -m chaos.health --list
    """
    chosen = _chosen(faults)
    if list_faults:
        for fault in chosen:
            typer.echo(f"{fault.name:20}{fault.check:12}{fault.alert or ''}")
        return
    folder = Path(tempfile.mkdtemp(prefix="retail-health-"))
    outcomes: list[Outcome] = []
    keep = True
    try:
        with interruptible():
            if healthy_minutes:
                keep = not _stays_healthy(folder, healthy_minutes, rate)
            else:
                _run(folder, chosen, alerts, rate, outcomes)
                keep = any(each.wrong for each in outcomes)
    except RuntimeError as error:
        typer.echo(f"chaos: {error}", err=True)
        raise typer.Exit(2) from None
    except Interrupted:
        raise typer.Exit(130) from None
    finally:
        if outcomes:
            _print(outcomes, alerts)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if keep:
        typer.echo(f"logs are kept in {folder}")
        raise typer.Exit(1)


def _run(
    folder: Path, chosen: list[Fault], alerts: bool, rate: float, outcomes: list[Outcome]
) -> None:
    with ExitStack() as open_things:
        local = open_things.enter_context(local_stack(folder, rate, _ENV))
        mount_disk(local)
        open_things.callback(unmount_disk, local)
        beside = open_things.enter_context(alert_process(local) if alerts else nullcontext())
        trial = Trial(local, beside)
        answer = trial.await_healthy()
        if answer.exit_status != HEALTHY:
            raise RuntimeError(f"the stack is not well before any fault: {answer}")
        for fault in chosen:
            if why := fault.needs():
                typer.echo(f"{fault.name}: not tried: it {why}")
                continue
            outcomes.append(trial.run(fault))
            typer.echo(_line(outcomes[-1]))
            if outcomes[-1].wrong and trial.recover():
                raise RuntimeError(f"the stack can't be used after {fault.name}")


def _stays_healthy(folder: Path, minutes: float, rate: float) -> bool:
    """Return whether nothing is found wrong for so long, by health check and alerts."""
    with local_stack(folder, rate) as local:
        answer = Trial(local, None).await_healthy()
        if answer.exit_status != HEALTHY:
            raise RuntimeError(f"the stack is not well at the start: {answer}")
        with alert_process(local) as alerts:
            runs, wrong, seconds = 0, 0, []
            ends = time.monotonic() + minutes * 60
            while (began := time.monotonic()) < ends:
                done = local.run("health", "--json")
                seconds.append(time.monotonic() - began)
                runs, wrong = runs + 1, wrong + (done.returncode != HEALTHY)
                if done.returncode != HEALTHY:
                    typer.echo(f"WRONG: {done.stdout}{done.stderr}")
                time.sleep(_BETWEEN_RUNS_S)
            fired = alerts.fired_since(0)
    typer.echo(f"{runs} runs of the health check in {median(seconds):.1f} s each, {wrong} wrong")
    typer.echo(f"alerts that fired: {', '.join(fired) or 'none'}; load {load()}")
    return not wrong and not fired


def _line(outcome: Outcome) -> str:
    return "  ".join(_text(value) for value in (*as_row(outcome), *_of_alerts(outcome)))


def _of_alerts(outcome: Outcome) -> list[Any]:
    fired = ", ".join(outcome.alerts) or None
    return [outcome.fault.alert, outcome.fired_s, outcome.resolved_s, fired]


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _print(outcomes: list[Outcome], alerts: bool) -> None:
    of_alerts = ("alert", "fired s", "resolved s", "all that fired") if alerts else ()
    table = Table(*_HEADINGS, "", *of_alerts)
    for each in outcomes:
        values = [*as_row(each), *(_of_alerts(each) if alerts else ())]
        table.add_row(*map(_text, values))
    console = Console(width=230)
    console.print(table)
    right = sum(not each.wrong for each in outcomes)
    console.print(f"{right} of {len(outcomes)} right; load {load()}")


if __name__ == "__main__":
    typer.run(main)
