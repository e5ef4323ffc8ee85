"""``retail dashboard`` gives Streamlit the page, the look and the address asked for."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from pytest_mock import MockerFixture
from typer.testing import CliRunner

from retail_pipeline.cli.app import app
from retail_pipeline.cli.dashboard import command

ROOT = Path(__file__).parents[2]


def test_the_server_takes_the_place_of_the_command(mocker: MockerFixture) -> None:
    execv = mocker.patch("os.execv")
    done = CliRunner().invoke(app, ["dashboard", "--port", "8600", "--address", "0.0.0.0"])
    assert done.exit_code == 0, done.output
    execv.assert_called_once_with(sys.executable, command(8600, "0.0.0.0"))


def test_the_page_and_its_look_come_with_the_package() -> None:
    arguments = command(8501, "127.0.0.1")
    script = arguments[arguments.index("run") + 1]
    theme = next(flag.partition("=")[2] for flag in arguments if flag.startswith("--theme.base"))
    assert Path(script).is_file() and Path(theme).is_file()
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = packaged["package-data"]["retail_pipeline"]
    for file in (ROOT / "src/retail_pipeline/dashboard").iterdir():
        if file.suffix not in (".py", "") and not file.name.startswith("."):
            assert any(Path(f"dashboard/{file.name}").match(each) for each in patterns), file


def test_no_folder_beside_the_page_is_taken_for_pages_in_streamlits_own_way() -> None:
    for script in (Path(command(8501, "127.0.0.1")[4]), ROOT / "src" / "dashboard.py"):
        assert script.is_file()
        assert not script.with_name("pages").exists()


@pytest.mark.parametrize("port", ["0", "65536", "web"])
def test_an_impossible_port_is_refused(port: str) -> None:
    assert CliRunner().invoke(app, ["dashboard", "--port", port]).exit_code == 2


def test_running_the_script_by_hand_gives_the_same_look() -> None:
    config = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    flags = dict(flag[2:].split("=", 1) for flag in command(1, "") if flag.startswith("--"))
    assert (ROOT / config["theme"]["base"]).samefile(flags["theme.base"])
    for section in ("browser", "client"):
        for name, value in config[section].items():
            assert flags[f"{section}.{name}"] == str(value).lower()
