"""A watched folder: each file is streamed once it can be, and what isn't one is named, once."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from retail_pipeline.adapters.sources.files import entry_at
from retail_pipeline.adapters.sources.registry import inspect
from retail_pipeline.cli.produce.run import ProducerRun
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import SourceError
from tests.pipeline import HEADER, ROW
from tests.unit.cli.test_produce_run import World

CSV = HEADER + ROW * 2


@pytest.fixture
def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> World:
    """A producer on fakes, whose clock goes on by a second with each scan."""
    caplog.set_level("INFO")
    world = World(tmp_path, monkeypatch)

    def beat(run: ProducerRun) -> None:
        world.now += 1

    monkeypatch.setattr(ProducerRun, "_beat", beat)
    return world


def wait_until(true: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def some_scans(world: World) -> None:
    """Return once the folder was scanned several times more."""
    start = world.now
    wait_until(lambda: world.now > start + 3)


def saying(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [line for line in caplog.messages if text in line]


def test_a_file_that_is_made_readable_is_streamed(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened = Path.open

    def open_as_somebody_else(path: Path, mode: str = "r", **options: Any) -> Any:
        if mode == "rb" and not path.stat().st_mode & 0o004:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, mode, **options)

    with world.watching() as folder:
        monkeypatch.setattr(Path, "open", open_as_somebody_else)
        (folder / ".a.csv").write_text(CSV)
        (folder / ".a.csv").chmod(0o600)
        (folder / ".a.csv").rename(folder / "a.csv")
        wait_until(lambda: saying(caplog, "Permission denied"))
        some_scans(world)
        (folder / "a.csv").chmod(0o644)
        world.wait_for(2)
    assert len(saying(caplog, "a.csv: it can't be read: Permission denied")) == 1


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ESTALE, errno.ENOSPC])
def test_a_file_that_could_not_be_read_for_a_reason_outside_it_is_tried_again_and_sent_once(
    world: World, number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened, failures = Path.open, iter(range(4))

    def open_at_last(path: Path, mode: str = "r", **options: Any) -> Any:
        if mode == "rb" and path.name == "a.csv" and next(failures, None) is not None:
            raise OSError(number, os.strerror(number))
        return opened(path, mode, **options)

    monkeypatch.setattr(Path, "open", open_at_last)
    with world.watching() as folder:
        (folder / "a.csv").write_text(CSV)
        world.wait_for(2)
        some_scans(world)
    assert len(saying(caplog, os.strerror(number))) == 1
    assert len(saying(caplog, "inspecting a.csv")) == 1
    assert [each.row for each in world.publisher.of(Transaction)] == [2, 3]


def test_what_is_not_read_is_named_once_with_what_to_do(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    words = {
        "mar.zip": "unpack it",
        "may.xls": "save it as .xlsx or .csv",
        "apr.txt": "let its name end in .csv",
        "export": "only files that end in",
        "year.csv": "it is a folder",
        "pipe.csv": "it is a pipe or a device",
        "socket": "it is a pipe or a device",
        "link.csv": "it is a link to nowhere.csv, which can't be reached: No such file",
        "circle.csv": "it is a link to circle.csv, which can't be reached",
    }
    silent = (".gitkeep", ".DS_Store", "README.md", "b.csv.part", "~$c.xlsx", "d.csv~")
    with world.watching() as folder:
        (folder / "year.csv").mkdir()
        os.mkfifo(folder / "pipe.csv")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(folder / "socket"))
        (folder / "link.csv").symlink_to("nowhere.csv")
        (folder / "circle.csv").symlink_to("circle.csv")
        for name in ("mar.zip", "may.xls", "apr.txt", "export", *silent):
            (folder / name).write_text(CSV)
        for name in words:
            wait_until(partial(saying, caplog, f"{folder / name}: "))
        some_scans(world)
        for name, advice in words.items():
            [line] = saying(caplog, f"{folder / name}: ")
            assert advice in line and "it is not read" in line
        assert not [line for line in caplog.messages for name in silent if name in line]
        (folder / "mar.zip").write_text("another one")
        (folder / "year.csv" / "inner.csv").write_text(CSV)
        wait_until(lambda: len(saying(caplog, "mar.zip")) == 2)
        some_scans(world)
        assert len(saying(caplog, "mar.zip")) == 2 and len(saying(caplog, "year.csv")) == 1
        (folder / "nowhere.csv").write_text(CSV)
        world.wait_for(2)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.TSV.GZ"])
def test_tabs_are_read_under_each_ending_and_a_link_as_the_file_that_it_leads_to(
    world: World, name: str
) -> None:
    (world.folder / "elsewhere").write_text(CSV.replace(",", "\t"))
    with world.watching() as folder:
        (folder / name).symlink_to(world.folder / "elsewhere")
        world.wait_for(2)


def test_a_file_replaced_by_another_of_its_size_and_time_is_streamed_too(world: World) -> None:
    with world.watching() as folder:
        (folder / "a.csv").write_text(CSV)
        world.wait_for(2)
        (folder / ".new").write_text(CSV.replace("536365", "536366"))
        status = (folder / "a.csv").stat()
        os.utime(folder / ".new", ns=(status.st_atime_ns, status.st_mtime_ns))
        os.replace(folder / ".new", folder / "a.csv")
        world.wait_for(4)


def test_a_file_replaced_by_another_of_its_size_and_time_while_it_is_read_is_no_longer_it(
    tmp_path: Path,
) -> None:
    path, other = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text(CSV)
    other.write_text(CSV.replace("536365", "536366"))
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    [source] = inspect(path)
    os.replace(other, path)
    with pytest.raises(SourceError, match="changed while it was being read"):
        list(source.rows())


def test_a_folder_that_is_away_for_a_while_is_watched_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with world.watching() as folder:
        (folder / "a.csv").write_text(CSV)
        world.wait_for(2)
        folder.rename(world.folder / "away")
        wait_until(lambda: saying(caplog, "can't be listed: No such file"))
        some_scans(world)
        (world.folder / "away").rename(folder)
        (folder / "b.csv").write_text(CSV.replace("536365", "536366"))
        world.wait_for(4)
        some_scans(world)
    assert len(saying(caplog, "can't be listed")) == 1
    assert len(saying(caplog, "is there again")) == 1
    # What was streamed before is not looked through once more.
    assert len(saying(caplog, "inspecting a.csv")) == 1


def test_no_sample_is_made_where_there_are_files_of_other_kinds(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    folder = world.folder / "watched"
    folder.mkdir()
    for name in ("jan.zip", "feb.zip", "mar.xls", "year"):
        (folder / name).touch()
    watch = Thread(target=world.run().watch, args=(folder, [], True))
    watch.start()
    wait_until(lambda: saying(caplog, "year"))
    world.stop.set()
    watch.join(60)
    assert not saying(caplog, "making a") and not saying(caplog, "no file there")
    assert world.publisher.of(Transaction) == []


def test_what_can_not_even_be_looked_at_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = Path.stat

    def refuse(path: Path, **options: Any) -> os.stat_result:
        if path.name == "a.csv":
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    refused = str(entry_at(tmp_path / "a.csv"))
    assert "a.csv: it can't be read: Permission denied (chmod a+rX gives the right)" in refused
