"""From what a user names (files, folders, globs) to inspected sources."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.adapters.csv_source import inspect_csv
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.errors import SourceError
from retail_pipeline.flows.ports import Source

SUPPORTED = (".csv", ".csv.gz", ".xlsx")


@dataclass(frozen=True)
class Reading:
    """What the user says about the files, rather than having it detected."""

    encoding: str | None = None
    date_order: DateOrder | None = None


def is_supported(path: Path) -> bool:
    """Whether the file's ending is one that can be read, and it isn't hidden."""
    return path.name.lower().endswith(SUPPORTED) and not path.name.startswith((".", "~$"))


def find_files(names: Iterable[str]) -> list[Path]:
    """Return the files that ``names`` stand for, sorted within each, none twice.

    Raises:
        SourceError: a name stands for nothing, or for a file of another kind.
    """
    found: dict[Path, None] = {}
    for name in names:
        for path in _expand(name):
            found.setdefault(path.resolve(), None)
    return list(found)


def _expand(name: str) -> list[Path]:
    path = Path(name)
    supported = ", ".join(SUPPORTED)
    if path.is_dir():
        files = list_folder(path)
        if not files:
            raise SourceError(f"{name}: the folder has no file that ends in {supported}")
        return files
    if path.exists():
        if not path.name.lower().endswith(SUPPORTED):
            raise SourceError(f"{name}: only files that end in {supported} can be read")
        return [path]
    files = [match for match in map(Path, sorted(glob.glob(name))) if is_supported(match)]
    if not files:
        raise SourceError(f"{name}: no such file")
    return files


def list_folder(folder: Path) -> list[Path]:
    """Return the readable files right in ``folder``, by name."""
    try:
        return sorted(path for path in folder.iterdir() if is_supported(path) and path.is_file())
    except OSError as error:
        raise SourceError(f"{folder}: it can't be listed: {error.strerror or error}") from error


def inspect(path: Path, reading: Reading) -> list[Source]:
    """Return the sources in a file: one, or one a sheet.

    Raises:
        SourceError: it can't be used; the text names it.
    """
    if path.name.lower().endswith(".xlsx"):
        # Loaded here, since it takes memory that a CSV file doesn't need.
        from retail_pipeline.adapters.xlsx_source import inspect_xlsx

        return list(inspect_xlsx(path, reading.date_order))
    return [inspect_csv(path, reading.encoding, reading.date_order)]
