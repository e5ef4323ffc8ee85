"""``retail alert`` as a program without servers, and a whole outage with real receivers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from retail_pipeline.adapters.notifications import Messenger, targets
from retail_pipeline.bootstrap import alert_rules
from retail_pipeline.cli.alert import AlertRun
from retail_pipeline.cli.app import app
from retail_pipeline.errors import UsageError
from retail_pipeline.operations.alert_message import Message
from retail_pipeline.operations.alert_states import AlertStates
from retail_pipeline.operations.alerts import CONDITIONS
from retail_pipeline.operations.observation import Observation
from retail_pipeline.operations.observer import Observer
from tests.receivers import PASSWORD, slack_listener, smtp_server, wait_for, without_throttle
from tests.unit.operations.test_samples import observation, partition

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which no server answers."""
    return {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "MONGO_URI": "mongodb://127.0.0.1:1",
        "STATE_DIR": str(tmp_path),
    }


def command(*options: str) -> list[str]:
    return [sys.executable, "-c", "from retail_pipeline.cli.app import main; main()", *options]


def alert(
    environment: dict[str, str], cwd: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command("alert", *options),
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_a_url_that_can_t_be_used_ends_it_before_anything_is_read(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment["ALERT_URLS"] = "slack://Sentinel"
    done = alert(environment, tmp_path, "--to", "json://127.0.0.1:1")
    assert done.returncode == 2 and done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("retail: URL 2 of the alerts, which begins with slack://, can't be used")
    assert "Sentinel" not in line


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "no address to send to: give --to URL, set ALERT_URLS, or use --dry-run"),
        (("--dry-run", "--exclude", "Retail"), "there is no alert Retail: `retail alert --list`"),
    ],
)
def test_wrong_use_is_explained_in_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: tuple[str, ...], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    done = CliRunner().invoke(app, ["alert", *options])
    assert isinstance(done.exception, UsageError)
    assert str(done.exception).startswith(expected)


def test_the_list_says_of_each_alert_when_it_fires_or_why_it_needs_prometheus() -> None:
    done = CliRunner().invoke(app, ["alert", "--list"])
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert list(lines) == [rule.alert for rule in alert_rules()]
    assert lines["RetailFallingBehind"].split()[1:] == ["warning", "after", "5m"]
    assert "needs Prometheus: " in lines["RetailWatchdog"]


def test_once_mails_what_is_wrong_now_and_shows_no_secret(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with smtp_server() as mailbox:
        environment |= {"ALERT_URLS": mailbox.url, "LOG_LEVEL": "DEBUG"}
        done = alert(environment, tmp_path, "--once", "--exclude", "RetailDiskLow")
    assert done.returncode == 1
    [(subject, text)] = mailbox.texts()
    assert subject == (
        "Retail Pipeline (development): 2 firing: RetailKafkaUnreadable, RetailMongoUnreadable"
    )
    assert "FIRING: RetailKafkaUnreadable (critical)" in text
    for secret in (PASSWORD, PASSWORD.replace("/", "%2F")):
        assert secret not in done.stdout + done.stderr + text


def test_sigterm_ends_it_with_status_0(environment: dict[str, str], tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("alert", "--dry-run"),
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr
        assert "alerts, every 5 s; messages go to standard output" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stderr.read().endswith("SIGTERM: stopping\n")


def healthy(at: datetime) -> Observation:
    """Return what is observed of a pipeline that has stored everything."""
    seen = observation(at=at)
    assert seen.group and seen.database and seen.host and seen.reconciliation
    done = partition(0, committed=10, waiting_since=None)
    return msgspec.structs.replace(
        seen,
        group=msgspec.structs.replace(seen.group, partitions=(done,)),
        database=msgspec.structs.replace(seen.database, last_stored_at=at),
        host=msgspec.structs.replace(seen.host, disk_free=10**11),
        reconciliation=msgspec.structs.replace(seen.reconciliation, at=at),
    )


class FakeObserver(Observer):
    """Gives the observations of an incident, 5 seconds apart."""

    def __init__(self) -> None:
        super().__init__({})
        self._second = 0
        self.mongo_is_away = False

    def observe(self) -> Observation:
        at = START + timedelta(seconds=self._second)
        self._second += 5
        seen = healthy(at)
        if not self.mongo_is_away:
            return seen
        nothing: dict[str, Any] = dict.fromkeys(
            ("database", "processors", "dirty_days", "reconciliation", "sources")
        )
        away = dict.fromkeys(nothing, "no answer at 127.0.0.1:27017")
        return msgspec.structs.replace(seen, problems=away, **nothing)


def sending(observer: Observer, senders: Sequence[Messenger], repeat_s: float) -> AlertRun:
    """Return a run of every alert."""

    def send(text: Message) -> None:
        for sender in senders:
            sender.send(text)

    rules = [rule for rule in alert_rules() if rule.alert in CONDITIONS]
    states = AlertStates(rules, timedelta(seconds=repeat_s))
    return AlertRun(observer, Event(), 5, states, send, environment="staging")


def test_an_outage_is_one_message_repeated_and_over_by_mail_and_in_slack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_throttle(monkeypatch)
    with smtp_server() as mailbox, slack_listener(monkeypatch) as listener:
        senders = [Messenger(target) for target in targets([mailbox.url, listener.url])]
        observer = FakeObserver()
        run = sending(observer, senders, repeat_s=600)

        def minutes(count: int) -> None:
            for _ in range(count * 12):
                run.evaluate()

        minutes(60)
        assert not mailbox.mails
        observer.mongo_is_away = True
        minutes(11)
        observer.mongo_is_away = False
        minutes(60)
        assert all(sender.close(30) for sender in senders)
    assert [subject for subject, _ in mailbox.texts()] == [
        "Retail Pipeline (staging): 1 firing: RetailMongoUnreadable",
        "Retail Pipeline (staging): 1 firing: RetailMongoUnreadable",
        "Retail Pipeline (staging): 1 resolved: RetailMongoUnreadable",
    ]
    begins = [text.split(" (")[0] for _, text in mailbox.texts()]
    assert begins == [
        "FIRING: RetailMongoUnreadable",
        "STILL FIRING: RetailMongoUnreadable",
        "RESOLVED: RetailMongoUnreadable",
    ]
    # The condition holds from 13:00:00 to 13:11:00; it takes 15 s to fire and 30 s to resolve.
    assert "over at 2026-01-01 13:11:30 UTC" in mailbox.texts()[2][1]
    sent = [(title, text.splitlines()) for title, text in mailbox.texts()]
    assert [(title, text.splitlines()) for title, text in listener.texts()] == sent


def test_a_target_that_never_answers_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    without_throttle(monkeypatch)
    with smtp_server() as mailbox:
        senders = [Messenger(target) for target in targets(["json://127.0.0.1:1", mailbox.url])]
        observer = FakeObserver()
        observer.mongo_is_away = True
        run = sending(observer, senders, repeat_s=5)
        for _ in range(20):
            run.evaluate()
        wait_for(lambda: len(mailbox.mails) == 17)
        dead, alive = senders
        assert not dead.close(0.1) and alive.close(30)


@pytest.mark.parametrize("library", ["apprise", "cryptography.x509", "pandas"])
def test_a_library_is_imported_only_by_what_needs_it(library: str) -> None:
    modules = "retail_pipeline.cli.app, retail_pipeline.bootstrap"
    program = f"import sys, {modules}; print({library!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
