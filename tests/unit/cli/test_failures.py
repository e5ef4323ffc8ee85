"""Whatever fails ends with one line that says what to do, and a traceback under --debug only."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from pytest_mock import MockerFixture

from retail_pipeline.cli import app
from retail_pipeline.errors import UsageError, os_words
from tests.paths import ROOT

SRC = ROOT / "src"
# A command in a process of its own.
COMMAND = """
from retail_pipeline.cli import app as command
@command.app.command()
def fail():
    print('\u00a31 \u2501 \u0416')
    print(__import__('pathlib').Path.home())
command.main()
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a command line in which ``retail`` does nothing but raise an error."""
    monkeypatch.setenv("RETAIL_DEBUG", "")
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(logging, "raiseExceptions", True)

    def failing(error: BaseException, *options: str) -> int:
        command = typer.Typer()

        @command.command()
        def fail() -> None:
            raise error

        command.callback()(app._retail)
        monkeypatch.setattr(app, "app", command)
        monkeypatch.setattr("sys.argv", ["retail", *options, "fail"])
        with pytest.raises(SystemExit) as stop:
            app.main()
        return int(str(stop.value.code))

    return failing


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(2, "No such file", "/here"), "retail: /here: No such file\n"),
        (OSError(28, "No space left", "/full"), "retail: /full: No space left: free some"),
        (OSError(28, "No space left"), "retail: standard output: No space left: free some"),
        (OSError("no route to broker:9092"), "retail: no route to broker:9092\n"),
        (RuntimeError("one\ntwo"), "retail: unexpected RuntimeError at test_failures.py:"),
        (MemoryError(), "retail: there is not enough memory"),
        (UsageError("x.csv: no such file"), "retail: x.csv: no such file\n"),
    ],
)
def test_a_failure_is_one_line_and_a_traceback_only_under_debug(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    line: str,
) -> None:
    status = 2 if isinstance(error, UsageError) else 1
    assert run(error) == status
    out, printed = capsys.readouterr()
    assert out == "" and printed.startswith(line) and printed.count("\n") == 1
    assert run(error, "--debug") == status
    traced = capsys.readouterr().err
    assert traced.startswith("Traceback") and traced.endswith(printed)


def test_a_reader_that_has_enough_is_no_failure(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(BrokenPipeError(errno.EPIPE, "Broken pipe")) == 1
    assert capsys.readouterr().err == ""


def test_a_thread_that_fails_says_so_in_one_line(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    run(UsageError("x"))
    thread = threading.Thread(target=open, args=["/nowhere"], name="warm-up")
    thread.start()
    thread.join()
    assert capsys.readouterr().err.endswith(
        "\nretail: warm-up: /nowhere: No such file or directory\n"
    )


def test_an_output_that_is_full_is_named() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, "fail"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1
    assert done.stderr.startswith("retail: standard output: No space left on device: free some")
    assert done.stderr.count("\n") == 1


def test_without_a_home_or_the_letters_of_the_terminal_a_command_works() -> None:
    without = "import os, pwd; os.environ.pop('HOME', 0); pwd.getpwuid = {}.__getitem__"
    done = subprocess.run(
        [sys.executable, "-c", f"{without}\n{COMMAND}", "fail"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("\\xa31 \\u2501 \\u0416\n/nonexistent\n", "")


def test_the_scripts_take_debug_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SRC / "processor.py", "--debug"],
        env={**os.environ, "LOG_LEVEL": "LOUD"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback") and "retail: LOG_LEVEL: " in done.stderr


@pytest.mark.parametrize(
    ("owner", "advice"),
    [
        (0, "it belongs to root: choose another path, or run sudo chown -R 500 '{folder}'"),
        (500, "its mode does not allow it: chmod -R u+rwX '{folder}'"),
        (7, "it belongs to another user (uid 7): choose another path"),
    ],
)
def test_a_file_of_another_user_is_named_with_the_command_that_corrects_it(
    tmp_path: Path, mocker: MockerFixture, owner: int, advice: str
) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    mocker.patch("os.geteuid", return_value=500)
    mocker.patch("retail_pipeline.errors._owner", return_value=owner)
    error = PermissionError(errno.EACCES, "Permission denied", str(folder / "lock"))
    text = f"{folder}: Permission denied: {advice.format(folder=folder)}"
    assert os_words(error, folder) == text


@pytest.mark.parametrize(("level", "shown"), [(None, False), ("INFO", False), ("DEBUG", True)])
def test_the_client_libraries_log_at_debug_level_only(level: str | None, shown: bool) -> None:
    command = (
        "from retail_pipeline import logs\nfrom retail_pipeline.cli import app\n"
        "@app.app.command()\n"
        "def fail():\n"
        f"    {level!r} and logs.configure({level!r}, 'text')\n"
        "    __import__('logging').getLogger('kafka.net').error('a socket went away')\n"
        "app.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", command, "fail"], capture_output=True, text=True, check=True
    )
    assert ("a socket went away" in done.stderr) is shown
