"""MongoDB as the store: idempotent inserts, durable once acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from bson import Decimal128, ObjectId
from pymongo import MongoClient, UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from retail_pipeline.adapters.mongo.adapter import MongoAdapter
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import (
    DUPLICATE_KEY,
    TRANSIENT_CODES,
    address,
    translated,
)
from retail_pipeline.domain.collections import (
    DIRTY_BUCKETS,
    MANIFESTS,
    PROBES,
    PURGED,
    QUARANTINE,
    TRANSACTIONS,
)
from retail_pipeline.domain.fields import (
    AMOUNT,
    COUNTRY,
    CUSTOMER,
    DATE,
    DESCRIPTION,
    INVOICE,
    KIND,
    PRICE,
    PRODUCT,
    UNITS,
)
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.probe import ReceivedProbe
from retail_pipeline.domain.rejection import Rejection, Stage
from retail_pipeline.domain.transaction import Transaction, kind_of, total_amount
from retail_pipeline.domain.wire import Refusal
from retail_pipeline.errors import PermanentError, TransientError

_FAILED_VALIDATION = 121


class MongoStore(MongoAdapter):
    """The processor's writes; see :class:`retail_pipeline.flows.ports.Store`."""

    def insert(self, transactions: Sequence[Transaction]) -> list[Refusal]:
        """Insert, leave what is there already, and return what the validator refused."""
        documents = as_documents(transactions, datetime.now(UTC))
        refused = insert_new(self._client, self._database[TRANSACTIONS], documents)
        return [Refusal(transactions[index], detail) for index, detail in refused]

    def quarantine(self, rejections: Iterable[Rejection]) -> None:
        """Insert rejected rows under the identity that their source gives them."""
        now = datetime.now(UTC)
        documents = [_as_quarantined(rejection, now) for rejection in rejections]
        if not documents:
            return
        if refused := insert_new(self._client, self._database[QUARANTINE], documents):
            raise PermanentError(f"the quarantine refused a row: {refused[0][1]}")
        # Rows that are stored or purged are removed after the insert. Storing and purging write
        # first too, and then clean the quarantine: a row ends in one state in every order.
        rows = [str(document.get("claims", document["_id"])) for document in documents]
        with translated(self._client):
            transactions, purged = self._database[TRANSACTIONS], self._database[PURGED]
            settled = transactions.distinct("_id", {"_id": {"$in": rows}})
            for tombstone in purged.find(rows_filter(rows), {"claims": True}):
                settled.append(tombstone.get("claims", tombstone["_id"]))
            if settled:
                self._database[QUARANTINE].delete_many(rows_filter(settled))

    def release(self, rows: Iterable[str]) -> None:
        """Delete stored rows from the quarantine, and their tombstones."""
        wanted = rows_filter(list(rows))
        with translated(self._client):
            self._database[QUARANTINE].delete_many(wanted)
            self._database[PURGED].delete_many(wanted)

    def rejected_since(self, moment: datetime) -> int:
        """Count the rows that processors put into quarantine since ``moment``."""
        lately = {"stage": Stage.PROCESSOR.value, "quarantined_at": {"$gte": moment}}
        with translated(self._client):
            return self._database[QUARANTINE].count_documents(lately)

    def record(self, manifests: Iterable[Manifest]) -> None:
        """Keep the most complete manifest of each source."""
        updates = [_manifest_update(manifest) for manifest in manifests]
        if updates:
            with translated(self._client):
                self._database[MANIFESTS].bulk_write(updates, ordered=True)

    def mark_dirty(self, days: Iterable[datetime]) -> None:
        """Mark days as dirty; a rebuild under way then sees that its day has changed."""
        with translated(self._client):
            mark_dirty(self._database, days)

    def keep_probes(self, probes: Sequence[ReceivedProbe]) -> None:
        """Insert probes; MongoDB deletes each an hour after it was stored."""
        now = datetime.now(UTC)
        documents: list[Document] = [
            {
                "_id": probe.id,
                "partition": probe.partition,
                "offset": probe.offset,
                "stored_at": now,
            }
            for probe in probes
        ]
        insert_new(self._client, self._database[PROBES], documents)


def rows_filter(rows: Sequence[str]) -> Document:
    """Return the filter of the documents that are these rows, or that claim to be."""
    return {"$or": [{"_id": {"$in": rows}}, {"claims": {"$in": rows}}]}


def _as_quarantined(rejection: Rejection, now: datetime) -> Document:
    fields = msgspec.structs.asdict(rejection)
    if rejection.claims is None:
        del fields["claims"]  # few have one, and an index of those is small
    return {"_id": rejection.id, **fields, "quarantined_at": now}


def as_documents(transactions: Iterable[Transaction], stored_at: datetime) -> list[Document]:
    """Return the documents to insert: with amount, kind and the time of storing."""
    naive, stored = _Naive(), _Naive()(stored_at)
    ingested = _Naive()
    return [
        _as_document(item, naive(item.InvoiceDate), ingested(item.ingested_at), stored)
        for item in transactions
    ]


class _Naive:
    """Turns moments into UTC without a time zone, which the driver encodes much faster.

    It remembers the last one: an invoice's lines follow each other.
    """

    def __init__(self) -> None:
        self._moment: datetime | None = None
        self._naive = datetime.min

    def __call__(self, moment: datetime) -> datetime:
        if moment != self._moment:
            self._moment = moment
            self._naive = moment.astimezone(UTC).replace(tzinfo=None)
        return self._naive


def _as_document(
    transaction: Transaction, invoiced: datetime, ingested: datetime, stored: datetime
) -> Document:
    quantity, invoice = transaction.Quantity, transaction.InvoiceNo
    price, amount, total = _money(quantity, transaction.UnitPrice)
    return {
        "_id": transaction.id,
        INVOICE: invoice,
        PRODUCT: transaction.StockCode,
        DESCRIPTION: transaction.Description,
        UNITS: quantity,
        DATE: invoiced,
        PRICE: price,
        CUSTOMER: transaction.CustomerID,
        COUNTRY: transaction.Country,
        AMOUNT: total,
        KIND: kind_of(invoice, amount, quantity).value,
        "source": transaction.source,
        "row": transaction.row,
        "schema_version": transaction.schema_version,
        "ingested_at": ingested,
        "stored_at": stored,
    }


@lru_cache(maxsize=16_384)
def _money(quantity: int, unit_price: str) -> tuple[Decimal128, Decimal, Decimal128]:
    """Return the price as Decimal128, and the total as Decimal and as Decimal128; all exact."""
    amount = total_amount(quantity, unit_price)
    return Decimal128(unit_price), amount, Decimal128(amount)


def _manifest_update(manifest: Manifest) -> UpdateOne:
    fields = msgspec.structs.asdict(manifest)
    new = {name: {"$literal": value} for name, value in fields.items()}
    more_complete = {
        "$or": [
            {"$eq": [{"$type": "$rows_read"}, "missing"]},
            {"$gt": [manifest.rows_read, "$rows_read"]},
            {"$and": [manifest.complete, {"$gte": [manifest.rows_read, "$rows_read"]}]},
        ]
    }
    kept = {"$cond": [more_complete, {"$mergeObjects": ["$$ROOT", new]}, "$$ROOT"]}
    return UpdateOne({"_id": manifest.source}, [{"$replaceWith": kept}], upsert=True)


def mark_dirty(database: Database[Document], days: Iterable[datetime]) -> int:
    """Mark days as dirty, each with a new token, by the server's clock; return how many.

    Raises PyMongoError.
    """
    since = {"$ifNull": ["$since", "$$NOW"]}
    updates = [
        UpdateOne(
            {"_id": day},
            [{"$set": {"token": ObjectId(), "marked_at": "$$NOW", "since": since}}],
            upsert=True,
        )
        for day in days
    ]
    if updates:
        database[DIRTY_BUCKETS].bulk_write(updates, ordered=False)
    return len(updates)


def insert_new(
    client: MongoClient[Document], collection: Collection[Document], documents: Sequence[Document]
) -> list[tuple[int, str]]:
    """Insert those of ``documents`` that are not there yet; one that is there is no error.

    Returns the documents that the validator refused: the place of each, and the fields at fault.

    Raises:
        TransientError: the server is away, or has not journaled the documents in time.
        PermanentError: the server refuses for good.
    """
    if not documents:
        return []
    with translated(client):
        try:
            collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return _refused(f"MongoDB at {address(client)}", dict(error.details))
    return []


def _refused(where: str, details: Mapping[str, Any]) -> list[tuple[int, str]]:
    """Return the refused documents, leave duplicates out, and raise real failures."""
    if details.get("writeConcernErrors"):
        raise TransientError(
            f"{where} did not confirm the write to its journal: {details['writeConcernErrors'][0]}"
        )
    refused = []
    for error in details["writeErrors"]:
        if error["code"] == _FAILED_VALIDATION:
            refused.append((error["index"], _why_refused(error)))
        elif error["code"] in TRANSIENT_CODES:
            raise TransientError(f"{where} can't write now: {error['errmsg']}")
        elif error["code"] != DUPLICATE_KEY:
            raise PermanentError(f"{where} refused a write: {error['errmsg']}")
    return refused


def _why_refused(error: Mapping[str, Any]) -> str:
    rules = error.get("errInfo", {}).get("details", {}).get("schemaRulesNotSatisfied", [])
    fields = [
        str(item.get("propertyName"))
        for rule in rules
        for item in rule.get("propertiesNotSatisfied", [])
    ]
    return f"MongoDB's validator refused {', '.join(fields) or 'the document'}"
