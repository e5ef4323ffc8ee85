"""``make bench-pages``: how long a viewer waits, in a real headless browser.

Measured from the navigation or the click to the moment when Streamlit has ended its run, the page
names the chosen filters, and every chart is drawn.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
import typer
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from bench.measure import load
from bench.run import OURS, produce_and_drain
from bench.stage import Place, place, servers
from retail_devstack.ports import pick
from retail_devstack.services import dashboard_answers
from retail_pipeline.adapters.sources.registry import inspect

PAGES = ("", "products", "customers", "returns", "live", "quality")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
_DRAWN = """text => {
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app || app.getAttribute('data-test-script-state') !== 'notRunning') return false;
  if (document.querySelector('[data-testid$="Skeleton"]')) return false;
  const captions = [...document.querySelectorAll('[data-testid="stMain"] p')];
  if (!captions.some(each => new RegExp(text).test(each.textContent))) return false;
  const charts = [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')];
  return charts.every(each => each.querySelector('canvas, svg.marks'));
}"""
_OTHER = "text => !document.querySelector('h1') || document.querySelector('h1').innerText !== text"
_LIMIT_MS, _NICE = 120_000, 15
_REST_SECONDS = 1.0  # the next viewer does not compete with a browser that is closing
# The kinds of waiting.
COLD = "the very first view after the server's start"
NEW, KNOWN, LINK, CHANGE = "new browser", "known browser", "by a link", "filter change"
WAITS = (COLD, NEW, KNOWN, LINK, CHANGE)
Seconds = dict[str, list[float]]


def years(data: Path, times: int, target: Path, first: int = 0) -> Path:
    """Write ``data`` ``times`` times, a year later each time, from ``first`` years later on."""
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
                    row[date] = f"{int(row[date][:4]) + first + number}{row[date][4:]}"
                    writer.writerow(row)
    return target


@contextmanager
def dashboard(where: Place) -> Iterator[str]:
    """Serve the dashboard for the data of ``where``; yield its address once it answers."""
    port = pick(None)
    address = f"http://127.0.0.1:{port}"
    with (where.folder / "dashboard.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "retail_pipeline", "dashboard", "--port", str(port)],
            env=where.env,
            stdout=log,
            stderr=log,
        )
    try:
        while not dashboard_answers(address) and process.poll() is None:
            time.sleep(0.05)
        yield f"{address}/"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def chromium(*, niced: bool = True) -> Iterator[Browser]:
    """Open a headless browser; ``niced``, it leaves the processors to the servers."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("google-chrome")
        before = {child.pid for child in psutil.Process().children(recursive=True)}
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        for child in psutil.Process().children(recursive=True):
            if niced and child.pid not in before:
                child.nice(_NICE)
        yield browser
        browser.close()


def drawn(page: Page, text: str = "As of") -> None:
    """Wait until the page is drawn and a caption matches the regular expression ``text``."""
    page.wait_for_function(_DRAWN, arg=text, timeout=_LIMIT_MS, polling="raf")


def first_view(context: BrowserContext, address: str) -> tuple[Page, float]:
    """Open a page; return it, and the seconds it took."""
    page = context.new_page()
    began = time.monotonic()
    page.goto(address)
    drawn(page)
    return page, time.monotonic() - began


def new_context(browser: Browser) -> BrowserContext:
    """Return a browser context without cookies or cache."""
    return browser.new_context(viewport={"width": 1440, "height": 1000})


def by_link(page: Page, name: str) -> float:
    """Go to a page by its link in the side bar; return the seconds it took."""
    heading = page.get_by_role("heading", level=1).inner_text()
    began = time.monotonic()
    page.get_by_test_id("stSidebarNavLink").nth(PAGES.index(name)).click()
    page.wait_for_function(_OTHER, arg=heading, timeout=_LIMIT_MS, polling="raf")
    drawn(page)
    return time.monotonic() - began


def changes(page: Page) -> list[float]:
    """Change one filter of each kind; return the seconds that each change took."""
    took = []
    for label, option, text in (
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
        drawn(page, text)
        took.append(time.monotonic() - began)
    page.keyboard.press("Escape")
    switch = page.get_by_test_id("stSidebar").locator(".st-key-cancellations label").first
    began = time.monotonic()
    switch.click()
    drawn(page, "without cancellations")
    took.append(time.monotonic() - began)
    return took


def views(address: str, rounds: int) -> dict[str, Seconds]:
    """Return the seconds of each kind of waiting, for each page."""
    waits: dict[str, Seconds] = {name: defaultdict(list) for name in WAITS}
    with chromium() as browser:
        _, cold = first_view(new_context(browser), address)
        waits[COLD][""].append(cold)
        for _ in range(rounds):
            for name in PAGES:
                time.sleep(_REST_SECONDS)
                context = new_context(browser)
                page, took = first_view(context, f"{address}{name}?live=false")
                waits[NEW][name].append(took)
                page, took = first_view(context, f"{address}{name}?live=false")
                waits[KNOWN][name].append(took)
                waits[CHANGE][name] += changes(page)
                page, _ = first_view(context, f"{address}{'' if name else 'live'}?live=false")
                waits[LINK][name].append(by_link(page, name))
                context.close()
    return waits


def report(waits: dict[str, Seconds], console: Console, title: str) -> None:
    """Print the median and the worst of each kind of waiting, for each page."""
    table = Table("page", *(f"{name}, s" for name in WAITS if name != COLD), title=title)
    for page in PAGES:
        cells = [
            f"{median(waits[name][page]):.2f} ({max(waits[name][page]):.2f})"
            for name in WAITS
            if name != COLD
        ]
        table.add_row(page or "overview", *cells)
    console.print(table)
    console.print(f"{COLD}: {waits[COLD][''][0]:.2f} s. Medians, and the worst in brackets.")


def main(
    data: Path = typer.Option(..., help="A CSV file with the dataset's dates."),
    rounds: int = typer.Option(5, min=1, help="How often each page is opened."),
    times: int = typer.Option(1, min=1, help="Repeat the rows so often, under later years."),
) -> None:
    """Measure how long viewers wait.

    Example: make bench-pages DATA=online_retail.csv.gz TIMES=10
    """
    console = Console(width=110)
    with console.status("starting the servers") as status, servers() as (stack, folder):
        if times > 1:
            data = years(data, times, folder / "years.csv")
        rows = inspect(data)[0].facts.lines or 0
        where = place(stack, folder)
        status.update(f"storing {rows:,} rows")
        produce_and_drain(OURS, where, data, rows)
        status.update("looking at the pages")
        with dashboard(where) as address:
            waits = views(address, rounds)
        report(waits, console, f"{rows:,} rows, {rounds} round(s), load {load()}")


if __name__ == "__main__":
    typer.run(main)
