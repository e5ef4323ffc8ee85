"""pymongo's errors in the pipeline's own terms: worth another try, or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError, InvalidDocument
from pymongo import MongoClient
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

from retail_pipeline.adapters.mongo.client import sign_in_again
from retail_pipeline.errors import AccessError, PermanentError, RetailError, TransientError

# Elections, shutdowns, interrupted operations, a full cache and a full disk (mongod's
# error_codes.yml).
TRANSIENT_CODES = frozenset(
    {6, 7, 24, 43, 46, 50, 64, 89, 91, 112, 175, 189, 202, 237, 262, 365}
    | {9001, 10107, 11600, 11601, 11602, 13435, 13436, 14031}
)
DUPLICATE_KEY = 11000
_BAD_VALUE = 2
_NO_INDEX = "an index is missing, run `retail setup`"
_RIGHTS = {
    13: "the user lacks the rights",
    18: "user name or password is wrong, or the address's authSource is not the database that holds"
    " the user (?authSource=retail_db)",
}
TOO_LARGE = "it needs a document larger than 16 MB, the most that MongoDB allows"
TOO_MUCH_MEMORY = "it needs more memory than MongoDB allows one aggregation"
# BSONObjectTooLarge, the sizes of what is inserted and updated, a text by itself; and the memory
# of an accumulator and of a stage that may not use the disk.
_LIMITS = {
    **dict.fromkeys((10334, 17419, 17420, 16493, 16819), TOO_LARGE),
    **dict.fromkeys((146, 292), TOO_MUCH_MEMORY),
}


def address(client: MongoClient[Any]) -> str:
    """Return the servers' addresses as the client was given them, without a password."""
    hosts = client.topology_description.server_descriptions()
    return ", ".join(sorted(f"{host}:{port}" for host, port in hosts)) or "?"


@contextmanager
def translated(client: MongoClient[Any]) -> Iterator[None]:
    """Raise TransientError or PermanentError, with the address, for pymongo's own errors."""
    try:
        yield
    except (ConnectionFailure, ExecutionTimeout, WaitQueueTimeoutError, WTimeoutError) as error:
        raise TransientError(f"MongoDB at {address(client)} is away: {_words(error)}") from error
    except BulkWriteError as error:
        raise _bulk_error(f"MongoDB at {address(client)}", dict(error.details)) from error
    except OperationFailure as error:
        where = f"MongoDB at {address(client)}"
        if error.code in TRANSIENT_CODES:
            raise TransientError(f"{where} can't serve now: {_words(error)}") from error
        if error.code in _RIGHTS:
            sign_in_again(client)
            raise AccessError(f"{where}: {_RIGHTS[error.code]}: {_words(error)}") from error
        why = limit_met(error) or (_NO_INDEX if _lacks_index(error) else "it refused")
        raise PermanentError(f"{where}: {why}: {_words(error)}") from error
    except ConfigurationError as error:
        raise PermanentError(f"MongoDB's address can't be used: {error}") from error
    except (PyMongoError, BSONError) as error:
        why = limit_met(error) or str(error)
        raise PermanentError(f"MongoDB at {address(client)}: {why}") from error


def limit_met(error: BaseException) -> str | None:
    """Return which of MongoDB's limits an error of the driver is about, in words; None if none."""
    codes: list[int | None] = []
    if isinstance(error, InvalidDocument) and "too large" in str(error):
        return TOO_LARGE
    if isinstance(error, BulkWriteError):
        codes = [failure["code"] for failure in error.details.get("writeErrors", ())]
    elif isinstance(error, OperationFailure):
        codes = [error.code]
    return next((_LIMITS[code] for code in codes if code in _LIMITS), None)


def _lacks_index(error: OperationFailure) -> bool:
    """Return whether a read asked for an index by its name, and there is none: not made yet."""
    return error.code == _BAD_VALUE and "hint" in str(error)


def _bulk_error(where: str, details: Mapping[str, Any]) -> RetailError:
    """Return the error for a bulk of upserts: each of them may have failed in a way of its own."""
    # Of two upserts of one document at once, the one that comes second finds it at its next try.
    passing = TRANSIENT_CODES | {DUPLICATE_KEY}
    for failure in details.get("writeErrors", ()):
        if failure["code"] not in passing:
            return PermanentError(f"{where} refused a write: {failure['errmsg']}")
    failures = [*details.get("writeErrors", ()), *details.get("writeConcernErrors", ())]
    return TransientError(f"{where} can't write now: {failures[0]['errmsg']}")


def _words(error: Exception) -> str:
    """Return the first sentence of an error: what follows is for the driver's developers."""
    text = str(error)
    for rest in (", full error", ", Topology Description", ", Timeout:", " (configured timeouts"):
        text = text.partition(rest)[0]
    return text
