"""``retail health`` tells a process that works from one that is merely alive."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from retail_pipeline.cli import health
from retail_pipeline.errors import PermanentError


@pytest.fixture
def app() -> typer.Typer:
    """The command line, with nothing but the health command."""
    app = typer.Typer()
    health.register(app)
    return app


def touched(heartbeat: Path, seconds_ago: float) -> Path:
    heartbeat.touch()
    then = time.time() - seconds_ago
    os.utime(heartbeat, (then, then))
    return heartbeat


def test_a_young_heartbeat_is_healthy(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTBEAT_FILE", str(touched(tmp_path / "beat", 3)))
    result = CliRunner().invoke(app, ["health", "processor", "--max-age", "30"])
    assert result.exit_code == 0
    assert "healthy: last heartbeat 3." in result.output


def test_an_old_heartbeat_is_not_and_says_how_old(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTBEAT_FILE", str(touched(tmp_path / "beat", 90)))
    result = CliRunner().invoke(app, ["health", "processor", "--max-age", "30"])
    assert result.exit_code == 1
    assert "90 s old, more than 30 s" in str(result.exception)


def test_the_producers_heartbeat_lies_in_its_state_folder(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    assert CliRunner().invoke(app, ["health", "producer"]).exit_code == 1
    touched(tmp_path / "producer.heartbeat", 0)
    assert CliRunner().invoke(app, ["health", "producer"]).exit_code == 0


def test_no_heartbeat_is_not_healthy(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no heartbeat yet"):
        health.check(tmp_path / "missing", 30)


def test_a_heartbeat_that_cannot_be_looked_at_is_not_healthy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match="can't look at the heartbeat"):
        health.check(tmp_path / "file" / "beat", 30)


def test_a_clock_that_went_back_does_not_make_a_process_ill(tmp_path: Path) -> None:
    assert health.heartbeat_age(touched(tmp_path / "beat", -60), now=time.time()) == 0.0
