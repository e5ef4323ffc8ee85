"""The ledger has the figures of the reconciliation; the quarantine is counted to the row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pandas as pd
import pytest

from retail_pipeline.adapters.mongo.reads.quality import QuarantineGroup
from retail_pipeline.analytics import quality
from retail_pipeline.analytics.tables import Dictionaries, duplicates_table
from retail_pipeline.dashboard import format
from retail_pipeline.dashboard.operations.quarantine import by_reason
from retail_pipeline.domain.reconciliation import Mode
from tests.ledger_world import reconciliation

THEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUICK = reconciliation(at=THEN)
KINDS = {"sale": 2_900, "cancellation": 80, "adjustment": 10}
[ACCOUNT] = QUICK.sources
FULL = reconciliation(
    mode=Mode.FULL,
    at=THEN - timedelta(hours=1),
    sources=[msgspec.structs.replace(ACCOUNT, kinds=KINDS)],
)


def test_the_ledger_is_that_of_the_last_reconciliation() -> None:
    assert quality.ledger([]) == []
    [account] = quality.ledger([QUICK])
    assert account.account == ACCOUNT and account.kinds == {}
    assert account.accounted == ACCOUNT.read and account.missing == 0


def test_kinds_come_from_the_full_reconciliation_as_long_as_as_many_rows_are_stored() -> None:
    assert quality.ledger([QUICK, FULL])[0].kinds == KINDS
    more = msgspec.structs.replace(ACCOUNT, stored=ACCOUNT.stored + 1)
    grown = msgspec.structs.replace(QUICK, sources=[more])
    [account] = quality.ledger([grown, FULL])
    assert account.kinds == {} and account.account.stored == more.stored


def test_a_newer_full_reconciliation_counts_before_an_older_count_check() -> None:
    newer = msgspec.structs.replace(FULL, at=THEN + timedelta(hours=1), sources=[])
    assert quality.latest([QUICK, newer]) is newer
    assert quality.ledger([QUICK, newer]) == []


def test_what_is_read_and_in_no_state_is_missing() -> None:
    [account] = quality.ledger([reconciliation(missing=3)])
    assert account.missing == 3
    unsaid = msgspec.structs.replace(ACCOUNT, read=None)
    assert quality.Account(unsaid, {}).missing is None


def test_lines_without_a_customer_or_a_country_are_counted() -> None:
    register = Dictionaries()
    customers = register.customers.of([None, "17850", None])
    countries = register.countries.of(["France", None, None])
    orders = pd.DataFrame({"customer": customers, "country": countries, "lines": [5, 7, 11]})
    assert quality.lacking(orders, register) == (23, 16, 18)
    assert quality.lacking(orders[:0], register) == (0, 0, 0)


def test_duplicates_are_counted_by_day() -> None:
    entry = {"StockCode": "A", "hour": 9, "CustomerID": None, "Country": None, "kind": "sale"}
    days = [
        {
            "day": datetime(2011, 1, day, tzinfo=UTC),
            **{name: [value] * 2 for name, value in {**entry, "InvoiceNo": "1"}.items()},
            "lines": [lines, 1],
            "units": [1, 1],
            "micros": [1, 1],
        }
        for day, lines in ((3, 4), (1, 2))
    ]
    found = quality.by_day(duplicates_table(days, Dictionaries()))
    assert {day.isoformat(): lines for day, lines in found.items()} == {
        "2011-01-01": 3,
        "2011-01-03": 5,
    }
    assert quality.by_day(duplicates_table([], Dictionaries())) == {}


def test_the_quarantine_is_added_up_by_reason_the_most_frequent_first() -> None:
    groups = [
        QuarantineGroup("not_a_number", "producer", "a.csv", 3, THEN),
        QuarantineGroup("too_long", "producer", "a.csv", 5, THEN),
        *(QuarantineGroup("not_a_number", "processor", f"{name}.csv", 1, THEN) for name in "bcde"),
    ]
    rows = by_reason(groups, 3)
    assert list(rows["Reason"]) == ["not_a_number", "too_long"]
    assert list(rows["Rows"]) == [7, 5]
    assert list(rows["Share"]) == [7 / 12, 5 / 12]
    assert list(rows["Refused by"]) == ["processor, producer", "producer"]
    assert list(rows["Files"]) == ["a.csv, b.csv, c.csv and 2 more", "a.csv"]
    assert list(by_reason(groups)["Files"]) == ["a.csv, b.csv, c.csv, d.csv, e.csv", "a.csv"]
    assert len(by_reason([])) == 0


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 10, "0.0%"), (1, 10, "10.0%"), (1, 10_000, "<0.1%"), (0, 0, "–"), (5, 10_000, "0.1%")],
)
def test_a_small_share_never_reads_as_none(part: int, whole: int, text: str) -> None:
    assert format.share(part, whole) == text
