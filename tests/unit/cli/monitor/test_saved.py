"""Reports that are saved to a file, and shown again."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from retail_pipeline.cli.monitor import saved
from retail_pipeline.cli.monitor.feeds import SavedReports
from retail_pipeline.cli.monitor.saved import SaveFile, saved_reports
from retail_pipeline.errors import UsageError
from tests.unit.cli.monitor.reports import report


def save(path: Path, *seconds: int) -> None:
    file = SaveFile(path)
    for each in seconds:
        file.append(report(each))
    file.close()


def test_what_is_saved_is_read_back_as_it_was(tmp_path: Path) -> None:
    save(tmp_path / "a.jsonl", 0, 5)
    assert list(saved_reports(tmp_path / "a.jsonl")) == [report(0), report(5)]


def test_a_crash_costs_the_last_line_and_what_is_saved_later_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    save(path, 0, 5)
    path.write_bytes(path.read_bytes()[:-30])
    save(path, 10)
    assert list(saved_reports(path)) == [report(0), report(10)]


def test_a_full_file_is_put_aside_and_three_of_them_are_kept(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    mocker.patch.object(saved, "_LARGEST_BYTES", 100)
    save(tmp_path / "a.jsonl", *range(7))
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["a.jsonl", "a.jsonl.1", "a.jsonl.2", "a.jsonl.3"]
    assert list(saved_reports(tmp_path / "a.jsonl")) == [report(6)]
    assert list(saved_reports(tmp_path / "a.jsonl.3")) == [report(3)]


def test_a_file_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none/a\.jsonl: can't be written: No such file"):
        SaveFile(tmp_path / "none" / "a.jsonl")


def test_a_full_disk_is_an_error_and_not_a_traceback(tmp_path: Path) -> None:
    file = SaveFile(Path("/dev/full"))
    with pytest.raises(UsageError, match="/dev/full: can't be written: No space left"):
        file.append(report())


def test_a_file_without_a_report_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    with pytest.raises(UsageError, match="it holds no report; `retail monitor --save FILE`"):
        next(saved_reports(path))
    with pytest.raises(UsageError, match="can't be read: No such file"):
        next(saved_reports(tmp_path / "none.jsonl"))


def test_a_replay_waits_as_long_between_reports_as_the_monitor_did_divided_by_the_speed(
    tmp_path: Path,
) -> None:
    save(tmp_path / "a.jsonl", 0, 1_000, 1_000)
    feed = SavedReports(tmp_path / "a.jsonl", speed=10)
    assert feed.next() == report(0)
    assert 90 < feed.pause_s <= 100
    assert feed.next() == report(1_000)
    assert feed.pause_s == 0
    assert feed.next() == report(1_000)
    assert feed.next() is None
