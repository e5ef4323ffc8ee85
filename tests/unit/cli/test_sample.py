"""``retail sample`` writes the made-up dataset, whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retail_pipeline.cli.app import app
from retail_pipeline.errors import UsageError
from retail_pipeline.sample.generator import sample_lines
from retail_pipeline.sample.writer import write_file, write_sample

EXPECTED = "".join(sample_lines(300, 5)).encode()
OPTIONS = ["sample", "--rows", "300", "--seed", "5"]


def run(*arguments: object) -> bytes:
    """Run ``retail`` in this process; return what it writes to standard output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout_bytes


def test_without_a_file_the_rows_go_to_standard_output() -> None:
    assert run(*OPTIONS) == EXPECTED
    assert run(*OPTIONS, "--output", "-") == EXPECTED


def test_a_file_gets_the_same_bytes_and_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_text("older")
    assert run(*OPTIONS, "--output", path) == b""
    assert path.read_bytes() == EXPECTED
    assert list(tmp_path.iterdir()) == [path], "no other file is left"


def test_a_packed_file_holds_the_same_rows_and_packs_to_the_same_bytes(tmp_path: Path) -> None:
    packed = []
    for name in ("one.csv.gz", "two.csv.gz"):
        run(*OPTIONS, "-o", tmp_path / name)
        packed.append((tmp_path / name).read_bytes())
    assert gzip.decompress(packed[0]) == EXPECTED
    assert hashlib.sha256(packed[0]).digest() == hashlib.sha256(packed[1]).digest()


def test_dirt_and_period_can_be_chosen() -> None:
    text = run("sample", "-n", 40, "--dirty", 0, "--start", "2024-02-01", "--days", 1).decode()
    assert text == "".join(sample_lines(40, 7, 0, start=date(2024, 2, 1), days=1))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sample.xlsx", r"must end in \.csv or \.csv\.gz"),
        ("sample", r"must end in \.csv or \.csv\.gz"),
        ("nowhere/sample.csv", "can't be written: No such file or directory"),
        ("folder.csv", "can't be written"),
    ],
)
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError, match=f"{name}: .*{words}"):
        write_sample(tmp_path / name, 10, 7)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.parametrize("name", ["sample.csv", "sample.csv.gz"])
def test_an_interrupted_writing_leaves_the_file_as_it_was(tmp_path: Path, name: str) -> None:
    def interrupted() -> Iterator[str]:
        yield from ["a\n"] * 6_000
        raise KeyboardInterrupt

    path = tmp_path / name
    path.write_text("older")
    with pytest.raises(KeyboardInterrupt):
        write_file(path, interrupted())
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_can_be_read_by_whoever_reads_new_files(tmp_path: Path) -> None:
    write_sample(tmp_path / "sample.csv", 1, 7)
    (tmp_path / "other").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("sample.csv", "other")]
    assert modes[0] == modes[1]


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = "import sys; sys.argv[1:] = ['sample', '-n', '200000'];"
    command += "from retail_pipeline.cli.app import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline().startswith(b"InvoiceNo,")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [["--rows", "-1"], ["--rows", "many"], ["--dirty", "1.5"], ["--start", "1 May"],
     ["--days", "0"], ["--seed", "-7"]],
)  # fmt: skip
def test_an_option_that_makes_no_sense_is_refused_with_exit_status_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["sample", *arguments]).exit_code == 2
