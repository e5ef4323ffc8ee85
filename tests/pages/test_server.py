"""``retail dashboard`` serves, with MongoDB away too, and stops at once on SIGTERM or SIGINT."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest

from retail_pipeline.adapters.dashboard import ask_dashboard
from retail_pipeline.dashboard import data, server
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.settings import Settings
from tests.pages.conftest import NOBODY

_DIRECT = build_opener(ProxyHandler({}))  # past the proxy of whoever runs the tests


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answer(url: str, process: subprocess.Popen[bytes]) -> str:
    """Return what ``url`` answers, as soon as it does."""
    until = time.monotonic() + 60
    while True:
        try:
            return str(_DIRECT.open(url, timeout=5).read().decode())
        except URLError:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.1)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_the_dashboard_serves_and_stops_on_a_signal(tmp_path: Path, stop: signal.Signals) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "retail_pipeline", "dashboard", "--port", str(port)],
        env={**os.environ, "MONGO_READER_URI": NOBODY},
        cwd=tmp_path,
    )
    try:
        assert answer(f"http://127.0.0.1:{port}/_stcore/health", process) == "ok"
        assert "<title>" in answer(f"http://127.0.0.1:{port}/", process)
        process.send_signal(stop)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait(10)


def test_health_fails_before_the_server_can_open_no_more_files(tmp_path: Path) -> None:
    port, limit = free_port(), 110
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "retail_pipeline", "dashboard", "--port", str(port)]
    process = subprocess.Popen(
        ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *command],
        env={**os.environ, "MONGO_READER_URI": NOBODY},
        cwd=tmp_path,
    )
    try:
        assert answer(f"{url}/health", process) == "healthy"
        with ExitStack() as viewers:
            for _ in range(limit - 40):
                viewers.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            with pytest.raises(PermanentError, match=r"no more files .*Too many open files"):
                until_it_fails(url)
            assert answer(f"{url}/_stcore/health", process) == "ok", "which says nothing of it"
    finally:
        process.kill()
        process.wait(10)


def until_it_fails(url: str) -> None:
    """Ask for the dashboard's health until it fails: connections are accepted one by one."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        ask_dashboard(url)


def test_the_summaries_are_read_before_the_first_viewer_comes(
    use: Callable[[str, str], None], sold: Settings
) -> None:
    use(sold.mongo("reader"), sold.mongo_database)
    server.preload()
    ready = datetime.now(UTC)
    assert data.snapshot().at <= ready


def test_with_mongodb_away_the_server_starts_nevertheless(
    use: Callable[[str, str], None],
) -> None:
    use(NOBODY, "retail_db")
    server.preload()
    with pytest.raises(TransientError):
        data.snapshot()


def test_a_wrong_setting_ends_the_command_with_its_name(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "retail_pipeline", "dashboard"],
        env={**os.environ, "MONGO_DATABASE": "no/such name"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "MONGO_DATABASE" in done.stderr
