"""``make chaos-monitor``: whether a monitor tells the truth of a pipeline on real servers."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NoReturn

import typer
from kafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from chaos.environment import load
from chaos.local_stack import local_stack
from chaos.monitor_agree import OTHERS_S, compare
from chaos.monitor_states import AT_FIRST_OBSERVATION, STATES, Expected, Injection, evaluate
from chaos.monitor_watch import Tally
from chaos.monitored import MonitoredStack, monitored_stack
from retail_devstack.signals import Interrupted, interruptible
from retail_pipeline.errors import RetailError
from retail_pipeline.flows.waiting import wait_while
from retail_pipeline.operations.report import Report
from retail_pipeline.operations.verdict import State

_NAMES = [each.__name__ for each in STATES]
# So slow that a few thousand rows a second are too many.
_SLOW = {"PROCESSOR_BATCH_ROWS": "20"}
_MOST_LINES = 30
app = typer.Typer(add_completion=False, no_args_is_help=True)


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder of its own; say what keeps a stack from working in it, and exit with 2."""
    folder = Path(tempfile.mkdtemp(prefix="retail-monitored-"))
    try:
        with interruptible():
            yield folder
    except (RetailError, KafkaError, RuntimeError) as error:
        typer.echo(f"chaos-monitor: {error}", err=True)
        raise typer.Exit(2) from None
    except Interrupted:
        raise typer.Exit(130) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _stack(processor: dict[str, str] | None = None) -> Iterator[MonitoredStack]:
    """Start a stack with rows of known times in such a folder."""
    with _folder() as folder, monitored_stack(folder, processor) as lab:
        yield lab


@app.command()
def states(
    seed: int = typer.Option(1, min=0, help="The first seed: partitions, numbers and moments."),
    seeds: int = typer.Option(1, min=1, help="How many seeds, one after the other."),
    only: str = typer.Option(",".join(_NAMES), help="States, separated by commas."),
    interval: float = typer.Option(5.0, min=0.2, help="Seconds between two observations."),
) -> None:
    """Bring about each state, and see whether the monitor names it within two intervals.

    The right verdict and the right partitions must come within two intervals
    from the moment at which the state holds. While nothing is wrong, no
    report may say otherwise. Exit status: 0 if all are right, 1 if one is
    wrong, 2 if it could not be tried.

    Examples:

      make chaos-monitor ARGS=states

      make chaos-monitor ARGS='states --seed 1 --seeds 5'

      make chaos-monitor ARGS='states --only stalled,rewound'
    """
    chosen = [each.strip() for each in only.split(",")]
    if unknown := set(chosen) - set(_NAMES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(_NAMES)}")
    table = Table("seed", "state", "verdict", "partitions", "seconds")
    right = tried = 0
    with _stack(_SLOW) as lab:
        for number in range(seed, seed + seeds):
            for inject in [each for each in STATES if each.__name__ in chosen]:
                expected, found, reports = _try(lab, inject, number, interval)
                row = _row(number, inject, expected, found)
                table.add_row(*row)
                typer.echo("  ".join(row))
                for report in reports if found is None else ():
                    typer.echo(
                        f"    {report.at.timestamp() - expected.since:6.1f} s {_line(report)}"
                    )
                right, tried = right + (found is not None), tried + 1
    Console(width=120).print(table)
    typer.echo(f"{right} of {tried} right within two intervals of {interval:g} s; load {load()}")
    raise typer.Exit(0 if right == tried else 1)


@app.command()
def watch(
    minutes: float = typer.Option(30.0, min=0.1, help="How long, with rows and without."),
    idle_minutes: float = typer.Option(0.0, min=0, help="The last of them without any row."),
    restarts: bool = typer.Option(False, "--restarts", help="Restart the broker now and then."),
    interval: float = typer.Option(1.0, min=0.1, help="Seconds between two observations."),
    seed: int = typer.Option(1, min=0, help="When the broker is restarted."),
) -> None:
    """Watch a healthy pipeline, and compare each report with the truth.

    Counted as wrong: a verdict other than "caught up" (unless the broker is
    restarted), a negative lag, an offset that goes back, a figure of a part
    that could not be read, an age that is a second or more off the time at
    which the record was sent. Exit status: 0 if nothing is wrong, 1 if
    something is, 2 if it could not be tried.

    Examples:

      make chaos-monitor ARGS='watch --minutes 40 --idle-minutes 10'

      make chaos-monitor ARGS='watch --minutes 35 --restarts --interval 0.2'
    """
    random = Random(seed)
    with _stack() as lab, closing(lab.monitor(interval)) as monitor:
        tally = Tally(lab.settings.kafka_topic, lab.rows.sent)
        ends = time.monotonic() + minutes * 60
        restart_at = time.monotonic() + random.uniform(20, 60) if restarts else ends
        while (now := time.monotonic()) < ends:
            if now > ends - idle_minutes * 60:
                lab.rows.rates = {}
            if now > restart_at:
                lab.stack.stop(["kafka"])
                time.sleep(random.uniform(0, 6))
                lab.stack.start_servers(["kafka"])
                restart_at = time.monotonic() + random.uniform(20, 60)
            time.sleep(0.5)
            while monitor.reports:
                tally.add(monitor.reports.popleft())
    if not restarts:
        tally.wrong += [
            f"{count} reports had the verdict {state}"
            for state, count in tally.states.items()
            if state is not State.CAUGHT_UP
        ]
    _end(tally)


@app.command()
def backlog(
    minutes: float = typer.Option(45.0, min=1, help="Age of the oldest record."),
    seed: int = typer.Option(1, min=0, help="How old the records of each partition are."),
) -> None:
    """Compare the monitor's ages with the truth while an old backlog waits and is stored.

    The monitor reads the timestamp of the record at the committed offset, so
    the backlog need not be waited for: its records are sent with timestamps
    that are so old. Exit status: 0 if each age is within a second of the
    truth, 1 if not, 2 if it could not be tried.

    Examples:

      make chaos-monitor ARGS='backlog --minutes 45'
    """
    random = Random(seed)
    with _stack(_SLOW) as lab:
        lab.rows.rates = {}
        lab.stop_processors()
        for partition in lab.rows.partitions:
            age_s = minutes * 60 * random.uniform(0.1, 1) if partition else minutes * 60
            lab.rows.send(partition, 4_000, age_s)
        lab.rows.flush()
        tally = Tally(lab.settings.kafka_topic, lab.rows.sent)
        with closing(lab.monitor(1.0)) as monitor:
            monitor.wait_for(10)
            lab.start_processors()
            lab.settle()
            for report in monitor.reports:
                tally.add(report)
    _end(tally)


@app.command()
def agree(data: Path = typer.Argument(help="The file to stream.")) -> None:
    """Stream a file, and see whether all tools agree on it, meanwhile and in the end.

    The exporter and the dashboard's Live page must show what the monitor showed
    within the interval at which they read. In the end monitor, exporter and
    reconciliation must count the same rows, and the reconciliation must
    agree. Exit status: 0 if all agree, 1 if not, 2 if it could not be tried.

    Examples:

      make chaos-monitor ARGS='agree online_retail.csv.gz'
    """
    with _folder() as folder, local_stack(folder, rate=0) as local:
        found = compare(local, data.absolute())
    for tool in OTHERS_S:
        right, compared = found.agreeing(tool)
        typer.echo(f"{tool}: {right:,} of {compared:,} as the monitor within {OTHERS_S[tool]:g} s")
    typer.echo(f"rows in the end: {found.rows}; reconciliation: {found.verdict}")
    problems = list(found.problems())
    for line in problems:
        typer.echo(f"WRONG: {line}")
    typer.echo(f"{len(problems)} wrong; load {load()}")
    raise typer.Exit(1 if problems else 0)


def _end(tally: Tally) -> NoReturn:
    """Print what was found, and exit."""
    typer.echo(
        f"{tally.reports:,} reports, of {tally.unknown:,} of them a part was unknown; "
        f"{tally.ages:,} ages compared, the farthest {tally.farthest_s:.3f} s off"
    )
    typer.echo(", ".join(f"{state}: {count:,}" for state, count in tally.states.items()))
    for line in tally.wrong[:_MOST_LINES]:
        typer.echo(f"WRONG: {line}")
    typer.echo(f"{len(tally.wrong)} wrong; load {load()}")
    raise typer.Exit(1 if tally.wrong or tally.farthest_s >= 1 or not tally.ages else 0)


def _try(
    lab: MonitoredStack, inject: Injection, seed: int, interval: float
) -> tuple[Expected, float | None, list[Report]]:
    """Bring a state about; return what was expected, after how long it came, and the reports.

    The seed decides the partition, the numbers, and when in an interval it begins.
    """
    random = Random(f"{inject.__name__} {seed}")
    with ExitStack() as undo:
        undo.callback(lab.settle)
        if inject in AT_FIRST_OBSERVATION:
            expected = inject(lab, random, undo)
            monitor = lab.monitor(interval)
            undo.callback(monitor.close)
            monitor.wait_for(1)
            # How long a busy machine takes to start a monitor does not count.
            began = monitor.reports[0].at.timestamp() - interval
            expected = replace(expected, since=began)
        else:
            monitor = lab.monitor(interval)
            undo.callback(monitor.close)
            monitor.wait_for(2)
            time.sleep(random.uniform(0, interval))
            expected = inject(lab, random, undo)

        def found() -> float | None:
            return evaluate(list(monitor.reports), expected, interval)

        limit = expected.since + 2 * interval + 2 - time.time()
        wait_while(lambda: expected.throughout or found() is None, limit, every_s=0.2)
        return expected, found(), list(monitor.reports)


def _row(seed: int, inject: Injection, expected: Expected, found: float | None) -> list[str]:
    name = inject.__name__.replace("_", " ")
    seconds = "WRONG" if found is None else f"{found:.1f}"
    return [str(seed), name, expected.state, _short(expected.partitions), seconds]


def _line(report: Report) -> str:
    waiting = {f"{each.topic}[{each.partition}]": each.lag for each in report.partitions}
    return f"{report.verdict.state}: {_short(report.verdict.partitions)}; lag {waiting}"


def _short(partitions: Iterable[str]) -> str:
    """Return partitions by topic, each topic's name once: t[0 1 2] t.dlq[0]."""
    numbers: dict[str, list[str]] = {}
    for each in sorted(partitions):
        topic, _, number = each.rstrip("]").partition("[")
        numbers.setdefault(topic, []).append(number)
    return " ".join(f"{topic}[{' '.join(each)}]" for topic, each in numbers.items()) or "none"


if __name__ == "__main__":
    app()
