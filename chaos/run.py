"""``make chaos``: faults at seeded moments, and not one document different in the end."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import time
from pathlib import Path

import typer

from chaos.environment import Environment, environment
from chaos.rounds import Undisturbed, disturbed, undisturbed
from chaos.schedule import KINDS, Fault, plan
from retail_devstack.signals import Interrupted, interruptible
from retail_pipeline.errors import RetailError
from retail_pipeline.sample.writer import write_sample

_SAMPLE_SEED = 7


def _parsed(faults: str) -> list[str]:
    kinds = [kind.strip() for kind in faults.split(",") if kind.strip()]
    if unknown := set(kinds) - set(KINDS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(KINDS)}")
    if not kinds:
        raise typer.BadParameter(f"name at least one of {', '.join(KINDS)}")
    return [kind for kind in KINDS if kind in kinds]


class EventLog:
    """Prints what happens, with the seconds since the round began."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        typer.echo(f"{time.monotonic() - self._began:6.1f} s  {line}")


def main(
    seed: int = typer.Option(7, min=0, help="The first round's seed; the next has the next one."),
    rounds: int = typer.Option(1, min=1, help="How many rounds, each with a seed of its own."),
    faults: str = typer.Option(",".join(KINDS), help="Kinds of faults, separated by commas."),
    count: int = typer.Option(14, min=1, help="Faults in a round."),
    rows: int = typer.Option(100_000, min=1_000, help="Rows of the generated file."),
    data: Path | None = typer.Option(
        None, exists=True, dir_okay=False, resolve_path=True, help="A file, not the generated one."
    ),
    seconds: float = typer.Option(
        40.0, min=1, help="How long the file is streamed, if nothing holds it up."
    ),
) -> None:
    """Stream a file while processes die and connections break; demand that nothing differs.

    The same seed gives the same faults. Exit status: 0 if every round ends
    with exactly the documents and summaries of an undisturbed run, 1 if one
    differs or too few of its faults hit in time, 2 if it could not be tried.

    Examples:

      make chaos

      make chaos SEED=1 ROUNDS=20

      make chaos SEED=7 FAULTS=kill,cut ROWS=20000

      make chaos DATA=online_retail.csv ARGS='--seconds 120 --count 40'

      python -m chaos.run --seed 7 --rounds 3
    """
    kinds = _parsed(faults)
    what = ["--data", str(data)] if data else ["--rows", str(rows)]
    asked = ["--faults", ",".join(kinds), "--count", str(count), "--seconds", f"{seconds:g}", *what]
    folder = Path(tempfile.mkdtemp(prefix="retail-chaos-"))
    failed: list[int] = []
    keep = True
    try:
        with interruptible(), environment(folder) as servers:
            calm = undisturbed(servers, data or _sample(folder, rows), folder)
            typer.echo(f"undisturbed: {calm.rows:,} rows; logs in {folder}")
            for number in range(seed, seed + rounds):
                schedule = plan(number, count, kinds)
                if not _round(servers, calm, number, schedule, seconds):
                    failed.append(number)
                    typer.echo(f"replay it with: {shlex.join(_replay(number, asked))}")
        keep = bool(failed)
    except RetailError as error:
        typer.echo(f"chaos: {error}", err=True)
        raise typer.Exit(2) from None
    except Interrupted:
        keep = False
        raise typer.Exit(130) from None
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    typer.echo(f"{rounds - len(failed)} of {rounds} rounds identical to the undisturbed run")
    if failed:
        typer.echo(f"logs are kept in {folder}; seeds that failed: {failed}")
        raise typer.Exit(1)


def _round(
    servers: Environment, calm: Undisturbed, seed: int, schedule: list[Fault], seconds: float
) -> bool:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    typer.echo(f"\nseed {seed}: {len(schedule)} faults; load {load}")
    for fault in schedule:
        typer.echo(f"    {fault}")
    log = EventLog()
    wrong = disturbed(servers, calm, schedule, seconds, log)
    if wrong:
        servers.renew()
    for line in wrong:
        log(f"WRONG: {line}")
    log(f"seed {seed}: {'FAILED' if wrong else 'identical'}")
    return not wrong


def _replay(seed: int, asked: list[str]) -> list[str]:
    return ["make", "chaos", f"SEED={seed}", f"ARGS={shlex.join(asked)}"]


def _sample(folder: Path, rows: int) -> Path:
    path = folder / "sample.csv"
    write_sample(path, rows, _SAMPLE_SEED)
    return path


if __name__ == "__main__":
    typer.run(main)
