"""``retail health`` without a command: its options, its output, its exit status."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture
from typer.testing import CliRunner

from retail_pipeline.cli.app import app
from retail_pipeline.cli.health import view
from retail_pipeline.cli.health.run import HealthRun
from retail_pipeline.errors import PermanentError
from retail_pipeline.operations.checks import CHECKS
from retail_pipeline.operations.health import Check, Finding, Health, Status, run_checks
from tests.paths import ROOT

KEYS = ("status", "exit_status", "summary", "at", "checks", "not_applicable")


def health(*statuses: str, command: str | None = None) -> Health:
    lines = ("more about it",)
    checks = []
    for number, each in enumerate(statuses):
        finding = Finding(Status(each), "a [detail]", command, lines)
        checks.append(Check(f"check-{number}", partial(copy, finding)))
    return run_checks(checks, 10)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["health", *arguments])


@pytest.fixture
def nothing_runs(mocker: MockerFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mocker.patch("socket.create_connection", side_effect=ConnectionRefusedError)


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warn", 1), ("fail", 2), ("unknown", 1)])
@pytest.mark.parametrize("options", [(), ("--json",), ("--verbose",)])
def test_the_exit_status_is_that_of_the_result_in_every_form(
    mocker: MockerFixture, status: str, code: int, options: tuple[str, ...]
) -> None:
    mocker.patch.object(HealthRun, "run", return_value=health("ok", status))
    result = run(*options)
    assert result.exit_code == code
    if "--json" in options:
        found = json.loads(result.stdout)
        assert tuple(found) == KEYS and found["exit_status"] == code
        assert found["checks"][1]["status"] == status
    else:
        assert status in result.stdout and "a [detail]" in result.stdout
        assert ("more about it" in result.stdout) == ("--verbose" in options)


@pytest.mark.parametrize(
    "arguments",
    [("--only", "nosuch"), ("--exclude", ",".join(CHECKS)), ("--timeout", "x"), ("nosuch",), ()],
    ids=["unknown check", "none left", "wrong value", "unknown command", "no stack"],
)
def test_what_can_not_run_exits_with_3_and_is_json_on_standard_output(
    nothing_runs: None, arguments: tuple[str, ...]
) -> None:
    result = run("--json", *arguments)
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert found["exit_status"] == 3 and found["error"]
    plain = run(*arguments)
    assert (plain.exit_code, plain.stdout) == (3, "")


def test_an_error_in_the_program_itself_is_json_too(mocker: MockerFixture) -> None:
    mocker.patch.object(HealthRun, "run", side_effect=ZeroDivisionError("division by zero"))
    result = run("--json")
    assert result.exit_code == 3 and "division by zero" in json.loads(result.stdout)["error"]


def test_the_list_names_every_check_and_runs_none(mocker: MockerFixture) -> None:
    mocker.patch.object(HealthRun, "run", side_effect=AssertionError)
    assert [line.split()[0] for line in run("--list").stdout.splitlines()] == list(CHECKS)
    assert list(json.loads(run("--list", "--json").stdout)) == list(CHECKS)


def test_only_and_exclude_choose_the_checks(mocker: MockerFixture) -> None:
    made = mocker.patch("retail_pipeline.cli.health.run.HealthRun")
    made.return_value.run.return_value = health("ok")
    run("--only", "kafka,disk", "--only", "mongodb", "--exclude", "disk")
    assert made.call_args.args[0] == ["kafka", "mongodb"]


def test_a_wait_ends_at_the_first_good_result(mocker: MockerFixture) -> None:
    mocker.patch("time.sleep")
    results = [PermanentError("nothing answers"), health("fail"), health("ok"), health("fail")]
    once = mocker.patch.object(HealthRun, "_once", side_effect=results)
    assert HealthRun(["disk"], 25, 60, False).run().exit_status == 0
    assert once.call_count == 3


def test_a_wait_that_is_over_gives_the_last_result(mocker: MockerFixture) -> None:
    mocker.patch("time.sleep")
    mocker.patch("time.monotonic", side_effect=iter(range(0, 10_000, 20)))
    mocker.patch.object(HealthRun, "_once", return_value=health("warn"))
    assert HealthRun(["disk"], 25, 60, False).run().exit_status == 1


def test_a_command_is_printed_as_it_is_typed_here(
    mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = "kill -9 7; retail setup"
    compose = "docker compose run --rm retail reconcile"
    monkeypatch.setattr("sys.argv", ["/my shop/.venv/bin/retail", "health"])
    mocker.patch("shutil.which", return_value="/usr/bin/retail")
    assert view.typed(both) == both
    mocker.patch("shutil.which", return_value=None)
    assert view.typed(both) == "kill -9 7; '/my shop/.venv/bin/retail' setup"
    assert view.typed(compose) == compose


def script(folder: Path, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    copy = folder / "health-check.sh"
    shutil.copy(ROOT / "health-check.sh", copy)
    return subprocess.run(
        ["/bin/bash", copy, *arguments], env={"PATH": path}, capture_output=True, text=True
    )


def program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('#!/bin/bash\nprintf "%s|" "$0" "$@"\nexit 2\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with what the script itself needs, and no retail or docker."""
    folder = tmp_path / "tools"
    folder.mkdir()
    os.symlink(shutil.which("dirname") or "", folder / "dirname")
    return folder


def test_the_script_passes_options_and_status_on_and_prefers_the_checkouts_program(
    tmp_path: Path, tools: Path
) -> None:
    program(tools / "retail")
    done = script(tmp_path, str(tools), "--json", "--only", "a b")
    assert (done.returncode, done.stdout) == (2, f"{tools}/retail|health|--json|--only|a b|")
    program(tmp_path / ".venv/bin/retail")
    done = script(tmp_path, str(tools))
    assert (done.returncode, done.stdout) == (2, f"{tmp_path}/.venv/bin/retail|health|")


def test_the_script_without_a_program_says_so_and_exits_with_3(tmp_path: Path, tools: Path) -> None:
    done = script(tmp_path, str(tools), "--json")
    assert done.returncode == 3 and "retail is not installed" in done.stderr
    assert json.loads(done.stdout)["exit_status"] == 3
    assert script(tmp_path, str(tools)).stdout == ""
