"""What a page draws and what it offers as files, kept for tests to compare."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest

from retail_pipeline.dashboard import panel
from retail_pipeline.dashboard.panel import Panel


def shown(table: Any) -> pd.DataFrame:
    """Return what a table of a page shows, percentages as the ratios that they are."""
    columns = json.loads(table.proto.columns)
    percents = [
        name
        for name, config in columns.items()
        if (config.get("type_config") or {}).get("format") == "%.2f%%"
    ]
    frame: pd.DataFrame = table.value
    return frame.assign(**{name: frame[name] / 100 for name in percents})


class Seen:
    """What a page drew last, by the key of its panel."""

    def __init__(self) -> None:
        self.panels: dict[str, Panel] = {}
        self.frames: dict[str, pd.DataFrame] = {}
        self.files: dict[str, str] = {}
        self.abouts: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def about(self, key: str) -> list[str]:
        """Return the lines of the text that goes with the file."""
        return self.abouts[key].splitlines()

    def rows(self, key: str) -> list[dict[str, str]]:
        """Return the rows of the file."""
        return list(csv.DictReader(io.StringIO(self.files[key], newline="")))


@contextmanager
def recorded() -> Iterator[Seen]:
    """Keep what pages draw meanwhile, and each file that they offer, made."""
    found, chart, head, offer = Seen(), Panel.chart, Panel.head, panel.offer

    def keep_chart(what: Panel, spec: Any, frame: Any = None, **options: Any) -> None:
        embedded = pd.DataFrame(_embedded(spec)) if frame is None else frame
        found.frames[what.key] = embedded
        chart(what, spec, frame, **options)

    def keep_head(what: Panel) -> None:
        head(what)
        found.panels[what.key] = what

    def keep_file(
        label: str, make: Callable[[], str], name: str, key: str, help_: str | None = None
    ) -> None:
        offer(label, make, name, key, help_)
        kind, _, panel_key = key.partition("-")
        {"csv": found.files, "about": found.abouts}[kind][panel_key] = make()
        found.names[key] = name

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Panel, "chart", keep_chart)
        patch.setattr(Panel, "head", keep_head)
        patch.setattr(panel, "offer", keep_file)
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
