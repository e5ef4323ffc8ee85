"""Free ports of 127.0.0.1."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterable

from retail_pipeline.errors import PermanentError

HOST = "127.0.0.1"
# Below the ranges that systems use for outgoing connections, so that a port that is free now is
# still free a second later, and after a restart.
_CANDIDATES = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Return whether a server could listen on ``port`` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            # As servers do: connections in TIME_WAIT don't matter.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Return whether something listens on ``port``."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def pick(wanted: int | None, taken: Iterable[int] = ()) -> int:
    """Return ``wanted`` if it is free, else another free port that is not in ``taken``."""
    if wanted is not None and is_free(wanted):
        return wanted
    others = set(taken)
    for port in random.sample(_CANDIDATES, 500):
        if port not in others and is_free(port):
            return port
    raise PermanentError(f"no free port found on {HOST}")
