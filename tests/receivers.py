"""Real receivers of messages on this machine: an SMTP server, and a listener in Slack's form."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from apprise.plugins.base import NotifyBase
from apprise.plugins.slack import NotifySlack

from retail_devstack.ports import pick

USER, PASSWORD = "retail", "mail-Sentinel/5"
TOKEN = "TSENTINEL1/BSENTINEL2/SentinelSentinelSentinel"
_LONGEST_S = 30.0


def wait_for(ready: Callable[[], bool]) -> None:
    """Wait until ``ready`` returns true."""
    end = time.monotonic() + _LONGEST_S
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


class Mailbox:
    """What an SMTP server accepted; it refuses the first ``refuse`` messages."""

    def __init__(self, refuse: int = 0) -> None:
        self.mails: list[EmailMessage] = []
        self.refused = 0
        self._refuse = refuse
        self.port = pick(None)

    @property
    def url(self) -> str:
        """The address for apprise, with a password."""
        return (
            f"mailto://{USER}:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{self.port}"
            "?from=retail@example.com&to=ops@example.com&mode=insecure"
        )

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a message; aiosmtpd's name."""
        if self.refused < self._refuse:
            self.refused += 1
            return "451 try again later"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"

    def texts(self) -> list[tuple[str, str]]:
        """Return each message's subject and text."""
        found = []
        for mail in self.mails:
            body = mail.get_body(("plain",)) or mail
            assert isinstance(body, EmailMessage)
            found.append((str(mail["subject"]), body.get_content()))
        return found


def _sign_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> Any:
    right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


def without_throttle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let apprise send at once; it waits for seconds between two messages to one target."""
    for kind in (NotifyBase, NotifySlack):
        monkeypatch.setattr(kind, "request_rate_per_sec", 0)


@contextmanager
def smtp_server(refuse: int = 0) -> Iterator[Mailbox]:
    """Run an SMTP server that accepts only its user."""
    mailbox = Mailbox(refuse)
    server = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=mailbox.port,
        authenticator=_sign_in,
        auth_required=True,
        auth_require_tls=False,
        # It asks for the user in other words than Alertmanager expects.
        auth_exclude_mechanism=["LOGIN"],
    )
    server.start()
    try:
        yield mailbox
    finally:
        server.stop()


class SlackListener(ThreadingHTTPServer):
    """What was posted to a webhook in Slack's form; the first ``refuse`` posts get a status 500."""

    def __init__(self, refuse: int) -> None:
        super().__init__(("127.0.0.1", 0), _Webhook)
        self.posts: list[tuple[str, dict[str, Any]]] = []
        self.refused = 0
        self.refuse = refuse

    @property
    def url(self) -> str:
        """The address for apprise, with a token."""
        return f"slack://{TOKEN}"

    def texts(self) -> list[tuple[str, str]]:
        """Return each message's title and text."""
        attachments = [post["attachments"][0] for _, post in self.posts]
        return [(each["title"], each["text"]) for each in attachments]


class _Webhook(BaseHTTPRequestHandler):
    server: SlackListener

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        accepted = self.server.refused >= self.server.refuse
        if accepted:
            self.server.posts.append((self.path, body))
        else:
            self.server.refused += 1
        answer = b"ok" if accepted else b"error"
        self.send_response(200 if accepted else 500)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def slack_listener(monkeypatch: pytest.MonkeyPatch, refuse: int = 0) -> Iterator[SlackListener]:
    """Run a listener in the form of Slack's webhooks, in place of Slack."""
    with SlackListener(refuse) as listener:
        address = f"http://127.0.0.1:{listener.server_port}/services"
        monkeypatch.setattr(NotifySlack, "webhook_url", address)
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listener
        finally:
            listener.shutdown()
            thread.join()
