"""Messages reach a real SMTP server and a real listener in Slack's form; no URL is ever shown."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from io import StringIO

import pytest
from tenacity import wait_none

from retail_pipeline.adapters import notifications
from retail_pipeline.adapters.notifications import Messenger, targets
from retail_pipeline.errors import TransientError, UsageError
from retail_pipeline.operations.alert_message import Message
from tests.receivers import PASSWORD, TOKEN, slack_listener, smtp_server, wait_for, without_throttle

TEXT = Message(
    "1 firing: RetailStalled", "Records wait.\nActions: read the `log`; £5 <b>", "failure"
)


def messages(count: int) -> list[Message]:
    return [Message(f"message {number}", "text", "warning") for number in range(count)]


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again without a wait."""
    without_throttle(monkeypatch)
    monkeypatch.setattr(notifications, "wait_random_exponential", lambda **_: wait_none())


@pytest.fixture
def shown() -> Iterator[StringIO]:
    """What a log at the level DEBUG shows."""
    text = StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.setLevel(before)
    root.removeHandler(handler)


def lines(shown: StringIO) -> list[str]:
    """Return the lines of the log about targets."""
    return [line for line in shown.getvalue().splitlines() if line.startswith("target ")]


def assert_no_secret(text: str) -> None:
    for secret in (PASSWORD, PASSWORD.replace("/", "%2F"), "SENTINEL", "Sentinel"):
        assert secret not in text


def test_a_mail_has_title_and_text(shown: StringIO) -> None:
    with smtp_server() as mailbox:
        [target] = targets([mailbox.url])
        target.send(TEXT)
    [(subject, text)] = mailbox.texts()
    assert (subject, text.splitlines()) == (TEXT.title, TEXT.body.splitlines())
    assert mailbox.mails[0]["to"] == "ops@example.com"
    assert_no_secret(shown.getvalue())


def test_slack_gets_title_and_text(monkeypatch: pytest.MonkeyPatch, shown: StringIO) -> None:
    with slack_listener(monkeypatch) as listener:
        [target] = targets([listener.url])
        target.send(TEXT)
    [(path, post)] = listener.posts
    assert path == f"/services/{TOKEN}"
    # Slack wants these two characters so.
    body = TEXT.body.replace("<", "&lt;").replace(">", "&gt;")
    assert listener.texts() == [(TEXT.title, body)]
    assert post["attachments"][0]["color"] == "#A32037"
    assert_no_secret(shown.getvalue())


def test_a_message_that_is_refused_is_tried_again_and_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, shown: StringIO
) -> None:
    with smtp_server(refuse=3) as mailbox, slack_listener(monkeypatch, refuse=3) as listener:
        senders = [Messenger(target) for target in targets([mailbox.url, listener.url])]
        for text in messages(2):
            for sender in senders:
                sender.send(text)
        assert [sender.close(30) for sender in senders] == [True, True]
    for texts in (mailbox.texts(), listener.texts()):
        assert [title for title, _ in texts] == ["message 0", "message 1"]
    assert mailbox.refused == listener.refused == 3
    for name in ("target 1 (mailto)", "target 2 (slack)"):
        of_target = [line for line in lines(shown) if line.startswith(name)]
        assert len(of_target) == 2, lines(shown)
        assert of_target[0].endswith("; it is tried again")
        assert of_target[1] == f"{name}: messages arrive again"
    assert_no_secret(shown.getvalue())


def test_a_wrong_password_is_an_error_without_it(shown: StringIO) -> None:
    with smtp_server() as mailbox:
        [target] = targets([mailbox.url.replace("Sentinel", "WrongSentinel")])
        with pytest.raises(TransientError, match=r"^target 1 \(mailto\): ") as error:
            target.send(TEXT)
    assert "Sentinel" not in str(error.value) and not mailbox.mails
    assert_no_secret(shown.getvalue())


def test_an_error_names_no_part_of_a_url() -> None:
    [target] = targets(["json://sentinel.localhost:1/hooks/path-Sentinel?key=SENTINEL"])
    with pytest.raises(TransientError) as error:
        target.send(TEXT)
    assert str(error.value) == (
        "target 1 (json): A Connection error occurred sending JSON notification to [...]."
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ops@example.com", "URL 2 of the alerts is no URL"),
        ("slackk://Sentinel/b/c", "URL 2 of the alerts, which begins with slackk://"),
        (
            "slack://Sentinel",
            "URL 2 of the alerts, which begins with slack://, can't be used:"
            " An invalid Slack (second) Token (None) was specified.",
        ),
        (
            "mailto://u:p@127.0.0.1?from=Sentinel&to=ops@example.com",
            "URL 2 of the alerts, which begins with mailto://, can't be used:"
            " Invalid ~From~ email specified: [...]",
        ),
    ],
)
def test_a_url_that_can_t_be_used_is_named_by_its_number(
    url: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError) as error:
        targets(["json://127.0.0.1:1", url])
    assert str(error.value).startswith(expected) and "Sentinel" not in str(error.value)
    assert capsys.readouterr() == ("", "")


def test_a_target_that_hangs_delays_nobody_and_drops_only_the_oldest_messages(
    monkeypatch: pytest.MonkeyPatch, shown: StringIO
) -> None:
    monkeypatch.setattr(notifications, "_MOST_WAITING", 3)
    asked, answers = threading.Event(), threading.Event()
    sent: list[str] = []

    def hang(text: Message) -> None:
        asked.set()
        assert answers.wait(30)
        sent.append(text.title)

    [target] = targets(["json://127.0.0.1:1"])
    monkeypatch.setattr(target, "send", hang)
    sender = Messenger(target)
    first, *others = messages(6)
    sender.send(first)
    assert asked.wait(30)
    for text in others:
        sender.send(text)
    answers.set()
    wait_for(lambda: len(sent) == 4)
    assert sent == ["message 0", "message 3", "message 4", "message 5"]
    assert not sender.close(30)
    assert lines(shown) == ["target 1 (json): too many messages wait; the oldest is dropped"] * 2


def test_the_end_waits_for_a_message_only_for_the_given_time(
    shown: StringIO,
) -> None:
    [target] = targets(["json://127.0.0.1:1"])
    sender = Messenger(target)
    sender.send(TEXT)
    assert not sender.close(0.2)
    assert "target 1 (json): not every message was delivered before the end" in lines(shown)


def test_a_message_is_given_up_in_the_end_and_the_next_one_is_delivered(
    monkeypatch: pytest.MonkeyPatch, shown: StringIO
) -> None:
    monkeypatch.setattr(notifications, "_GIVE_UP_AFTER_S", 0)
    with smtp_server(refuse=1) as mailbox:
        [target] = targets([mailbox.url])
        sender = Messenger(target)
        for text in messages(2):
            sender.send(text)
        assert not sender.close(30)
    assert [subject for subject, _ in mailbox.texts()] == ["message 1"]
    assert any(line.endswith("the message is given up: message 0") for line in lines(shown))
