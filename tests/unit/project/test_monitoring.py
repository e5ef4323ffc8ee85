"""The servers of the profile `monitoring`: their configuration, without starting them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.paths import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
PROMETHEUS: dict[str, Any] = yaml.safe_load((ROOT / "monitoring/prometheus.yml").read_text("utf-8"))
SLACK = "https://hooks.slack.com/services/it's/secret"
EMAIL = {"ALERT_EMAIL_TO": "a@example.com", "ALERT_SMTP_SERVER": "mail.example.com:587"}


def configure(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Write Alertmanager's configuration into ``folder``, with these settings alone."""
    return subprocess.run(
        ["sh", str(ROOT / "docker/alertmanager.sh"), str(folder)],
        env={"PATH": "/usr/bin:/bin", **env},
        capture_output=True,
        text=True,
    )


def people(folder: Path) -> dict[str, Any]:
    """Return the receiver of every alert."""
    config = yaml.safe_load((folder / "alertmanager.yml").read_text("utf-8"))
    [found] = [each for each in config["receivers"] if each["name"] == config["route"]["receiver"]]
    return dict(found)


def test_prometheus_asks_each_service_for_metrics_where_compose_serves_them() -> None:
    targets = {}
    for job in PROMETHEUS["scrape_configs"]:
        [place] = job["dns_sd_configs"]
        [service] = place["names"]
        assert job["job_name"] == f"retail-{service}" and place["type"] == "A"
        targets[service] = place["port"]
    settings = {
        name: each["environment"]
        for name, each in COMPOSE["services"].items()
        if name in {"exporter", "producer", "processor", "dashboard"}
    }
    assert targets == {name: each["METRICS_PORT"] for name, each in settings.items()}
    assert {each["METRICS_ADDRESS"] for each in settings.values()} == {"0.0.0.0"}


def test_without_a_setting_no_alert_is_sent_and_the_log_says_so(tmp_path: Path) -> None:
    done = configure(tmp_path)
    assert done.returncode == 0
    assert people(tmp_path) == {"name": "people"}
    assert "no alert is sent: set ALERT_SLACK_URL or ALERT_EMAIL_TO" in done.stderr


def test_alerts_go_to_slack_and_by_email_and_secrets_are_in_files_of_their_own(
    tmp_path: Path,
) -> None:
    sign_in = {"ALERT_SMTP_USER": "us'er", "ALERT_SMTP_PASSWORD": "pa'$ss\" #"}
    done = configure(tmp_path, ALERT_SLACK_URL=SLACK, **EMAIL, **sign_in)
    assert (done.returncode, done.stderr) == (0, "")
    [slack] = people(tmp_path)["slack_configs"]
    [email] = people(tmp_path)["email_configs"]
    assert Path(slack["api_url_file"]).read_text("utf-8") == SLACK
    assert Path(email["auth_password_file"]).read_text("utf-8") == sign_in["ALERT_SMTP_PASSWORD"]
    assert (email["to"], email["smarthost"]) == tuple(EMAIL.values())
    assert email["auth_username"] == sign_in["ALERT_SMTP_USER"] and email["require_tls"]
    assert slack["send_resolved"] and email["send_resolved"]
    config = (tmp_path / "alertmanager.yml").read_text("utf-8")
    assert SLACK not in config and "pa'" not in config
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("env", "missing"),
    [
        ({"ALERT_EMAIL_TO": "a@example.com"}, "ALERT_SMTP_SERVER"),
        ({**EMAIL, "ALERT_SMTP_USER": "user"}, "ALERT_SMTP_PASSWORD"),
        ({**EMAIL, "ALERT_SMTP_TLS": "maybe"}, "ALERT_SMTP_TLS is yes or no, not 'maybe'"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(
    tmp_path: Path, env: dict[str, str], missing: str
) -> None:
    done = configure(tmp_path, **env)
    assert done.returncode == 1
    assert missing in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "alertmanager.yml").exists()
