"""Idempotent inserts: what is there already is left as it is, and is no error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import (
    DUPLICATE_KEY,
    TRANSIENT_CODES,
    address,
    translated,
)
from retail_pipeline.errors import PermanentError, TransientError

_FAILED_VALIDATION = 121


def insert_new(
    client: MongoClient[Document], collection: Collection[Document], documents: Sequence[Document]
) -> list[tuple[int, str]]:
    """Insert those of ``documents`` that are not there; return what the validator refused.

    It is told by its place in ``documents``, and by the fields at fault.

    Raises:
        TransientError: the server is away, or has not journaled them in time.
        PermanentError: it refuses for good.
    """
    if not documents:
        return []
    with translated(client):
        try:
            collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return _sort_errors(f"MongoDB at {address(client)}", dict(error.details))
    return []


def _sort_errors(where: str, details: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Tell duplicates, which are welcome, from refused documents and from real failures."""
    if details.get("writeConcernErrors"):
        raise TransientError(f"{where} did not journal: {details['writeConcernErrors'][0]}")
    refused = []
    for error in details["writeErrors"]:
        if error["code"] == _FAILED_VALIDATION:
            refused.append((error["index"], _why_refused(error)))
        elif error["code"] in TRANSIENT_CODES:
            raise TransientError(f"{where} can't write now: {error['errmsg']}")
        elif error["code"] != DUPLICATE_KEY:
            raise PermanentError(f"{where} refused a write: {error['errmsg']}")
    return refused


def _why_refused(error: dict[str, Any]) -> str:
    rules = error.get("errInfo", {}).get("details", {}).get("schemaRulesNotSatisfied", [])
    fields = [
        str(item.get("propertyName"))
        for rule in rules
        for item in rule.get("propertiesNotSatisfied", [])
    ]
    return f"MongoDB's validator refused {', '.join(fields) or 'the document'}"
