"""``make bench``: rows/s, CPU microseconds per row and peak memory, beside bare loops.

Each round runs the bare loop and the pipeline one after the other on the same servers, so that
other load affects both. The result is the medians over the rounds and their ratio.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import typer
from rich.console import Console
from rich.table import Table

from bench.measure import Arrival, Measured, Usage, load, watch
from bench.stage import Place, place, servers
from retail_devstack.stack import Stack
from retail_pipeline.adapters.sources.registry import inspect
from retail_pipeline.sample.writer import write_sample

BARE, OURS = "bare loop", "pipeline"


@dataclass(frozen=True)
class Result:
    """One run: rows/s, and for each process CPU microseconds per row and peak MB.

    ``summarised`` is the rate (rows/s) up to the moment when the summaries are complete too.
    """

    rate: float
    processes: dict[str, tuple[float, float]]
    summarised: float | None = None


def _commands(who: str, data: Path, rows: int) -> tuple[list[str], list[str]]:
    """Return the arguments of Python for the producer and the processor."""
    if who == BARE:
        return ["-m", "bench.bare", "produce", str(data)], ["-m", "bench.bare", "drain", str(rows)]
    return (["-m", "retail_pipeline", "produce", str(data)], ["-m", "retail_pipeline", "process"])


def _cost(usage: Usage, rows: int) -> tuple[float, float]:
    return usage.cpu / rows * 1e6, usage.peak_mb


def produce_and_drain(who: str, where: Place, data: Path, rows: int) -> dict[str, Result]:
    """Send everything, then store everything: each alone with the servers."""
    send, store = _commands(who, data, rows)
    usage = Measured(send, where.env, where.folder / "produce.log").wait()
    produced = Result(rows / usage.seconds, {"producer": _cost(usage, rows)})
    processor = Measured(store, where.env, where.folder / "process.log")
    arrival = watch(lambda: where.count(_collection(who)), rows)
    usage, summarised = _end(who, where, processor, arrival)
    costs = {"processor": _cost(usage, rows)}
    drained = Result(arrival.rows / arrival.seconds, costs, summarised)
    return {"produce only": produced, "drain only": drained}


def end_to_end(who: str, where: Place, data: Path, rows: int) -> dict[str, Result]:
    """Send and store at once; the time runs from the first stored row to the last one."""
    send, store = _commands(who, data, rows)
    processor = Measured(store, where.env, where.folder / "process.log")
    time.sleep(4)  # until it is a member of its group
    producer = Measured(send, where.env, where.folder / "produce.log")
    arrival = watch(lambda: where.count(_collection(who)), rows)
    sent = producer.wait()
    usage, summarised = _end(who, where, processor, arrival)
    costs = {"producer": _cost(sent, rows), "processor": _cost(usage, rows)}
    return {"end to end": Result(arrival.rows / arrival.seconds, costs, summarised)}


def _end(
    who: str, where: Place, processor: Measured, arrival: Arrival
) -> tuple[Usage, float | None]:
    """End a processor when its summaries are done; the bare loop has none, and ends by itself."""
    if who == BARE:
        return processor.wait(), None
    began = time.monotonic()
    while where.pending():
        time.sleep(0.05)
    seconds = arrival.seconds + time.monotonic() - began
    return processor.stop(), arrival.rows / seconds


def _collection(who: str) -> str:
    return "bare" if who == BARE else "transactions"


Phase = Callable[[str, Place, Path, int], dict[str, Result]]


def run_round(stack: Stack, folder: Path, data: Path, rows: int) -> dict[tuple[str, str], Result]:
    """Run every phase, the bare loop and the pipeline in turn; return (phase, who) -> result."""
    results: dict[tuple[str, str], Result] = {}
    for phase in (produce_and_drain, end_to_end):
        for who in (BARE, OURS):
            where = place(stack, folder)
            for name, result in phase(who, where, data, rows).items():
                results[name, who] = result
            where.forget()
    return results


def report(rounds: list[dict[tuple[str, str], Result]], rows: int, console: Console) -> None:
    """Print the medians over the rounds."""
    table = Table(
        "phase",
        "who",
        "rows/s",
        "ratio",
        "with summaries",
        "process",
        "CPU µs/row",
        "peak MB",
        title=f"{rows:,} rows, median of {len(rounds)} round(s), load {load()}",
    )
    for phase, who in rounds[0]:
        runs = [results[phase, who] for results in rounds]
        bare = median(results[phase, BARE].rate for results in rounds)
        rate = median(run.rate for run in runs)
        ratio = "" if who == BARE else f"{rate / bare:.2f}"
        summarised = [run.summarised for run in runs if run.summarised]
        whole = f"{median(summarised):,.0f}" if summarised else ""
        for index, process in enumerate(runs[0].processes):
            cpu = median(run.processes[process][0] for run in runs)
            peak = max(run.processes[process][1] for run in runs)
            head = (phase, who, f"{rate:,.0f}", ratio, whole) if index == 0 else ("",) * 5
            table.add_row(*head, process, f"{cpu:.1f}", f"{peak:.0f}")
    console.print(table)


def main(
    data: Path | None = typer.Option(None, help="A CSV file; a generated one if not given."),
    rows: int = typer.Option(200_000, min=1_000, help="Rows of the generated file."),
    rounds: int = typer.Option(3, min=1, help="How often each measurement is repeated."),
    times: int = typer.Option(1, min=1, help="Repeat the file's rows so often: is memory bounded?"),
) -> None:
    """Measure the pipeline beside bare loops of the same client libraries.

    Example: make bench DATA=online_retail.csv.gz
    """
    console = Console(width=110)
    with console.status("starting the servers") as status, servers() as (stack, folder):
        if data is None:
            data = folder / "sample.csv"
            write_sample(data, rows, 7, dirty=0.0)
        if times > 1:
            data = repeated(data, times, folder / "repeated.csv")
        lines = inspect(data)[0].facts.lines or 0
        done = []
        for number in range(1, rounds + 1):
            status.update(f"round {number} of {rounds}, {lines:,} rows")
            done.append(run_round(stack, folder, data, lines))
    report(done, lines, console)


def repeated(data: Path, times: int, target: Path) -> Path:
    """Write a CSV file with the rows of ``data`` so many times; each has its own line."""
    import gzip

    opened = gzip.open if data.suffix == ".gz" else open
    with target.open("wb") as out:
        for number in range(times):
            with opened(data, "rb") as stream:
                header = stream.readline()
                if number == 0:
                    out.write(header)
                shutil.copyfileobj(stream, out)
    return target


if __name__ == "__main__":
    typer.run(main)
