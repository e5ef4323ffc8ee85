"""What a user names becomes a list of files, or a clear refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from retail_pipeline.adapters.source_files import Reading, find_files, inspect
from retail_pipeline.errors import SourceError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.csv.gz", "c.xlsx", "notes.txt", ".hidden.csv", "~$c.xlsx"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_folder_stands_for_its_readable_files_by_name(folder: Path) -> None:
    assert names(find_files([str(folder)])) == ["a.csv.gz", "b.csv", "c.xlsx"]


def test_a_glob_stands_for_its_matches(folder: Path) -> None:
    assert names(find_files([str(folder / "*.csv*")])) == ["a.csv.gz", "b.csv"]


def test_a_file_named_twice_is_taken_once(folder: Path) -> None:
    assert names(find_files([str(folder / "b.csv"), str(folder)])) == [
        "b.csv",
        "a.csv.gz",
        "c.xlsx",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent.csv", "absent.csv: no such file"),
        ("*.parquet", "no such file"),
        ("notes.txt", "notes.txt: only files that end in .csv, .csv.gz, .xlsx can be read"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(folder: Path, name: str, words: str) -> None:
    with pytest.raises(SourceError) as refusal:
        find_files([str(folder / name)])
    assert words in str(refusal.value)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no file that ends in"):
        find_files([str(tmp_path)])


def test_a_file_is_inspected_by_its_ending(folder: Path) -> None:
    with pytest.raises(SourceError, match="b.csv: it is empty"):
        inspect(folder / "b.csv", Reading())
    with pytest.raises(SourceError, match="c.xlsx: it is no Excel workbook"):
        inspect(folder / "c.xlsx", Reading())
