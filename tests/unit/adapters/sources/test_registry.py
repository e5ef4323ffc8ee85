"""What a user names becomes a list of files, or a clear refusal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from retail_pipeline.adapters.sources.files import find_files
from retail_pipeline.adapters.sources.registry import FORMATS, SUPPORTED, inspect, reparse
from retail_pipeline.errors import SourceError, UsageError
from tests.fakes import manifest


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
        ("*.tsv", "no such file"),
        (
            "notes.txt",
            f"notes.txt: only files that end in {', '.join(SUPPORTED)} can be read",
        ),
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
        inspect(folder / "b.csv")
    with pytest.raises(SourceError, match="c.xlsx: it is no Excel workbook"):
        inspect(folder / "c.xlsx")


def test_no_format_is_loaded_before_a_file_of_it_is_read() -> None:
    heavy = "{'openpyxl', 'pyarrow', 'pandas', 'numpy'}"
    code = f"import sys, retail_pipeline.cli.produce; sys.exit(str({heavy} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "set()"


def test_each_format_has_a_name_and_endings_of_its_own() -> None:
    assert len({each.NAME for each in FORMATS}) == len(FORMATS)
    for each in FORMATS:
        others = tuple(set(SUPPORTED) - set(each.ENDINGS))
        assert not any(ending.endswith(others) for ending in each.ENDINGS)


def test_a_row_of_a_format_that_no_release_knows_yet_is_not_read() -> None:
    with pytest.raises(LookupError, match="there is no format 'avro'"):
        reparse(2, b"", "utf-8", manifest(format="avro"))


OTHERS = {
    "mar.zip": "unpack it",
    "may.xls": "save it as .xlsx or .csv",
    "apr.txt": "let its name end in .csv",
    "year": "it is a folder",
    "pipe.csv": "it is a pipe or a device",
    "gone.csv": "it is a link to nowhere, which can't be reached",
}


def make_others(folder: Path) -> None:
    for name in ("mar.zip", "may.xls", "apr.txt", "README.md", ".gitkeep", "x.csv.part"):
        (folder / name).touch()
    (folder / "year").mkdir()
    os.mkfifo(folder / "pipe.csv")
    (folder / "gone.csv").symlink_to("nowhere")


@pytest.mark.parametrize("name", ["", "*"])
def test_what_is_passed_over_in_a_folder_or_under_a_glob_is_named(
    tmp_path: Path, name: str
) -> None:
    make_others(tmp_path)
    messages: list[str] = []
    (tmp_path / "jan.csv").touch()
    assert names(find_files([str(tmp_path / name)], messages.append)) == ["jan.csv"]
    assert len(messages) == len(OTHERS)
    for other, advice in OTHERS.items():
        [line] = [line for line in messages if line.startswith(f"{tmp_path / other}: ")]
        assert advice in line and "it is not read" in line
    (tmp_path / "jan.csv").unlink()
    with pytest.raises(SourceError) as refusal:
        find_files([str(tmp_path / name)])
    assert "none of what is there can be read: apr.txt (only files that" in str(refusal.value)
    assert "pipe.csv (it is a pipe or a device" in str(refusal.value)
    assert str(refusal.value).endswith(" and 1 more")


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "year"])
def test_a_file_that_is_named_and_can_not_be_read_is_refused_with_what_to_do(
    tmp_path: Path, name: str
) -> None:
    make_others(tmp_path)
    with pytest.raises(SourceError) as refusal:
        find_files([str(tmp_path / name)])
    assert str(refusal.value).startswith(f"{tmp_path / name}: ")
    assert OTHERS[name] in str(refusal.value)


def test_a_glob_may_go_through_folders(tmp_path: Path) -> None:
    (tmp_path / "2024" / "may").mkdir(parents=True)
    (tmp_path / "2024" / "may" / "a.csv").touch()
    (tmp_path / "b.csv").touch()
    assert names(find_files([str(tmp_path / "**" / "*.csv")])) == ["a.csv", "b.csv"]


def test_a_link_is_read_under_its_own_name_and_a_file_once(tmp_path: Path) -> None:
    (tmp_path / "export").touch()
    (tmp_path / "a.csv").symlink_to("export")
    (tmp_path / "b.csv").symlink_to("export")
    assert find_files([str(tmp_path)]) == [tmp_path / "a.csv"]


def test_a_path_out_of_reach_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file.csv").touch()
    for path in (tmp_path / "file.csv" / "a.csv", tmp_path / f"{'a' * 300}.csv"):
        with pytest.raises(SourceError, match="it can't be read: (Not a dir|File name too long)"):
            find_files([str(path)])


def test_a_tilde_is_the_home_folder_unless_there_is_a_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.csv").touch()
    assert find_files(["~/a.csv", "~", "~/*.csv"]) == [tmp_path / "a.csv"]
    with pytest.raises(UsageError, match="no home folder is known for ~nobody-such"):
        find_files(["~nobody-such/*.csv"])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~nobody-such.csv").touch()
    assert find_files(["~nobody-such.csv"]) == [tmp_path / "~nobody-such.csv"]
