"""Whatever lies in the topic, the processor goes on, and dead-letters what it can't use."""

from __future__ import annotations

import bson
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import Retrying, stop_after_attempt

from retail_pipeline.domain.rejection import Reason, Rejection
from retail_pipeline.domain.topics import Topics
from retail_pipeline.flows.process import DeadLetters, Processor
from tests.fakes import FakeConsumer, FakePublisher, FakeStore

RECORD = (
    b'{"schema_version":1,"source":"a","row":1,"InvoiceNo":"1","StockCode":"S","Quantity":1,'
    b'"InvoiceDate":"2011-01-01T00:00:00Z","UnitPrice":"1","ingested_at":"2024-01-01T00:00:00Z"}'
)
TOPICS = Topics("rows", "rows.dlq", "rows.manifests")


def process(topic: str, value: bytes | None) -> tuple[FakeStore, list[Rejection]]:
    """Process a record with ``value``; return the store, and what was dead-lettered."""
    consumer, store, publisher = FakeConsumer(), FakeStore(), FakePublisher()
    consumer.add(topic, value, partition=3)
    once = Retrying(stop=stop_after_attempt(1))
    processor = Processor(consumer, store, DeadLetters(lambda: publisher), TOPICS, once)
    processor.step()
    processor.finish()
    processor.close()
    assert consumer.committed == {(topic, 3): 1}
    for kept in [*store.quarantined.values(), *store.manifests.values()]:
        bson.encode(msgspec.structs.asdict(kept))
    return store, publisher.of(Rejection)


def processed(value: bytes | None) -> tuple[int, list[Rejection]]:
    """Process a transaction's record; return how many rows were stored, and the rejected."""
    store, rejected = process(TOPICS.transactions, value)
    return len(store.transactions), rejected


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
    assert (found.source, found.row) == ("rows-3", 0), "its place in Kafka is its identity"
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
    store, rejected = process(topic, msgspec.json.encode({**good, field: value}))
    assert len(store.quarantined) + len(store.manifests) == 1
    assert rejected == [], "a broken record never goes round in circles"
