"""Small reads beside the summaries: what is stored, and single lines.

A filter's values reach a query as values to compare with, under ``$in`` or as dates, so that none
of them can act as an operator.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from bson import Decimal128
from pymongo import DESCENDING

from retail_pipeline.adapters.mongo.adapter import MongoAdapter
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.failed_days import failed_days
from retail_pipeline.adapters.mongo.heartbeats import summaries_error
from retail_pipeline.adapters.mongo.sample import has_sample_rows
from retail_pipeline.domain.collections import DIRTY_BUCKETS, QUARANTINE, TRANSACTIONS
from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.fields import AMOUNT, COUNTRY, CUSTOMER, DATE, KIND, PRODUCT
from retail_pipeline.domain.figures import Selection, Status
from retail_pipeline.domain.transaction import Kind

_STATUS_SECONDS = 3.0
_HOUR = timedelta(hours=1)
LINE_FIELDS = ("_id", *DATASET_FIELDS, AMOUNT, KIND, "stored_at")


class StoredLine(NamedTuple):
    """A stored line; price and amount are in pounds, exact, and times are UTC.

    Its fields are LINE_FIELDS, in that order.
    """

    id: str
    invoice: str
    product: str
    description: str | None
    units: int
    invoiced_at: datetime
    price: Decimal
    customer: str | None
    country: str | None
    amount: Decimal
    kind: str
    stored_at: datetime


class Counts(NamedTuple):
    """Rows by the database's own counters, the newest row's time (UTC), and days that failed."""

    stored: int
    quarantined: int
    last_stored_at: datetime | None
    failed_days: int


class MongoStatus(MongoAdapter):
    """Reads of what is stored; if MongoDB is away, it fails after 3 seconds."""

    def counts(self) -> Counts:
        """Return what is stored, for a monitor; it reads less than :meth:`status`."""
        with self._within(_STATUS_SECONDS):
            failed = len(failed_days(self._database))
            return Counts(*self._stored(), failed)

    def status(self, outdated: Collection[datetime] = ()) -> Status:
        """Return what is stored, by counters and small reads only.

        ``outdated`` days count as pending, even if they are not marked as dirty yet.
        """
        with self._within(_STATUS_SECONDS):
            failed = failed_days(self._database)
            error = summaries_error(self._database)
            dates = {each.day for each in failed}
            known = [day for day in outdated if day.date() not in dates]
            others = [*known, *(datetime.combine(day, time()) for day in dates)]
            marked = self._database[DIRTY_BUCKETS].count_documents({"_id": {"$nin": others}})
            stored, quarantined, last_stored_at = self._stored()
            sample = has_sample_rows(self._database)
        return Status(
            stored=stored,
            quarantined=quarantined,
            pending_days=marked + len(known),
            last_stored_at=last_stored_at,
            failed_days=tuple(failed),
            summaries_error=error,
            sample=sample,
        )

    def _stored(self) -> tuple[int, int, datetime | None]:
        rows = self._database[TRANSACTIONS]
        newest = rows.find_one({}, {"stored_at": 1}, sort=[("$natural", DESCENDING)])
        quarantined = self._database[QUARANTINE].estimated_document_count()
        last_stored_at = newest["stored_at"] if newest else None
        return rows.estimated_document_count(), quarantined, last_stored_at


def within(hours: Sequence[datetime]) -> Document:
    """Return the filter of the lines of these hours, given by their starts."""
    return {"$or": [{DATE: {"$gte": hour, "$lt": hour + _HOUR}} for hour in hours]}


def stored_line(document: Document) -> StoredLine:
    """Return the line that a document with LINE_FIELDS is."""
    line = StoredLine._make(map(document.get, LINE_FIELDS))
    return line._replace(price=_decimal(line.price), amount=_decimal(line.amount))


def _decimal(amount: Any) -> Decimal:
    """Return an amount, of whatever type it was stored."""
    return amount.to_decimal() if isinstance(amount, Decimal128) else Decimal(str(amount))


def matching(selection: Selection) -> Document:
    """Return the filter of the stored lines that count; it knows nothing of duplicates."""
    after = datetime.combine(selection.last, time()) + timedelta(days=1)
    days = {"$gte": datetime.combine(selection.first, time()), "$lt": after}
    found: list[Document] = [{DATE: days}]
    for name, values in ((COUNTRY, selection.countries), (PRODUCT, selection.products)):
        if values:
            found.append({name: {"$in": list(values)}})
    known, guests = selection.kept_customers
    if not known:
        found.append({CUSTOMER: None})
    if not guests:
        found.append({CUSTOMER: {"$ne": None}})
    if len(selection.kept_kinds) < len(Kind):
        found.append({KIND: {"$in": list(selection.kept_kinds)}})
    if not selection.adjustments:
        found.append({PRODUCT: {"$nin": list(FEES)}})
    return {"$and": found}
