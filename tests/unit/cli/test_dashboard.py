"""``retail dashboard`` gives Streamlit the requested page, theme and address."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pytest_mock import MockerFixture
from typer.testing import CliRunner

from retail_pipeline.cli.app import app
from retail_pipeline.cli.dashboard import options
from retail_pipeline.dashboard.server import PAGE
from tests.paths import ROOT


@pytest.fixture(autouse=True)
def _own_process(monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture) -> None:
    """The command has a process to itself, whose arguments and signals it may change."""
    monkeypatch.setattr("sys.argv", ["retail"])
    mocker.patch("signal.signal")


def test_the_server_gets_the_address_asked_for(mocker: MockerFixture) -> None:
    run = mocker.patch("streamlit.App.run")
    done = CliRunner().invoke(app, ["dashboard", "--port", "8600", "--address", "0.0.0.0"])
    assert done.exit_code == 0, done.output
    run.assert_called_once_with(config=options(8600, "0.0.0.0"))


def test_the_page_and_its_look_come_with_the_package() -> None:
    assert PAGE.is_file() and Path(options(8501, "")["theme.base"]).is_file()
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = packaged["package-data"]["retail_pipeline"]
    for file in (ROOT / "src/retail_pipeline/dashboard").iterdir():
        if file.suffix not in (".py", "") and not file.name.startswith("."):
            assert any(Path(f"dashboard/{file.name}").match(each) for each in patterns), file


def test_no_folder_beside_the_page_is_taken_for_pages_in_streamlits_own_way() -> None:
    for script in (PAGE, ROOT / "src" / "dashboard.py"):
        assert script.is_file()
        assert not script.with_name("pages").exists()


@pytest.mark.parametrize("port", ["0", "65536", "web"])
def test_an_impossible_port_is_refused(port: str) -> None:
    assert CliRunner().invoke(app, ["dashboard", "--port", port]).exit_code == 2


def test_running_the_script_by_hand_gives_the_same_look() -> None:
    config = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    given = options(1, "")
    assert (ROOT / config["theme"]["base"]).samefile(given["theme.base"])
    for section in ("browser", "client", "runner"):
        for name, value in config[section].items():
            assert given[f"{section}.{name}"] == value
