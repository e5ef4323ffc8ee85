"""A rejected row keeps its text, its place and its reason on the way through Kafka."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from retail_pipeline.domain.rejection import Reason, Rejection, RowError
from retail_pipeline.domain.transaction import row_id

REJECTION = Rejection(
    source="0123456789abcdef",
    row=17,
    name="retail.csv",
    reason=Reason.UNCLOSED_QUOTE,
    detail="a quote is opened and never closed",
    raw='536365,85123A,"WHITE £ HOLDER\x00,6',
    stage="producer",
    rejected_at=datetime(2024, 1, 1, tzinfo=UTC),
)


def test_a_rejected_row_has_the_identity_that_the_stored_row_would_have() -> None:
    assert REJECTION.id == row_id("0123456789abcdef", 17)


def test_a_rejected_row_survives_the_way_through_kafka_to_the_letter() -> None:
    text = msgspec.json.encode(REJECTION)
    assert msgspec.json.decode(text, type=Rejection) == REJECTION


def test_the_raw_text_gives_the_bytes_of_the_file_back() -> None:
    found = msgspec.structs.replace(REJECTION, raw="caf\xe9,\x81", encoding="latin-1")
    assert found.raw.encode(found.encoding) == b"caf\xe9,\x81"


def test_a_reason_that_is_not_known_is_refused() -> None:
    text = msgspec.json.encode({**msgspec.to_builtins(REJECTION), "reason": "bad_mood"})
    with pytest.raises(msgspec.ValidationError, match="bad_mood"):
        msgspec.json.decode(text, type=Rejection)


def test_reasons_are_plain_words() -> None:
    assert all(reason.value.replace("_", "").isalpha() for reason in Reason)


def test_a_row_error_carries_its_reason_and_says_what_was_found() -> None:
    error = RowError(Reason.EMPTY_FIELD, "InvoiceNo is empty")
    assert (error.reason, str(error)) == (Reason.EMPTY_FIELD, "InvoiceNo is empty")
