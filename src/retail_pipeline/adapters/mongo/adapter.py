"""What the adapters to one database share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import msgspec
import pymongo
from pymongo import MongoClient

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated

T = TypeVar("T")


@contextmanager
def within(client: MongoClient[Document], seconds: float) -> Iterator[None]:
    """Limit the time of all calls in the block together; raise the pipeline's own errors."""
    with translated(client), pymongo.timeout(seconds):
        yield


class MongoAdapter:
    """Reads and writes of one database.

    Each raises TransientError while MongoDB is away, and PermanentError when it refuses, as when
    the user lacks the rights.
    """

    def __init__(self, client: MongoClient[Document], database: str) -> None:
        self._client = client
        self._database = client[database]

    def _within(self, seconds: float) -> AbstractContextManager[None]:
        """Do what :func:`within` does, for this adapter's client."""
        return within(self._client, seconds)


def readable(document: Document, form: type[T]) -> T | None:
    """Return a document in its form; None if another release wrote one that is not readable."""
    try:
        return msgspec.convert(document, form)
    except msgspec.ValidationError:
        return None
