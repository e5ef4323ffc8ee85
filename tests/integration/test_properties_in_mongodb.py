"""What the pipeline lets through, a real MongoDB takes: its validator and its quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pymongo.database import Database

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import REJECTION, TRANSACTION, decode
from retail_pipeline.settings import Settings
from tests.conftest import RunningStack
from tests.fakes import FakeMessage, rejection
from tests.records import transactions, values

# Each example is a whole batch; the rows of one are removed before the next. A failing one is shown
# as it is: making it smaller takes minutes with a server.
few = settings(
    max_examples=25,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)


@pytest.fixture
def database(fresh: Settings) -> Iterator[Database[dict[str, Any]]]:
    with connect(fresh.mongo("setup"), name="tests") as client:
        ensure_schema(client[fresh.mongo_database])
    with connect(fresh.mongo("writer"), name="tests") as client:
        yield client[fresh.mongo_database]


@pytest.fixture
def everything(stack: RunningStack, fresh: Settings) -> Iterator[Database[dict[str, Any]]]:
    """The same database for one who may delete."""
    with connect(stack.root_uri, name="tests") as client:
        yield client[fresh.mongo_database]


@few
@given(st.lists(transactions, min_size=1, max_size=60, unique_by=lambda item: item.id))
def test_every_transaction_within_the_contract_is_stored(
    database: Database[dict[str, Any]],
    everything: Database[dict[str, Any]],
    batch: list[Transaction],
) -> None:
    everything.transactions.delete_many({})
    store = MongoStore(database.client, database.name)
    assert store.insert(batch) == []
    found = {item["_id"]: item for item in database.transactions.find()}
    for sent in batch:
        stored = found[sent.id]
        assert (stored["InvoiceNo"], stored["Quantity"]) == (sent.InvoiceNo, sent.Quantity)
        assert stored["InvoiceDate"] == sent.InvoiceDate
        assert stored["UnitPrice"].to_decimal() == Decimal(sent.UnitPrice)


@few
@given(st.lists(values, min_size=1, max_size=20), st.sampled_from([TRANSACTION, REJECTION]))
def test_every_record_that_cannot_be_used_is_quarantined(
    database: Database[dict[str, Any]], batch: list[bytes], decoder: Any
) -> None:
    store = MongoStore(database.client, database.name)
    messages = [FakeMessage("tx", 1, offset, value) for offset, value in enumerate(batch)]
    bad = decode(messages, decoder).rejections
    _check_quarantined(store, database, bad)


def test_alien_rejections_of_any_size_are_quarantined(database: Database[dict[str, Any]]) -> None:
    store = MongoStore(database.client, database.name)
    long = "x" * 1_000_000
    messages = [
        FakeMessage("tx.dlq", 0, offset, b'{"source":"%s%d","row":1,"name":"","reason":"too_long",'
                    b'"detail":"","raw":"","stage":"","rejected_at":"2024-01-01T00:00:00Z"}'
                    % (long.encode(), offset))
        for offset in range(40)
    ]  # fmt: skip
    good, bad, _ = decode(messages, REJECTION)
    _check_quarantined(store, database, [*good, *bad])
    _check_quarantined(store, database, [rejection(3, name=long, detail=long)] * 40)


def _check_quarantined(
    store: MongoStore, database: Database[dict[str, Any]], rejections: list[Rejection]
) -> None:
    store.quarantine(rejections)
    found = {item["_id"]: item["reason"] for item in database.quarantine.find()}
    assert all(found[item.id] == item.reason.value for item in rejections)
    store.release(item.id for item in rejections)
