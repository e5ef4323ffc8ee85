"""``retail sample``: makes up a dataset, so that no download is needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TimeRemainingColumn

from retail_pipeline.cli.progress import on_terminal
from retail_pipeline.sample.generator import (
    DEFAULT_DAYS,
    DEFAULT_DIRT,
    DEFAULT_START,
    SAMPLE_ROWS,
    SAMPLE_SEED,
    sample_lines,
)
from retail_pipeline.sample.writer import write_file, write_lines
from retail_pipeline.settings import expand_user


def sample(
    rows: Annotated[
        int, typer.Option("--rows", "-n", min=0, help="Data rows, including the broken ones.")
    ] = SAMPLE_ROWS,
    seed: Annotated[
        int,
        typer.Option(
            min=0, help="The same seed gives the same bytes; another seed gives different data."
        ),
    ] = SAMPLE_SEED,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A .csv or .csv.gz file, replaced when complete. [default: standard output]",
        ),
    ] = None,
    dirty: Annotated[
        float, typer.Option(min=0, max=1, help="Share of rows that break the contract.")
    ] = DEFAULT_DIRT,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="First day.")
    ] = DEFAULT_START.isoformat(),  # type: ignore[assignment]  # typer parses the default
    days: Annotated[
        int, typer.Option(min=1, max=36_525, help="Number of days of the data.")
    ] = DEFAULT_DAYS,
) -> None:
    """Make up a dataset with the columns of UCI Online Retail.

    It has seasons, opening hours, repeat customers, guests, cancellations, adjustments and some
    rows that break the contract. The same options give the same bytes on every machine.

    Examples:

      retail sample --rows 1000 > small.csv

      retail sample --rows 1000000 --seed 42 --output data/sample.csv.gz

      retail sample --dirty 0 --start 2024-01-02 --days 30 -o january.csv
    """
    if output is not None:
        output = expand_user(output)
    lines = sample_lines(rows, seed, dirty, start=start.date(), days=days)
    if output is None or str(output) == "-":
        _to_standard_output(lines)
        return
    with on_terminal(TimeRemainingColumn()) as bar:
        task = bar.add_task("rows", total=rows + 1)
        write_file(output, lines, lambda count: bar.advance(task, count))
    typer.echo(f"{output}: {rows:,} rows, seed {seed}", err=True)


def _to_standard_output(lines: Iterator[str]) -> None:
    try:
        # Bytes: in text mode Windows would write two characters for each line end.
        write_lines(sys.stdout.buffer, lines)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
