"""The monitoring of the local stack: what is started, and how it is configured."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from retail_devstack import child, monitoring
from retail_devstack.child import TARGET_FILE
from retail_devstack.environment import metrics_env
from retail_devstack.home import Home
from retail_devstack.processes import Process
from retail_devstack.stack import Stack
from retail_pipeline.errors import UsageError


@pytest.fixture
def printed() -> list[str]:
    return []


@pytest.fixture
def stack(tmp_path: Path, printed: list[str]) -> Stack:
    home = Home(tmp_path / "home", tmp_path / "cache")
    home.create()
    return Stack(home, printed.append)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(folder: Path, name: str) -> None:
    (folder / name).touch(0o755)


def targets(config: dict[str, Any]) -> dict[str, Any]:
    jobs = [each for each in config["scrape_configs"] if "static_configs" in each]
    return {each["job_name"]: each["static_configs"][0]["targets"] for each in jobs}


def test_without_any_server_the_packages_are_named(stack: Stack, programs: Path) -> None:
    with pytest.raises(UsageError, match=r"Debian: prometheus\).*Debian: prometheus-alertmanager"):
        monitoring.find_programs(stack)


def test_a_missing_server_is_named_with_what_is_left_out(
    stack: Stack, programs: Path, printed: list[str]
) -> None:
    install(programs, "prometheus-alertmanager")
    found = monitoring.find_programs(stack)
    assert found == {"alertmanager": str(programs / "prometheus-alertmanager")}
    assert len(printed) == 1 and printed[0].startswith(
        "Prometheus is not on PATH, so that nothing is"
    )


def test_prometheus_asks_what_runs_where_it_serves_metrics(stack: Stack) -> None:
    monitoring.choose_ports(stack, True)
    config = monitoring.scraping(stack, alerting=False)
    assert set(targets(config)) == {"retail-exporter", "retail-processor"}
    assert "alerting" not in config
    port = metrics_env(stack, "processor")["METRICS_PORT"]
    assert targets(config)["retail-processor"] == [f"127.0.0.1:{port}"]
    stack.state.processes["dashboard"] = Process(0, 0.0)
    assert "retail-dashboard" in targets(monitoring.scraping(stack, alerting=True))
    assert "alerting" in monitoring.scraping(stack, alerting=True)


def test_without_monitoring_a_service_serves_metrics_only_if_it_is_set(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitoring.choose_ports(stack, True)
    assert metrics_env(stack, "producer")[TARGET_FILE]
    monitoring.choose_ports(stack, False)
    assert metrics_env(stack, "producer") == {}
    monkeypatch.setenv("METRICS_PORT", "9464")
    assert metrics_env(stack, "producer") == {"METRICS_PORT": "9466"}


def test_the_routes_follow_the_settings_of_env_file_and_shell(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("ALERT_EMAIL_TO=a@example.com\n", "utf-8")
    with pytest.raises(UsageError, match="ALERT_SMTP_SERVER"):
        monitoring.write_routes(stack)
    monkeypatch.setenv("ALERT_SMTP_SERVER", "mail.example.com:587")
    monitoring.write_routes(stack)
    text = stack.home.config("alertmanager/alertmanager.yml").read_text("utf-8")
    assert "a@example.com" in text and "mail.example.com:587" in text
    assert not printed


@pytest.mark.parametrize("status", [0, 1])
def test_a_producer_that_has_sent_everything_is_no_target(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "producer.json"
    target.write_text(json.dumps([]), "utf-8")
    monkeypatch.setenv(TARGET_FILE, str(target))
    monkeypatch.setattr(sys, "argv", [])

    def ended(*_: object, **__: object) -> None:
        raise SystemExit(status)

    monkeypatch.setattr("runpy.run_module", ended)
    assert child.run(tmp_path / "producer.exit", ["produce"]) == status
    assert target.exists() == bool(status)
