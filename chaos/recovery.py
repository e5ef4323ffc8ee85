"""``make chaos-recovery``: the time from a killed part's return to the next stored row."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

import typer
from rich.console import Console
from rich.table import Table

from chaos.environment import Environment, Place, environment
from chaos.schedule import BROKER, MONGOD, PRODUCER
from chaos.workers import Worker
from retail_pipeline.flows.waiting import wait_while
from retail_pipeline.sample.writer import write_sample

PROCESSOR = "processor"
_LONGEST_S = 120.0
_SECONDS_BETWEEN_CHECKS = 0.02
# The downtime: long enough for all rows in flight to be stored, or to wait for a retry.
_AWAY_S = 3.0


def main(
    times: int = typer.Option(3, min=1, help="How often each part is killed."),
    rate: int = typer.Option(2_000, min=1, help="Rows a second that are streamed meanwhile."),
) -> None:
    """Measure the time from the return of a killed part to the next newly stored row.

    A broker or mongod has returned when it answers clients again, a processor when its process
    is started. One processor works, with the settings' default session of ten seconds.

    Examples:

      make chaos-recovery

      python -m chaos.recovery --times 5
    """
    folder = Path(tempfile.mkdtemp(prefix="retail-recovery-"))
    try:
        with environment(folder) as servers:
            seconds = measure(servers, folder, times, rate)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = Table(
        "killed", "median s", "shortest", "longest", title="from its return to the next stored row"
    )
    for part, found in seconds.items():
        table.add_row(part, *(f"{value:.1f}" for value in (median(found), min(found), max(found))))
    Console(width=100).print(table)


def measure(servers: Environment, folder: Path, times: int, rate: int) -> dict[str, list[float]]:
    """Kill each part ``times`` times while rows flow; return the seconds of each recovery."""
    data = folder / "sample.csv"
    write_sample(data, 50_000, 7)
    place = servers.place(folder, disturbed=False)
    place.env.pop("KAFKA_SESSION_TIMEOUT_MS")
    stream = ["produce", "--loop", "--rate", str(rate), str(data)]
    producer = Worker(PRODUCER, stream, place.env, place.folder, typer.echo)
    processor = Worker(PROCESSOR, ["process"], place.env, place.folder, typer.echo)
    found: dict[str, list[float]] = {part: [] for part in (BROKER, MONGOD, PROCESSOR)}
    processor.open()
    producer.open()
    try:
        for _ in range(times):
            for part in found:
                _await_growth(place)
                found[part].append(_recovery(place, servers, processor, part))
                typer.echo(f"{part}: {found[part][-1]:.1f} s")
    finally:
        producer.close()
        processor.close()
    return found


def _recovery(place: Place, servers: Environment, processor: Worker, part: str) -> float:
    """Kill ``part``, bring it back, and return the seconds from then to the next stored row."""
    if part == PROCESSOR:
        processor.kill()
    else:
        servers.server(part).kill()
    time.sleep(_AWAY_S)
    if part == PROCESSOR:
        processor.start()
    else:
        servers.start(part)
    began = time.monotonic()
    _await_growth(place)
    return time.monotonic() - began


def _await_growth(place: Place) -> None:
    """Return when a row is stored that was not stored before the call."""
    stored = place.database["transactions"].estimated_document_count
    before = stored()
    if wait_while(lambda: stored() <= before, _LONGEST_S, every_s=_SECONDS_BETWEEN_CHECKS):
        raise RuntimeError(f"no row was stored within {_LONGEST_S:.0f} s")


if __name__ == "__main__":
    typer.run(main)
