"""The fault harness's proxy: what it passes on, and what it does to a line."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chaos.proxy import NetworkConditions, Proxy
from retail_devstack.ports import HOST, pick

LONGEST_S = 20


@contextmanager
def echo() -> Iterator[int]:
    """Run a server that sends back what it gets; yield its port."""
    with socket.create_server((HOST, 0)) as server:

        def serve(connection: socket.socket) -> None:
            with connection:
                while data := connection.recv(1024):
                    connection.sendall(data)

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


@pytest.fixture
def line() -> Iterator[tuple[Proxy, int]]:
    with echo() as target:
        port = pick(None)
        with Proxy(port, target) as proxy:
            yield proxy, port


def dial(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=LONGEST_S)


def ask(connection: socket.socket, words: bytes) -> bytes:
    connection.sendall(words)
    return connection.recv(1024)


def breaks(connection: socket.socket, words: bytes = b"") -> bool:
    """Tell whether the connection ends with no answer, be it with an error or a plain end."""
    try:
        connection.sendall(words)
        return connection.recv(1024) == b""
    except ConnectionError:
        return True


def test_what_is_sent_comes_back(line: tuple[Proxy, int]) -> None:
    with dial(line[1]) as one, dial(line[1]) as other:
        assert ask(one, b"hello") == b"hello"
        assert ask(other, b"you") == b"you"


def test_a_cut_breaks_old_and_new_connections_until_it_is_restored(line: tuple[Proxy, int]) -> None:
    proxy, port = line
    with dial(port) as old:
        assert ask(old, b"hello") == b"hello"
        proxy.cut()
        assert breaks(old)
    with dial(port) as new:
        assert breaks(new, b"hello")
    proxy.restore()
    with dial(port) as new:
        assert ask(new, b"hello") == b"hello"


def test_silence_lets_nothing_through_and_ends_with_a_broken_connection(
    line: tuple[Proxy, int],
) -> None:
    proxy, port = line
    with dial(port) as old:
        assert ask(old, b"hello") == b"hello"
        proxy.silence()
        old.settimeout(0.3)
        with pytest.raises(TimeoutError):
            ask(old, b"anybody?")
        old.settimeout(LONGEST_S)
        proxy.restore()
        assert breaks(old)
    with dial(port) as new:
        assert ask(new, b"hello") == b"hello"


def test_a_slow_line_delays_each_way(line: tuple[Proxy, int]) -> None:
    proxy, port = line
    proxy.slow(NetworkConditions(delay=0.2))
    with dial(port) as connection:
        began = time.monotonic()
        assert ask(connection, b"hello") == b"hello"
        assert time.monotonic() - began >= 0.4


def test_a_server_that_is_not_there_breaks_the_connection() -> None:
    port = pick(None)
    with Proxy(port, 1), dial(port) as connection:
        assert breaks(connection, b"hello")
