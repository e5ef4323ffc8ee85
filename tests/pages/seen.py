"""What a page draws and what it offers as files, kept for tests to compare."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest

from retail_pipeline.dashboard import panel
from retail_pipeline.dashboard.panel import Panel


class Seen:
    """What a page drew last, by the key of its panel."""

    def __init__(self) -> None:
        self.panels: dict[str, Panel] = {}
        self.frames: dict[str, pd.DataFrame] = {}
        self.files: dict[str, str] = {}

    def head(self, key: str) -> list[str]:
        """Return the lines that head the file."""
        return [line for line in self.files[key].splitlines() if line.startswith("# ")]

    def rows(self, key: str) -> list[dict[str, str]]:
        """Return the rows of the file."""
        lines = self.files[key].splitlines(keepends=True)
        return list(csv.DictReader(io.StringIO("".join(lines[len(self.head(key)) :]))))


@contextmanager
def recorded() -> Iterator[Seen]:
    """Keep what pages draw meanwhile, and each file that they offer, made."""
    found, chart, head, csv_of = Seen(), panel.chart, panel.head, panel.csv_of
    made: list[str] = []

    def keep_chart(view: Any, what: Panel, spec: Any, frame: Any, **options: Any) -> Any:
        embedded = pd.DataFrame(_embedded(spec)) if frame is None else frame
        found.frames[what.key] = embedded
        return chart(view, what, spec, frame, **options)

    def keep_head(view: Any, what: Panel) -> None:
        head(view, what)
        found.panels[what.key], found.files[what.key] = what, made[-1]

    def keep_file(rows: pd.DataFrame, header: Sequence[str]) -> Callable[[], str]:
        made.append(csv_of(rows, header)())
        return csv_of(rows, header)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(panel, "chart", keep_chart)
        patch.setattr(panel, "head", keep_head)
        patch.setattr(panel, "csv_of", keep_file)
        yield found


def _embedded(spec: Any) -> list[dict[str, Any]]:
    """Return the rows that the map has in its own specification."""
    [rows] = [
        each["from"]["data"]["values"]
        for layer in spec["layer"]
        for each in layer.get("transform", ())
        if "lookup" in each
    ]
    return list(rows)
