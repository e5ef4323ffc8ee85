"""Keeps the sample and other data apart: the first row of other data replaces the sample.

Every processor asks for the replacement before it stores its first row of other data. Rows of the
sample that come later are left out. A processor may have stored some of them while another one
replaced the sample: so it checks again after each write, and removes what it wrote. No order of
events, and no crash between two of them, leaves both in the database.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.probe import ReceivedProbe
from retail_pipeline.domain.rejection import Rejection, Stage
from retail_pipeline.domain.sample_source import is_sample
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import Refusal
from retail_pipeline.flows.ports import SampleStore, Store

log = logging.getLogger(__name__)
Record = TypeVar("Record", Transaction, Rejection, Manifest)


class SampleGuard:
    """A :class:`~retail_pipeline.flows.ports.Store` of either the sample or other data.

    Args:
        store: where the records are written.
        sample: finds and removes the stored rows of the sample.
        allowed: whether the sample may be stored; staging and production don't allow it.
    """

    def __init__(self, store: Store, sample: SampleStore, *, allowed: bool) -> None:
        self._store = store
        self._sample = sample
        self._allowed = allowed
        self._replaced = False
        self._left_out_before = False

    def prepare(self) -> None:
        """Remove the sample if the database holds other data, or if the sample is not allowed.

        This also finishes a replacement that was interrupted.

        Raises:
            TransientError, PermanentError: as every method of a store.
        """
        if self._sample.other_data() or (not self._allowed and self._sample.stored()):
            self._replace()

    def insert(self, transactions: Sequence[Transaction]) -> list[Refusal]:
        """Store transactions; those of the sample only while there is no other data."""
        sources = {transaction.source for transaction in transactions}
        if not self._prepare_for(sources, sources):
            return self._store.insert(transactions)
        kept, left_out = self._apart(transactions)
        refused = self._store.insert(kept)
        if self._is_replaced():
            self._remove(left_out, [item.id for item in transactions if is_sample(item.source)])
        return refused

    def quarantine(self, rejections: Iterable[Rejection]) -> None:
        """Store rejected rows; those of the sample only while there is no other data."""
        found = list(rejections)
        # A record that a processor rejects may not be a row.
        rows = {item.source for item in found if item.stage == Stage.PRODUCER}
        if not self._prepare_for({item.source for item in found}, rows):
            self._store.quarantine(found)
            return
        kept, left_out = self._apart(found)
        self._store.quarantine(kept)
        if self._is_replaced():
            self._remove(left_out, [item.id for item in found if is_sample(item.source)])

    def record(self, manifests: Iterable[Manifest]) -> None:
        """Store manifests; the sample's only while there is no other data."""
        found = list(manifests)
        if not self._prepare_for({item.source for item in found}, ()):
            self._store.record(found)
            return
        kept, _ = self._apart(found)
        self._store.record(kept)
        if self._is_replaced():
            self._sample.remove([item.source for item in found if is_sample(item.source)])

    def release(self, rows: Iterable[str]) -> None:
        """Pass on to the store."""
        self._store.release(rows)

    def rejected_since(self, moment: datetime) -> int:
        """Pass on to the store."""
        return self._store.rejected_since(moment)

    def mark_dirty(self, days: Iterable[datetime]) -> None:
        """Pass on to the store, including the days of rows that were left out."""
        self._store.mark_dirty(days)

    def keep_probes(self, probes: Sequence[ReceivedProbe]) -> None:
        """Pass on to the store: a probe is neither the sample's nor other data."""
        self._store.keep_probes(probes)

    def _prepare_for(self, sources: Collection[str], rows: Collection[str]) -> bool:
        """Replace the sample if necessary; return whether ``sources`` includes the sample.

        ``rows`` are the sources of rows that are about to be stored.
        """
        sample = any(map(is_sample, sources))
        other = any(not is_sample(source) for source in rows)
        if not self._replaced and (other or (sample and not self._allowed)):
            self._replace()
        return sample

    def _replace(self) -> None:
        if removed := self._sample.replace():
            why = "other data replaces it" if self._allowed else "RETAIL_ENV is not development"
            log.info(
                "the sample of %s made-up rows was removed: %s",
                *(f"{removed:,}", why),
                extra={"rows": removed},
            )
        self._replaced = True

    def _is_replaced(self) -> bool:
        self._replaced = self._replaced or self._sample.replaced()
        return self._replaced

    def _apart(self, records: Sequence[Record]) -> tuple[list[Record], int]:
        """Return the records to store, and how many records of the sample are left out."""
        if not self._is_replaced():
            return list(records), 0
        kept = [record for record in records if not is_sample(record.source)]
        return kept, len(records) - len(kept)

    def _remove(self, left_out: int, identities: Sequence[str]) -> None:
        """Remove rows of the sample that may have been written, now or before a crash."""
        if left_out and not self._left_out_before:
            self._left_out_before = True
            log.info("rows of the made-up sample are left out: other data has replaced it")
        self._sample.remove(identities)
