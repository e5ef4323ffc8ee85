"""Asks ZooKeeper by its four-letter words, as far as the server permits them."""

from __future__ import annotations

import socket

from retail_pipeline.errors import PermanentError, SettingsError, TransientError

_MODE = "Mode: "


def ask_zookeeper(address: str, word: str, timeout_s: float = 3.0) -> str:
    """Send a four-letter word to ``address`` (host:port), and return the answer.

    Raises:
        SettingsError: ``address`` has another form.
        TransientError: there is no answer within ``timeout_s`` seconds.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsError(f"ZooKeeper's address {address!r} doesn't have the form host:port")
    try:
        with socket.create_connection((host, int(port)), timeout=timeout_s) as connection:
            connection.sendall(word.encode())
            with connection.makefile("rb") as answer:
                return answer.read().decode(errors="replace")
    except OSError as error:
        raise TransientError(f"ZooKeeper at {address} does not answer: {error}") from error


def zookeeper_mode(address: str) -> str:
    """Return the mode in which ZooKeeper serves clients: standalone, leader, follower, observer.

    Raises:
        SettingsError, TransientError: as :func:`ask_zookeeper` does.
        PermanentError: it answers, but serves no client.
    """
    answer = ask_zookeeper(address, "srvr")
    for line in answer.splitlines():
        if line.startswith(_MODE):
            return line.removeprefix(_MODE)
    words = " ".join(answer.split())[:200] or "an empty answer"
    raise PermanentError(f"ZooKeeper at {address} serves no client: {words}")
