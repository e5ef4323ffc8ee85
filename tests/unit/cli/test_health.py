"""``retail health`` tells a process that works from one that is merely alive."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import typer
from typer.testing import CliRunner

from retail_pipeline.cli import health
from retail_pipeline.errors import PermanentError


@pytest.fixture
def app() -> typer.Typer:
    """The command line, with nothing but the health command."""
    app = typer.Typer()
    app.add_typer(health.health, name="health")
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


@contextmanager
def answering(status: int, text: str) -> Iterator[str]:
    """Serve one answer to whoever asks for it; the address is that of a dashboard."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_dashboard_that_serves_viewers_is_healthy_whatever_the_proxy(
    app: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with answering(200, "healthy") as url:
        result = CliRunner().invoke(app, ["health", "dashboard", "--url", url])
    assert (result.exit_code, result.output) == (0, "healthy\n")


def test_a_dashboard_that_can_serve_nobody_is_not_and_says_why(app: typer.Typer) -> None:
    with answering(503, "can open no more files") as url:
        result = CliRunner().invoke(app, ["health", "dashboard", "--url", url])
    assert result.exit_code == 1
    assert str(result.exception) == f"the dashboard at {url} can open no more files"
    result = CliRunner().invoke(app, ["health", "dashboard", "--url", url])
    assert result.exit_code == 1 and "doesn't answer: " in str(result.exception)


def test_the_limit_on_open_files_is_raised_as_far_as_allowed() -> None:
    program = (
        "import resource; from retail_pipeline.cli.open_files import raise_limit;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 300)); raise_limit();"
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["300", "300"], done.stderr


def test_no_heartbeat_is_not_healthy(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no heartbeat yet"):
        health.check(tmp_path / "missing", 30)


def test_a_heartbeat_that_cannot_be_looked_at_is_not_healthy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match="can't read the heartbeat"):
        health.check(tmp_path / "file" / "beat", 30)


def test_a_clock_that_went_back_does_not_make_a_process_ill(tmp_path: Path) -> None:
    assert health.heartbeat_age(touched(tmp_path / "beat", -60), now=time.time()) == 0.0
