"""Sends messages by the library apprise, to what its URLs name: e-mail, Slack and many others.

A URL has a password or a token. No text of this module and no line of the log shows any part of it
but its scheme; apprise's own log is not shown at all.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from queue import Empty, Full, Queue
from threading import Event, Thread
from urllib.parse import unquote

import apprise
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_when_event_set,
    wait_random_exponential,
)

from retail_pipeline.errors import TransientError, UsageError
from retail_pipeline.operations.alert_message import Message

log = logging.getLogger(__name__)
_LONGEST_WAIT_S = 60
# A message that can't be delivered for longer is given up, so that later ones are tried.
_GIVE_UP_AFTER_S = 3_600
# While a target does not answer, so many messages are kept; of more, the oldest are dropped.
_MOST_WAITING = 100


class Target:
    """One URL; ``name`` is what the log calls it."""

    def __init__(self, number: int, url: str) -> None:
        """Raises UsageError if apprise can't use the URL, the ``number``-th."""
        scheme = match[0] if (match := re.match(r"[a-z0-9]+(?=://)", url)) else None
        self.name = f"target {number} ({scheme})"
        self._url = url
        asset = apprise.AppriseAsset(app_id="Retail Pipeline", async_mode=False)
        self._apprise = apprise.Apprise(asset=asset)
        if not scheme:
            raise UsageError(
                f"URL {number} of the alerts is no URL such as mailto://user:password@host"
            )
        with apprise.LogCapture(  # type: ignore[no-untyped-call]  # theirs has no types
            level=logging.WARNING, fmt="%(message)s"
        ) as logged:
            if not self._apprise.add(url):
                reason = self._redacted(logged.getvalue().partition("\n")[0])
                raise UsageError(
                    f"URL {number} of the alerts, which begins with {scheme}://, can't be used"
                    f"{': ' if reason else ''}{reason}"
                )

    def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            TransientError: it was not accepted.
        """
        sent = self._apprise.notify(
            title=message.title,
            body=message.body,
            notify_type=apprise.NotifyType(message.kind),
            body_format=apprise.NotifyFormat.TEXT,
            log_level=logging.WARNING,
        )
        with sent:
            if not sent:
                reasons = [self._redacted(entry.message) for entry in sent.logs()]
                reason = reasons[0] if reasons else "it was not accepted"
                raise TransientError(f"{self.name}: {reason}")

    def _redacted(self, text: str) -> str:
        """Return a text without any part of the URL."""
        parts = {part for url in (self._url, unquote(self._url)) for part in _parts(url)}
        for part in sorted(parts, key=len, reverse=True):
            text = re.sub(re.escape(part), "[...]", text, flags=re.IGNORECASE)
        return text


def _parts(url: str) -> list[str]:
    """Return the parts of a URL, but not its scheme and the names of its options."""
    parts = re.split(r"[?&][a-z]+=|[/:@?&=,]", url.partition("://")[2])
    return [part for part in parts if len(part) > 2]


class Messenger:
    """Delivers messages to one target in their order, in a thread: a slow target delays nobody."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._waiting: Queue[Message | None] = Queue(_MOST_WAITING)
        self._stop = Event()
        self.failed = 0
        self._thread = Thread(target=self._run, name=f"alerts to {target.name}", daemon=True)
        self._thread.start()

    def __str__(self) -> str:
        return self._target.name

    def send(self, message: Message | None) -> None:
        """Deliver a message later; the thread ends after None."""
        while True:
            try:
                return self._waiting.put_nowait(message)
            except Full:
                self._drop_oldest()

    def close(self, within_s: float) -> bool:
        """Deliver what waits, for this time at most (s); return whether every message arrived."""
        self.send(None)
        self._thread.join(within_s)
        self._stop.set()
        if self._thread.is_alive():
            self.failed += 1
            log.error("%s: not every message was delivered before the end", self._target.name)
        return not self.failed

    def _drop_oldest(self) -> None:
        try:
            self._waiting.get_nowait()
        except Empty:
            return
        self.failed += 1
        log.error("%s: too many messages wait; the oldest is dropped", self._target.name)

    def _run(self) -> None:
        while (message := self._waiting.get()) is not None and not self._stop.is_set():
            try:
                tries = self._retrying()
                tries(self._target.send, message)
                if tries.statistics["attempt_number"] > 1:
                    log.info("%s: messages arrive again", self._target.name)
            except TransientError as error:
                self.failed += 1
                log.error("%s; the message is given up: %s", error, message.title)

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(TransientError),
            wait=wait_random_exponential(multiplier=1, max=_LONGEST_WAIT_S),
            stop=stop_when_event_set(self._stop) | stop_after_delay(_GIVE_UP_AFTER_S),
            sleep=sleep_using_event(self._stop),
            before_sleep=_log_first_failure,
            reraise=True,
        )


def _log_first_failure(state: RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome:
        log.warning("%s; it is tried again", state.outcome.exception())


def targets(urls: Sequence[str]) -> list[Target]:
    """Return the targets that apprise's URLs name.

    Raises:
        UsageError: apprise can't use one of them; the text has its number and no secret.
    """
    # These libraries log whole addresses, with tokens.
    for library in ("apprise", "urllib3", "requests"):
        logger = logging.getLogger(library)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
    return [Target(number, url) for number, url in enumerate(urls, 1)]
