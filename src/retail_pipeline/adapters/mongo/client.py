"""One way to reach MongoDB: durable writes, short waits, UTC dates."""

from __future__ import annotations

from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConfigurationError

from retail_pipeline.errors import SettingsError

Document = dict[str, Any]


def connect(uri: str, *, name: str, timeout_ms: int = 5_000) -> MongoClient[Document]:
    """Return a client for ``uri`` whose writes are acknowledged once they are journaled.

    It connects lazily: a server that is away shows at the first call, after ``timeout_ms``
    milliseconds. ``name`` is what the server's own log calls this client.

    ``retryWrites`` is off: the flows retry by themselves, and a server that is no replica set
    refuses the driver's retryable writes for good.

    Raises:
        SettingsError: ``uri`` is no address of MongoDB, or names a user without a password.
    """
    try:
        return MongoClient(
            uri,
            appname=name,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            tz_aware=True,
            w=1,
            journal=True,
            retryWrites=False,
        )
    except (ConfigurationError, ValueError, OSError) as error:
        # Safe to show: the settings refuse an address whose error could quote part of a password.
        raise SettingsError(
            f"MongoDB's address (MONGO_URI or a role's own; its password) can't be used: {error}"
        ) from error


def sign_in_again(client: MongoClient[Any]) -> None:
    """Let the next call use a new connection, which signs in.

    MongoDB signs a user out who is dropped, on all connections and for good, also if the same user
    is created again. pymongo keeps such connections, and has no public way to close them.
    """
    for server in client._topology._servers.values():
        server.pool.reset_without_pause()
