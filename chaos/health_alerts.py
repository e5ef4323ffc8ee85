"""`retail alert` at work, and a listener on this machine that takes its messages."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from chaos.local_stack import LocalStack
from retail_pipeline.flows.waiting import wait_while

_EVENT = re.compile(r"^(FIRING|RESOLVED): (\w+)", re.MULTILINE)
_BETWEEN_READS_S = 0.2


class Event(NamedTuple):
    """An alert that began or ended, and when its message came (seconds since 1970)."""

    at: float
    kind: str
    alert: str


def events(message: str, at: float) -> list[Event]:
    """Return what a message of `retail alert` says began and ended."""
    return [Event(at, kind, alert) for kind, alert in _EVENT.findall(message)]


class Listener(ThreadingHTTPServer):
    """Takes the messages that apprise posts as JSON."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.events: list[Event] = []

    @property
    def url(self) -> str:
        """The address for apprise."""
        return f"json://127.0.0.1:{self.server_port}"


class _Post(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.events += events(body["message"], time.time())
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class AlertProcess:
    """What one `retail alert` sends; moments are in seconds since 1970, times in seconds."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def await_fired(self, alert: str, since: float, within_s: float) -> float | None:
        """Return how long after ``since`` an alert began; None if it takes ``within_s`` or more."""
        left = since + within_s - time.time()
        wait_while(
            lambda: self._first("FIRING", alert, since) is None, left, every_s=_BETWEEN_READS_S
        )
        first = self._first("FIRING", alert, since)
        return None if first is None else first - since

    def await_resolved(
        self, alert: str, since: float, repaired_at: float, within_s: float
    ) -> float | None:
        """Return how long after ``repaired_at`` an alert ended that began after ``since``."""
        left = repaired_at + within_s - time.time()
        wait_while(lambda: alert in self._on(), left, every_s=_BETWEEN_READS_S)
        if alert in self._on():
            return None
        ends = [each.at for each in self._since(since) if each[1:] == ("RESOLVED", alert)]
        # It may end before the repairing command does.
        return max(0.0, max(ends) - repaired_at)

    def await_silence(self, within_s: float) -> None:
        """Return when no alert fires, or after this time."""
        wait_while(lambda: bool(self._on()), within_s, every_s=_BETWEEN_READS_S)

    def fired_since(self, since: float) -> tuple[str, ...]:
        """Return the alerts that began since then, in their order."""
        found = [each.alert for each in self._since(since) if each.kind == "FIRING"]
        return tuple(dict.fromkeys(found))

    def _since(self, since: float) -> list[Event]:
        return [each for each in tuple(self._listener.events) if each.at >= since]

    def _first(self, kind: str, alert: str, since: float) -> float | None:
        return next((each.at for each in self._since(since) if each[1:] == (kind, alert)), None)

    def _on(self) -> set[str]:
        last = {each.alert: each.kind for each in tuple(self._listener.events)}
        return {alert for alert, kind in last.items() if kind == "FIRING"}


@contextmanager
def alert_process(local: LocalStack) -> Iterator[AlertProcess]:
    """Run `retail alert` beside the stack; stop it at the end."""
    with Listener() as listener:
        thread = threading.Thread(target=listener.serve_forever, name="listener", daemon=True)
        thread.start()
        try:
            with local.beside("alert", "--to", listener.url):
                yield AlertProcess(listener)
        finally:
            listener.shutdown()
            thread.join()
