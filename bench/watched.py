"""``make bench-viewers``: what viewers cost, and how long they wait, while rows are stored.

The rows are stored several times, each time under later years: first with one real browser among
the viewers, which loads page after page while a file streams in; then without and with viewers, in
turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import typer
from rich.console import Console

from bench.measure import load
from bench.pages import PAGES, chromium, dashboard, drawn, first_view, new_context, years
from bench.run import OURS, Phase, end_to_end, produce_and_drain
from bench.stage import Place, place, servers
from bench.viewers import watching
from retail_pipeline.adapters.sources.registry import inspect
from retail_pipeline.domain.collections import TRANSACTIONS


@dataclass(frozen=True)
class Filled(Place):
    """A place that had rows before the run."""

    before: int

    def count(self, collection: str) -> int:
        """Return how many documents a collection has beyond those rows."""
        more = super().count(collection)
        return more - self.before if collection == TRANSACTIONS else more


@dataclass
class Bench:
    """The same rows, stored several times under later years."""

    where: Place
    data: Path
    times: int = 0

    def store(self, phase: Phase, what: str) -> float:
        """Store all rows once more; return rows/s of the phase's part ``what``."""
        later = years(self.data, 1, self.where.folder / "later.csv", self.times)
        self.times += 1
        rows = inspect(later)[0].facts.lines or 0
        where = self.where
        filled = Filled(where.env, where.database, where.folder, where.count(TRANSACTIONS))
        return phase(OURS, filled, later, rows)[what].rate

    def drain(self) -> float:
        """Return rows/s stored, with all of them waiting in Kafka."""
        return self.store(produce_and_drain, "drain only")

    def stream(self) -> float:
        """Return rows/s stored while they are sent."""
        return self.store(end_to_end, "end to end")


@dataclass
class Found:
    """The measurements: rows/s of the drains, and seconds of the views."""

    alone: list[float] = field(default_factory=list)
    watched: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    refreshes: int = 0


@contextmanager
def served(bench: Bench) -> Iterator[str]:
    """Serve a dashboard that has already read the summaries."""
    with dashboard(bench.where) as address:
        with watching(address, PAGES, 1) as seen:
            while not seen.views:
                time.sleep(0.1)
        yield address


def loads(address: str, ended: Callable[[], bool]) -> list[float]:
    """Load the pages in one browser, one after the other, until ``ended``; return seconds."""
    took: list[float] = []
    with chromium(niced=False) as browser:
        page, _ = first_view(new_context(browser), address)
        while not ended():
            began = time.monotonic()
            page.goto(address + PAGES[len(took) % len(PAGES)])
            drawn(page)
            took.append(time.monotonic() - began)
    return took


def measure(bench: Bench, viewers: int, rounds: int) -> Found:
    """Store with a browser among the viewers; then with none and with viewers, in turn."""
    found = Found()
    bench.drain()  # the first rows of all, into an empty database
    with (
        served(bench) as address,
        watching(address, PAGES, viewers - 1),
        ThreadPoolExecutor(1) as pool,
    ):
        found.loads = loads(address, pool.submit(bench.stream).done)
    for _ in range(rounds):
        found.alone.append(bench.drain())
        with served(bench) as address, watching(address, PAGES, viewers) as seen:
            found.watched.append(bench.drain())
        found.answers += seen.views
        found.refreshes += seen.refreshes
    return found


def report(found: Found, viewers: int, console: Console) -> None:
    """Print what was measured."""
    alone, watched = median(found.alone), median(found.watched)
    rounds = len(found.alone)
    console.print(f"{viewers} viewers with live refresh, {rounds} round(s), load {load()}")
    console.print(
        f"drain: {watched:,.0f} rows/s, {watched / alone:.2f} of {alone:,.0f} without viewers;"
        f" {found.refreshes:,} refreshes meanwhile"
    )
    console.print(
        f"a page's answer to all viewers coming at once: {median(found.answers):.2f} s, at worst"
        f" {max(found.answers):.2f}"
    )
    console.print(
        f"page loads in a browser while a file streams in: {median(found.loads):.2f} s, at worst"
        f" {max(found.loads):.2f} of {len(found.loads)}"
    )


def main(
    data: Path = typer.Option(..., help="A CSV file with the dataset's dates."),
    viewers: int = typer.Option(10, min=2, help="How many look on."),
    rounds: int = typer.Option(3, min=1, help="How often the rows are stored with viewers."),
) -> None:
    """Measure what viewers cost, and how long they wait, while rows are stored.

    Example: make bench-viewers DATA=online_retail.csv.gz VIEWERS=10
    """
    console = Console(width=110)
    with console.status("storing rows with viewers"), servers() as (stack, folder):
        found = measure(Bench(place(stack, folder), data), viewers, rounds)
    report(found, viewers, console)


if __name__ == "__main__":
    typer.run(main)
