"""Lines have the dataset's fields, and a record of Kafka becomes the line that is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from retail_pipeline.domain.fields import AMOUNT, KIND, LINE_IDENTITY
from retail_pipeline.reconcile.records import Line, as_line, content_of
from tests.fakes import transaction


def test_a_line_has_the_datasets_fields_in_their_order() -> None:
    assert Line._fields == ("source", "row", *LINE_IDENTITY, AMOUNT, KIND)
    line = as_line(transaction(7))
    assert content_of(line) == tuple(line[2:10])


def test_a_date_with_an_offset_is_the_same_moment_as_in_utc() -> None:
    there = datetime(2011, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    found = as_line(transaction(InvoiceDate=there))
    assert found == as_line(transaction(InvoiceDate=there.astimezone(UTC)))
    assert found.day == (datetime(2010, 12, 31) - datetime(1970, 1, 1)).days
