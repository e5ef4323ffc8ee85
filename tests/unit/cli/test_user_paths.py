"""A ~ in a setting, or in a path given to a command, is the user's home folder."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from typer.testing import CliRunner

from retail_devstack import services
from retail_devstack.home import Home
from retail_pipeline.cli.app import app
from retail_pipeline.cli.dlq.edits import Edits
from retail_pipeline.errors import SettingsError, UsageError
from retail_pipeline.settings import load_settings

SETTINGS = ("STATE_DIR", "HEARTBEAT_FILE", "DASHBOARD_SIGN_IN_FILE")
LOCAL = ("RETAIL_HOME", "RETAIL_CACHE")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and a working folder beside it."""
    for name in (*SETTINGS, *LOCAL):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def write_env(value: str) -> None:
    Path(".env").write_text("".join(f"{name}={value}\n" for name in (*SETTINGS, *LOCAL)))


def test_each_path_among_the_settings_may_start_with_a_tilde(home: Path) -> None:
    write_env("~/retail")
    settings, local = load_settings(), Home.from_environment()
    found = [getattr(settings, name.lower()) for name in SETTINGS]
    assert [*found, local.root, local.cache] == [home / "retail"] * 5


def test_a_relative_path_in_a_setting_starts_at_the_working_folder(home: Path) -> None:
    write_env("retail")
    settings, local = load_settings(), Home.from_environment()
    found = [getattr(settings, name.lower()).absolute() for name in SETTINGS]
    assert [*found, local.root, local.cache] == [Path.cwd() / "retail"] * 5


def test_a_setting_that_names_nobodys_home_is_refused_by_its_name(home: Path) -> None:
    write_env("~nobody-such/retail")
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    for name in SETTINGS:
        assert f"{name}: ~nobody-such/retail: no home folder is known for ~nobody-such" in str(
            refusal.value
        )
    with pytest.raises(SettingsError, match="RETAIL_HOME: ~nobody-such/retail: .* RETAIL_CACHE: "):
        Home.from_environment()


def test_a_sample_is_written_to_the_home_folder(home: Path) -> None:
    done = CliRunner().invoke(app, ["sample", "--rows", "3", "-o", "~/small.csv.gz"])
    assert done.exit_code == 0, done.output
    assert len(gzip.decompress((home / "small.csv.gz").read_bytes()).splitlines()) == 4


def test_edited_rows_are_read_from_the_home_folder(home: Path) -> None:
    (home / "rows.jsonl").touch()
    with Edits("~/rows.jsonl") as edits:
        assert edits.rows == 0


def test_data_for_the_local_stack_is_found_in_the_home_folder_and_what_is_not_read_is_reported(
    home: Path,
) -> None:
    (home / "a.csv").touch()
    (home / "b.zip").touch()
    reported: list[str] = []
    assert services.absolute(["~", "~/*.csv"], reported.append) == [str(home), str(home / "*.csv")]
    assert len(reported) == 1 and reported[0].startswith(f"{home / 'b.zip'}: ")


@pytest.mark.parametrize(
    "command",
    [
        ["produce", "~nobody-such/a.csv"],
        ["produce", "--watch", "~nobody-such"],
        ["reconcile", "~nobody-such/a.csv"],
        ["sample", "-o", "~nobody-such/a.csv"],
        ["dlq", "replay", "--edited", "~nobody-such/rows.jsonl"],
        ["local", "up", "--data", "~nobody-such/a.csv"],
    ],
    ids=lambda command: command[0],
)
def test_nobodys_home_is_a_mistake_that_each_command_names(home: Path, command: list[str]) -> None:
    done = CliRunner().invoke(app, command)
    if isinstance(done.exception, SystemExit):
        assert done.exception.code == 2
    else:
        assert isinstance(done.exception, UsageError)
        assert "no home folder is known for ~nobody-such" in str(done.exception)
    assert list(Path.cwd().iterdir()) == []
