"""Parses rows in quarantine again, edited or not, to what can be sent, or to the reason why not.

Raw text goes through the producer's parser, a record through the processor's decoder: what they
refuse now, they would refuse again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.parsing import RowParser
from retail_pipeline.domain.quarantined import Quarantined
from retail_pipeline.domain.rejection import Reason, Rejection, RowError, Stage
from retail_pipeline.domain.topics import Topics
from retail_pipeline.domain.transaction import Transaction, split_row_id
from retail_pipeline.domain.wire import MANIFEST, REJECTION, TRANSACTION, UNDECODABLE, reason_of
from retail_pipeline.flows.source import RawRow

# (row number, bytes, encoding, manifest of its file) -> the row, as the source would yield it.
Reparse = Callable[[int, bytes, str, Manifest], RawRow]


@dataclass(frozen=True)
class StillInvalid:
    """Why a row can't be sent again."""

    reason: str
    detail: str


Reparsed = Transaction | Manifest


class QuarantineReparser:
    """Reads rows in quarantine again.

    Args:
        manifest: returns the manifest of a source.
        reparse: reads a row's raw text as the source would.
        topics: the names of the topics, to tell transactions from other records.
    """

    def __init__(
        self, manifest: Callable[[str], Manifest | None], reparse: Reparse, topics: Topics
    ) -> None:
        self._manifest = lru_cache(maxsize=64)(manifest)
        self._reparse = reparse
        self._topics = topics
        self._parser = lru_cache(maxsize=64)(RowParser)

    def reparse(self, row: Quarantined, edited: str | None = None) -> Reparsed | StillInvalid:
        """Return what to send for ``row``; ``edited`` stands for its raw text, if it is given."""
        if edited is None and row.truncated:
            return StillInvalid(
                row.reason, "only the start of its text was kept: edit it to replay it"
            )
        try:
            value = row.raw.encode(row.encoding) if edited is None else edited.encode()
        except (UnicodeEncodeError, LookupError) as error:
            return StillInvalid(row.reason, f"its text can't be turned into bytes: {error}")
        if row.stage == Stage.PRODUCER:
            return self._read_row(row, value, None if edited is None else "utf-8")
        try:
            if row.name == self._topics.manifests:
                return MANIFEST.decode(value)
            if row.name == self._topics.dead_letters:
                return self.reparse(_as_quarantined(row, REJECTION.decode(value)))
            return _as_record(row, value)
        except UNDECODABLE as error:
            return StillInvalid(reason_of(value, error).value, str(error))

    def _read_row(
        self, row: Quarantined, value: bytes, encoding: str | None
    ) -> Reparsed | StillInvalid:
        try:
            manifest = self._manifest(row.source)
            if manifest is None:
                raise LookupError("MongoDB has none")
            parser = self._parser(manifest.source, DateOrder(manifest.date_order))
            raw = self._reparse(row.row, value, encoding or manifest.encoding, manifest)
            if raw.problem:
                reason, detail = raw.problem
                return StillInvalid(reason.value, detail)
            return parser.parse(row.row, raw.fields)
        except RowError as error:
            return StillInvalid(error.reason.value, error.detail)
        except (ValueError, LookupError, msgspec.ValidationError) as error:
            return StillInvalid(
                row.reason,
                f"the manifest of its file, {row.name}, can't be used ({error}): run"
                f" `retail produce {row.name} --again`, which sends a new one",
            )


def _as_quarantined(row: Quarantined, inner: Rejection) -> Quarantined:
    """Return the row in a dead letter that could not be decoded before and can be now."""
    return Quarantined(
        **{
            **msgspec.structs.asdict(inner),
            "reason": inner.reason.value,
            "claims": inner.claims or inner.id,
        },
        id=row.id,
        quarantined_at=row.quarantined_at,
    )


def _as_record(row: Quarantined, value: bytes) -> Reparsed | StillInvalid:
    """Return the transaction in ``value`` under the identity of ``row``, whatever it says."""
    record = msgspec.json.decode(value)
    if not isinstance(record, dict):
        return StillInvalid(Reason.BROKEN_CONTRACT.value, "it is no JSON object")
    source, number = split_row_id(row.row_id)
    return TRANSACTION.decode(msgspec.json.encode({**record, "source": source, "row": number}))
