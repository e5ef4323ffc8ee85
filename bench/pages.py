"""``make bench-pages``: how long a viewer waits, in a real headless browser, and what viewers cost.

Measured from the navigation, or from the click, to the moment when Streamlit has ended its run, the
page says the filters asked for, and every chart of it is drawn.
"""

from __future__ import annotations

import csv
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import typer
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from bench.run import OURS, produce_and_drain
from bench.stage import Place, place, servers
from retail_pipeline.adapters.csv_source import inspect_csv
from retail_pipeline.local.ports import pick

PAGES = ("", "products", "customers", "returns", "live", "quality")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
_DRAWN = """said => {
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app || app.getAttribute('data-test-script-state') !== 'notRunning') return false;
  if (document.querySelector('[data-testid$="Skeleton"]')) return false;
  const captions = [...document.querySelectorAll('[data-testid="stMain"] p')];
  if (!captions.some(each => new RegExp(said).test(each.textContent))) return false;
  const charts = [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')];
  return charts.every(each => each.querySelector('canvas, svg.marks'));
}"""
_LIMIT_MS = 120_000
Seconds = dict[str, list[float]]


def years(data: Path, times: int, target: Path) -> Path:
    """Write ``data`` so often, each time under the years after those of the time before."""
    with target.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        for number in range(times):
            opened = gzip.open if data.suffix == ".gz" else open
            with opened(data, "rt", newline="", encoding="utf-8") as stream:
                rows = csv.reader(stream)
                header = next(rows)
                date = header.index("InvoiceDate")
                if number == 0:
                    writer.writerow(header)
                for row in rows:
                    year = int(row[date][:4]) + number
                    row[date] = f"{year}{row[date][4:]}"
                    writer.writerow(row)
    return target


@contextmanager
def dashboard(where: Place) -> Iterator[str]:
    """Serve the dashboard on what is stored at ``where``."""
    port = pick(None)
    with (where.folder / "dashboard.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "retail_pipeline", "dashboard", "--port", str(port)],
            env=where.env,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Open a headless browser; viewers have machines of their own."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


def drawn(page: Page, said: str = "As of") -> None:
    """Wait until the page is drawn and says so, ``said`` being a regular expression."""
    page.wait_for_function(_DRAWN, arg=said, timeout=_LIMIT_MS, polling="raf")


def first_view(browser: Browser, address: str) -> tuple[Page, float]:
    """Open a page in a browser that has seen nothing; return it, and the seconds it took."""
    page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
    began = time.monotonic()
    while True:
        try:
            page.goto(address)
            break
        except Exception:  # the server is not up yet
            time.sleep(0.2)
    drawn(page)
    return page, time.monotonic() - began


def changes(page: Page) -> list[float]:
    """Change filters by hand, one of each sort; return the seconds each took."""
    took = []
    for label, option, said in (
        ("Period", "Last 90 days", "Sep 2"),
        ("Period", "Whole period", "Dec 2010"),
        ("Countries", "France", "France"),
    ):
        box = page.get_by_role("combobox", name=label)
        box.click()
        if label == "Countries":
            box.fill(option)  # a long list shows its beginning only
        choice = page.get_by_role("option", name=option, exact=True)
        choice.wait_for()
        began = time.monotonic()
        choice.click()
        drawn(page, said)
        took.append(time.monotonic() - began)
    page.keyboard.press("Escape")
    switch = page.get_by_test_id("stSidebar").locator(".st-key-cancellations label").first
    began = time.monotonic()
    switch.click()
    drawn(page, "without cancellations")
    took.append(time.monotonic() - began)
    return took


def views(address: str, rounds: int) -> tuple[float, Seconds, Seconds]:
    """Return the very first view's seconds, and every page's first views and filter changes."""
    firsts: Seconds = defaultdict(list)
    changed: Seconds = defaultdict(list)
    with chromium() as browser:
        page, cold = first_view(browser, address)
        page.context.close()
        for _ in range(rounds):
            for name in PAGES:
                page, took = first_view(browser, f"{address}{name}?live=false")
                firsts[name].append(took)
                changed[name] += changes(page)
                page.context.close()
    return cold, firsts, changed


def watched(address: str, viewers: int, until: subprocess.Popen[bytes]) -> list[float]:
    """Let viewers look at live pages until a process ends; return the seconds of page loads."""
    took: list[float] = []
    with chromium() as browser:
        pages = [first_view(browser, address + PAGES[n % len(PAGES)])[0] for n in range(viewers)]
        while until.poll() is None:
            for number, page in enumerate(pages):
                began = time.monotonic()
                page.goto(address + PAGES[number % len(PAGES)])
                drawn(page)
                took.append(time.monotonic() - began)
                if until.poll() is not None:
                    break
    return took


def report(cold: float, firsts: Seconds, changed: Seconds, console: Console, title: str) -> None:
    """Print the medians and the worst of each page."""
    table = Table("page", "first view, s", "worst", "filter change, s", "worst", title=title)
    for name in firsts:
        table.add_row(
            name or "overview",
            f"{median(firsts[name]):.2f}",
            f"{max(firsts[name]):.2f}",
            f"{median(changed[name]):.2f}",
            f"{max(changed[name]):.2f}",
        )
    console.print(table)
    console.print(f"The very first view after the server's start: {cold:.2f} s")


def main(
    data: Path = typer.Option(..., help="A CSV file with the dataset's dates."),
    rounds: int = typer.Option(5, min=1, help="How often each page is opened."),
    times: int = typer.Option(1, min=1, help="Repeat the rows so often, under later years."),
) -> None:
    """Measure what viewers wait for.

    Example: make bench-pages DATA=online_retail.csv.gz TIMES=10
    """
    console = Console(width=110)
    folder = Path(tempfile.mkdtemp(prefix="retail-bench-"))
    try:
        with console.status("starting the servers") as status, servers(folder) as stack:
            if times > 1:
                data = years(data, times, folder / "years.csv")
            rows = inspect_csv(data).facts.lines or 0
            where = place(stack, folder)
            status.update(f"storing {rows:,} rows")
            produce_and_drain(OURS, where, data, rows)
            status.update("looking at the pages")
            with dashboard(where) as address:
                cold, firsts, changed = views(address, rounds)
        load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
        report(cold, firsts, changed, console, f"{rows:,} rows, {rounds} round(s), load {load}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    typer.run(main)
