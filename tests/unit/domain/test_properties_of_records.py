"""Any record in Kafka is a transaction or a rejection that fits Kafka and MongoDB, exactly."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import bson
import msgspec
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.adapters.mongo.store import as_documents
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import (
    MANIFEST,
    REJECTION,
    TRANSACTION,
    Refusal,
    decode,
    refused,
    replays,
)
from tests.fakes import FakeMessage
from tests.records import headers, identities, transactions, values

# A batch's own bytes, the key and the headers take the rest of a mebibyte.
LARGEST_RECORD = 1024 * 1024 - 1_000
AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(transactions)
def test_a_transaction_comes_through_kafka_and_mongodb_exactly(sent: Transaction) -> None:
    assert msgspec.json.decode(msgspec.json.encode(sent), type=Transaction) == sent
    [document] = as_documents([sent], NOW)
    stored = bson.decode(bson.encode(document), AWARE)
    for name in ("source", "row", "InvoiceNo", "StockCode", "Quantity", "InvoiceDate"):
        assert stored[name] == getattr(sent, name)
    for name in ("Description", "CustomerID", "Country", "ingested_at", "schema_version"):
        assert stored[name] == getattr(sent, name)
    assert stored["_id"] == sent.id
    assert stored["UnitPrice"].to_decimal() == Decimal(sent.UnitPrice)
    assert stored["TotalAmount"].to_decimal() == Decimal(sent.UnitPrice) * sent.Quantity


@given(values, headers, st.sampled_from([TRANSACTION, REJECTION, MANIFEST]))
def test_any_bytes_are_one_record_or_one_rejection_that_can_go_on(
    value: bytes, carried: list[tuple[str, bytes | None]], decoder: msgspec.json.Decoder[Any]
) -> None:
    good, bad, probes = decode([FakeMessage("tx", 1, 7, value, carried)], decoder)
    assert len(good) + len(bad) == 1 and not probes
    for rejection in bad:
        record = msgspec.json.encode(rejection)
        assert len(record) < LARGEST_RECORD
        assert msgspec.json.decode(record, type=Rejection) == rejection
        bson.encode({"_id": rejection.id, **msgspec.structs.asdict(rejection)})
        raw = rejection.raw.encode(rejection.encoding)
        assert value.startswith(raw) if rejection.truncated else value == raw
    for transaction in good:
        if isinstance(transaction, Transaction):
            bson.encode(as_documents([transaction], NOW)[0])


@given(transactions, identities, st.text(max_size=2_000))
def test_a_refused_transaction_stays_what_it_was_in_quarantine_if_that_can_be(
    sent: Transaction, identity: str, words: str
) -> None:
    headers = [("schema_version", b"1"), ("replay", identity.encode())]
    message = FakeMessage("tx", 1, 7, msgspec.json.encode(sent), headers)
    replayed = replays([message]).get(sent.id)
    rejection = refused(Refusal(sent, words), replayed)
    assert rejection.id == (replayed or sent.id)
    assert replayed in (None, identity)
    record = msgspec.json.encode(rejection)
    assert len(record) < LARGEST_RECORD
    assert msgspec.json.decode(record, type=Rejection) == rejection
