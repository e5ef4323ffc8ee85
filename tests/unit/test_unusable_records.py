"""Whatever lies in the topic, the processor goes on, and dead-letters what it can't use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import bson
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import Retrying, stop_after_attempt

from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.rejection import Reason, Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.flows.ports import Batch, Refusal
from retail_pipeline.flows.process import DeadLetters, Processor, Topics

RECORD = (
    b'{"schema_version":1,"source":"a","row":1,"InvoiceNo":"1","StockCode":"S","Quantity":1,'
    b'"InvoiceDate":"2011-01-01T00:00:00Z","UnitPrice":"1","ingested_at":"2024-01-01T00:00:00Z"}'
)
TOPICS = Topics("rows", "rows.dlq", "rows.manifests")


@dataclass
class Record:
    """What a consumer hands out."""

    value: bytes | None
    topic: str = TOPICS.transactions
    partition: int = 3
    offset: int = 41
    headers: Sequence[tuple[str, bytes | None]] = ()


class FakeConsumer:
    """Gives one record, and counts what is committed."""

    def __init__(self, value: bytes | None) -> None:
        self.record = Record(value)
        self.committed = 0

    def poll(self) -> Batch:
        """Return the one record."""
        batch = Batch()
        batch.messages[self.record.topic].append(self.record)
        return batch

    def commit(self, batch: Batch) -> None:
        """Count."""
        self.committed += len(batch)


class FakeLetters(DeadLetters):
    """Keeps what would be published."""

    def __init__(self) -> None:
        self.sent: list[Rejection] = []

    def send(self, rejections: Sequence[Rejection]) -> None:
        """Keep."""
        self.sent += rejections

    def close(self) -> None:
        """There is no connection."""


class FakeStore:
    """Counts what would be stored."""

    def __init__(self) -> None:
        self.stored = 0
        self.quarantined: list[bytes] = []
        self.recorded: list[bytes] = []

    def insert(self, transactions: Sequence[Transaction]) -> list[Refusal]:
        """Count; refuse nothing."""
        self.stored += len(transactions)
        return []

    def quarantine(self, rejections: Iterable[Rejection]) -> None:
        """Keep what MongoDB can."""
        self.quarantined += [_as_bson(rejection) for rejection in rejections]

    def record(self, manifests: Iterable[Manifest]) -> None:
        """Keep what MongoDB can."""
        self.recorded += [_as_bson(manifest) for manifest in manifests]

    def release(self, rows: Iterable[str]) -> None:
        """No record here comes from quarantine."""
        raise AssertionError(list(rows))

    def rejected_since(self, moment: datetime) -> int:
        """Without a limit nobody asks."""
        raise AssertionError(moment)

    def mark(self, days: Iterable[datetime]) -> None:
        """Take anything."""


def _as_bson(record: msgspec.Struct) -> bytes:
    return bson.encode(msgspec.structs.asdict(record))


def processed(value: bytes | None) -> tuple[int, list[Rejection]]:
    """Process a record with ``value``; return how many rows were stored, and the rejected."""
    consumer, store, letters = FakeConsumer(value), FakeStore(), FakeLetters()
    once = Retrying(stop=stop_after_attempt(1))
    processor = Processor(consumer, store, letters, TOPICS, once)
    processor.step()
    processor.finish()
    processor.close()
    assert consumer.committed == 1
    return store.stored, letters.sent


def test_a_good_record_is_stored() -> None:
    assert processed(RECORD) == (1, [])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.UNREADABLE_RECORD),
        (b"", Reason.UNREADABLE_RECORD),
        (b"A536365,85123A,6", Reason.UNREADABLE_RECORD),
        (RECORD.replace(b'"S"', b'"\xff"'), Reason.UNREADABLE_RECORD),
        (RECORD.replace(b'"S"', b'"S","x":' + b"[" * 10_000), Reason.UNREADABLE_RECORD),
        (b"[]", Reason.BROKEN_CONTRACT),
        (RECORD.replace(b'"S"', b"1"), Reason.BROKEN_CONTRACT),
        (RECORD.replace(b"2011-", b"9999-"), Reason.BROKEN_CONTRACT),
        (RECORD.replace(b"2011-01-01T00:00:00Z", b"0001-01-01T00:00:00+01:00"),
         Reason.BROKEN_CONTRACT),
        (RECORD.replace(b'_version":1', b'_version":2'), Reason.UNKNOWN_VERSION),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_used_is_dead_lettered_with_its_reason(
    value: bytes | None, reason: Reason
) -> None:
    stored, [found] = processed(value)
    assert (stored, found.reason, found.stage) == (0, reason, "processor")
    assert (found.source, found.row) == ("rows-3", 41), "its place in Kafka is its identity"
    assert found.raw.encode(found.encoding) == (value or b"")


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


@given(st.binary(max_size=60) | any_json.map(msgspec.json.encode))
def test_no_bytes_at_all_stop_the_processor(value: bytes) -> None:
    stored, rejected = processed(value)
    assert (stored, len(rejected)) == (0, 1)


@given(st.sampled_from(list(msgspec.json.decode(RECORD))), any_json | st.datetimes())
def test_no_value_of_a_field_stops_the_processor(field: str, value: object) -> None:
    record = msgspec.json.encode({**msgspec.json.decode(RECORD), field: value})
    stored, rejected = processed(record)
    assert stored + len(rejected) == 1


REJECTION = {
    "source": "a", "row": 2, "name": "a.csv", "reason": "empty_field", "detail": "", "raw": "",
    "stage": "producer", "rejected_at": "2024-01-01T00:00:00Z",
}  # fmt: skip
MANIFEST = {
    "source": "a", "name": "a.csv", "format": "csv", "encoding": "utf-8", "date_order": "",
    "bytes": 1, "rows_read": 1, "rows_sent": 1, "rows_rejected": 0, "complete": True,
    "started_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
}  # fmt: skip
odd = (
    any_json
    | st.datetimes()
    | st.sampled_from([2**63, -1, "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
)


@pytest.mark.parametrize("topic", [TOPICS.dead_letters, TOPICS.manifests])
@given(odd, st.data())
def test_no_record_of_the_small_topics_stops_the_processor(
    topic: str, value: object, data: st.DataObject
) -> None:
    good = REJECTION if topic == TOPICS.dead_letters else MANIFEST
    field = data.draw(st.sampled_from(list(good)))
    consumer, store, letters = FakeConsumer(None), FakeStore(), FakeLetters()
    consumer.record = Record(msgspec.json.encode({**good, field: value}), topic)
    once = Retrying(stop=stop_after_attempt(1))
    processor = Processor(consumer, store, letters, TOPICS, once)
    processor.step()
    processor.finish()
    processor.close()
    assert len(store.quarantined) + len(store.recorded) == 1
    assert letters.sent == [], "a broken record never goes round in circles"
