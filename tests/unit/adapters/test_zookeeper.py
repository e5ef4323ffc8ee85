"""ZooKeeper's mode, from a server that answers, refuses or hangs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from retail_pipeline.adapters.zookeeper import ask_zookeeper, zookeeper_mode
from retail_pipeline.errors import PermanentError, SettingsError, TransientError


@contextmanager
def answering(text: bytes | None) -> Iterator[str]:
    """Serve one answer to one client; None: accept no client."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.recv(4)
                client.sendall(text or b"")

        if text is not None:
            Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_the_mode_is_read_from_the_answer() -> None:
    with answering(b"Zookeeper version: 3.8\nMode: leader\nNode count: 5\n") as address:
        assert zookeeper_mode(address) == "leader"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"This ZooKeeper instance is not currently serving requests\n", "not currently serving"),
        (b"srvr is not executed because it is not in the whitelist.\n", "not in the whitelist"),
        (b"", "an empty answer"),
    ],
)
def test_a_server_that_serves_no_client_is_quoted(text: bytes, words: str) -> None:
    with answering(text) as address, pytest.raises(PermanentError, match=words):
        zookeeper_mode(address)


def test_a_server_that_hangs_is_not_waited_for() -> None:
    with answering(None) as address, pytest.raises(TransientError, match="timed out"):
        ask_zookeeper(address, "srvr", timeout_s=0.1)


@pytest.mark.parametrize("address", ["zookeeper", ":2181", "zookeeper:port"])
def test_an_address_of_another_form_is_named(address: str) -> None:
    with pytest.raises(SettingsError, match="host:port"):
        zookeeper_mode(address)
