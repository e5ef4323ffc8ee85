"""Alertmanager's routes: messages to a real SMTP server and a listener in Slack's form."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from retail_devstack.ports import answers, pick
from tests.paths import ROOT
from tests.receivers import (
    PASSWORD,
    TOKEN,
    USER,
    Mailbox,
    SlackListener,
    slack_listener,
    smtp_server,
    wait_for,
)

# The waits of the routes, and those of the test.
QUICK = {"group_wait: 10s": "group_wait: 1s", "group_interval: 30s": "group_interval: 1s"}


def configure(folder: Path, env: dict[str, str]) -> Path:
    """Write the configuration as Compose does, with shorter waits; return its path."""
    script = ROOT / "docker" / "alertmanager.sh"
    subprocess.run(["sh", script, folder], env={"PATH": "/usr/bin:/bin", **env}, check=True)
    config = folder / "alertmanager.yml"
    text = config.read_text("utf-8")
    for slow, quick in QUICK.items():
        assert slow in text
        text = text.replace(slow, quick)
    config.write_text(text, "utf-8")
    return config


@contextmanager
def alertmanager(folder: Path, env: dict[str, str]) -> Iterator[str]:
    """Run Alertmanager, and return its address."""
    program = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
    assert program, "alertmanager is not on PATH (Debian's package prometheus-alertmanager)"
    port = pick(None)
    command = [
        program,
        f"--config.file={configure(folder, env)}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(lambda: answers(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def post(address: str, *names: str, severity: str = "critical", over: bool = False) -> None:
    """Send alerts of one check to Alertmanager, as Prometheus does."""
    now = datetime.now(UTC).isoformat()
    body = [
        {
            "labels": {"alertname": name, "check": "group", "severity": severity},
            "annotations": {"summary": f"{name} is wrong.", "actions": "Restart it."},
            **({"endsAt": now} if over else {}),
        }
        for name in names
    ]
    request = Request(
        f"{address}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=10):
        pass


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as server:
        yield server


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackListener]:
    with slack_listener(monkeypatch) as listener:
        yield listener


def test_alerts_of_a_check_arrive_together_by_email_and_in_slack_and_are_resolved(
    mailbox: Mailbox, slack: SlackListener, tmp_path: Path
) -> None:
    env = {
        "ALERT_SLACK_URL": f"http://127.0.0.1:{slack.server_port}/services/{TOKEN}",
        "ALERT_EMAIL_TO": "ops@example.com",
        "ALERT_SMTP_SERVER": f"127.0.0.1:{mailbox.port}",
        "ALERT_SMTP_USER": USER,
        "ALERT_SMTP_PASSWORD": PASSWORD,
        "ALERT_SMTP_TLS": "no",
    }
    with alertmanager(tmp_path, env) as address:
        post(address, "RetailWatchdog", severity="none")
        post(address, "RetailA", "RetailB")
        wait_for(lambda: bool(mailbox.mails and slack.posts))
        post(address, "RetailA", "RetailB", over=True)
        wait_for(lambda: len(mailbox.mails) > 1 and len(slack.posts) > 1)
    for texts in (mailbox.texts(), slack.texts()):
        (firing, text), (resolved, end) = texts
        assert sorted(firing.removeprefix("firing: ").split(", ")) == ["RetailA", "RetailB"]
        assert sorted(resolved.removeprefix("resolved: ").split(", ")) == ["RetailA", "RetailB"]
        assert "RetailA is wrong." in text and "Actions: Restart it." in text
        assert "until" in end
    assert mailbox.mails[0]["to"] == "ops@example.com"
    assert {path for path, _ in slack.posts} == {f"/services/{TOKEN}"}
    log = (tmp_path / "log").read_text()
    assert PASSWORD not in log and TOKEN not in log
