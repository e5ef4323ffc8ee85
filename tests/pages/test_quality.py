"""The page about quality says what reconcile says, and shows what was refused."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from streamlit.testing.v1 import AppTest

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.reads.quality import MongoQuality
from retail_pipeline.adapters.mongo.reconciliations import MongoReconciliations
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.dashboard import format
from retail_pipeline.dashboard.operations import quarantine
from retail_pipeline.domain.figures import Customers, Selection
from retail_pipeline.domain.reconciliation import Mode, Reconciliation, Sum, Verdict
from retail_pipeline.domain.rejection import Reason
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.fakes import manifest, rejection
from tests.ledger_world import SOURCE, reconciliation
from tests.pages.conftest import NOBODY, OpenPage, app_at
from tests.pages.seen import shown
from tests.pages.test_overview import cards, words

TABLE = shop.table()
RAW = '=cmd|" /C calc"!A1,85123A,"two\nlines",x'


@pytest.fixture
def keep(stack: RunningStack, sold: Settings) -> Iterator[Callable[[Reconciliation], None]]:
    with connect(stack.root_uri, name="tests") as client:
        yield MongoReconciliations(client, sold.mongo_database).keep
        client[sold.mongo_database].reconciliations.delete_many({})


@pytest.fixture
def refused(stack: RunningStack, sold: Settings) -> Iterator[None]:
    """A quarantine of two reasons, and two sources."""
    with connect(stack.root_uri, name="tests") as client:
        store = MongoStore(client, sold.mongo_database)
        store.quarantine(
            [
                *(rejection(row, raw=RAW) for row in range(40)),
                rejection(99, reason=Reason.TOO_LONG),
            ]
        )
        store.record([manifest(3_000, complete=True), manifest(5, name="b.csv", source="b" * 16)])
        yield
        for name in ("quarantine", "manifests"):
            client[sold.mongo_database][name].delete_many({})


def table(page: AppTest, column: str) -> Any:
    """Return the table that has this column."""
    assert not page.exception, page.exception
    [found] = [shown(each) for each in page.dataframe if column in each.value.columns]
    return found


def test_the_ledger_and_both_verdicts_are_reconciles(
    open_page: OpenPage, sold: Settings, keep: Callable[[Reconciliation], None]
) -> None:
    quick = reconciliation()
    kinds = {"sale": 2_900, "cancellation": 80, "adjustment": 10}
    sources = [msgspec.structs.replace(quick.sources[0], kinds=kinds)]
    keep(quick)
    keep(reconciliation(mode=Mode.FULL, sources=sources, seconds=12.3, by="somebody"))
    page = open_page(sold, at="quality")
    text = words(page)
    assert "Count check: all agrees.** 3,000 rows accounted for." in [
        each.value[2:] for each in page.success
    ]
    assert len(page.success) == 2
    assert "in 12\\.3 s, by somebody" in text
    found = cards(page)
    assert found["Rows read"] == "3,000" and found["Stored"] == "2,990"
    assert found["Quarantined or purged"] == "10" and found["Missing"] == "0"
    [row] = table(page, "Purged").to_dict("records")
    assert (row["Read"], row["Stored"], row["Quarantined"], row["Purged"]) == (3_000, 2_990, 9, 1)
    assert (row["Sales"], row["Cancellations"], row["Adjustments"]) == (2_900, 80, 10)
    assert row["State"] == "✓ whole"


def test_money_that_differs_has_its_sign_before_the_pound(
    open_page: OpenPage, sold: Settings, keep: Callable[[Reconciliation], None]
) -> None:
    result = reconciliation(missing=1)
    sums = {"expected": Sum(2, "-1009.725"), "found": Sum(1)}
    keep(
        msgspec.structs.replace(
            result, differences=[msgspec.structs.replace(result.differences[0], **sums)]
        )
    )
    [row] = table(open_page(sold, at="quality"), "What to do").to_dict("records")
    assert (row["Expected"], row["Found"]) == ("2 rows, −£1,009.725", "1 row")


def test_differences_are_shown_with_what_to_do(
    open_page: OpenPage, sold: Settings, keep: Callable[[Reconciliation], None]
) -> None:
    keep(reconciliation(missing=2, difference_count=3, notes=["a note"]))
    page = open_page(sold, at="quality")
    assert "Count check: 3 differences (2 rows)." in page.error[0].value
    [row] = table(page, "What to do").to_dict("records")
    assert (row["What is wrong"], row["What to do"]) == ("d", "a")
    assert "2 differences more" in words(page) and "a note" in words(page)
    assert cards(page)["Missing"] == "2"


def test_a_reconciliation_that_is_not_settled_shows_what_is_on_its_way(
    open_page: OpenPage, sold: Settings, keep: Callable[[Reconciliation], None]
) -> None:
    keep(reconciliation(verdict=Verdict.UNSETTLED, lag=5, pending_days=1))
    text = words(open_page(sold, at="quality"))
    assert "5 records on the way, 1 day to be summarised" in text
    assert "Full reconciliation: none yet" in text


def test_before_the_first_reconciliation_the_sources_are_shown_as_read(
    open_page: OpenPage, sold: Settings, refused: None
) -> None:
    page = open_page(sold, at="quality")
    assert "Count check: none yet" in words(page)
    ledger = table(page, "Purged")
    assert dict(zip(ledger["File"], ledger["Read"], strict=True)) == {
        "retail.csv": 3_000,
        "b.csv": 5,
    }
    assert set(ledger["State"]) == {"not reconciled yet"}
    fresh = table(page, "Furthest row").set_index("File")
    assert fresh.loc["b.csv", "Finished (UTC)"] == "not yet"
    assert fresh.loc["retail.csv", "Finished (UTC)"] == "2026-01-01 00:00:00"


def test_a_source_that_came_after_the_reconciliation_is_in_the_ledger(
    open_page: OpenPage,
    sold: Settings,
    refused: None,
    keep: Callable[[Reconciliation], None],
) -> None:
    keep(reconciliation())
    assert manifest().source == SOURCE
    ledger = table(open_page(sold, at="quality"), "Purged")
    assert list(ledger["State"]) == ["✓ whole", "not reconciled yet"]


def test_the_quarantine_is_shown_by_reason_with_samples_of_the_one_chosen(
    open_page: OpenPage, sold: Settings, refused: None
) -> None:
    page = open_page(sold, at="quality")
    counts = table(page, "Share")
    assert dict(zip(counts["Reason"], counts["Rows"], strict=True)) == {
        "not_a_number": 40,
        "too_long": 1,
    }
    samples = table(page, "Text")
    assert len(samples) == quarantine.SAMPLES and samples["Text"][0] == RAW
    page.selectbox(key="reason").set_value("too_long").run()
    assert list(table(page, "Text")["Row"]) == [99]
    page = open_page(sold, at="quality", reason="too_long")
    assert list(table(page, "Text")["Row"]) == [99]


@pytest.mark.parametrize("odd", ["no_such_reason", '{"$ne": null}', ""])
def test_an_odd_reason_in_the_address_shows_the_first_one(
    open_page: OpenPage, sold: Settings, refused: None, odd: str
) -> None:
    page = open_page(sold, at="quality", reason=odd)
    assert page.selectbox(key="reason").value == "not_a_number"


def test_the_export_holds_every_row_of_the_reason_and_no_formula(
    sold: Settings, refused: None
) -> None:
    with connect(sold.mongo("reader"), name="tests") as client:
        reads = MongoQuality(client, sold.mongo_database)
        text = quarantine.export(reads, "not_a_number")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert {int(row["row"]) for row in rows} == set(range(40))
    assert {row["text"] for row in rows} == {f"'{RAW}"}


LACKING: dict[str, tuple[dict[str, str], Selection]] = {
    "everything": ({}, Selection(shop.FIRST, shop.LAST)),
    "a country": ({"country": "France"}, Selection(shop.FIRST, shop.LAST, countries=("France",))),
    "no country": (
        {"country": format.NO_COUNTRY},
        Selection(shop.FIRST, shop.LAST, countries=(None,)),
    ),
    "a month, duplicates left out elsewhere": (
        {"period": "Last 30 days", "duplicates": "false"},
        Selection(shop.LAST - timedelta(days=29), shop.LAST),
    ),
    "what guests cancelled": (
        {"kind": "Cancellations", "who": "Guests"},
        Selection(shop.FIRST, shop.LAST, customers=Customers.GUESTS, kinds=(Kind.CANCELLATION,)),
    ),
    "goods": ({"adjustments": "false"}, Selection(shop.FIRST, shop.LAST, adjustments=False)),
    "a product": ({"product": "22005"}, Selection(shop.FIRST, shop.LAST, products=("22005",))),
    "nothing": ({"country": "Narnia"}, Selection(shop.FIRST, shop.LAST, countries=("Narnia",))),
}


@pytest.mark.parametrize(("query", "selection"), LACKING.values(), ids=LACKING)
def test_what_lines_lack_is_what_pandas_counts(
    open_page: OpenPage, sold: Settings, query: dict[str, str], selection: Selection
) -> None:
    kept = shop.selected(TABLE, selection)
    found = cards(open_page(sold, at="quality", **query))
    lacking = {
        "No customer": sum(each is None for each in kept["CustomerID"]),
        "No description": sum(each is None for each in kept["Description"]),
        "No country": sum(each is None for each in kept["Country"]),
        "Exact duplicates": int(kept.duplicated(list(shop.LINE)).sum()),
    }
    assert {name: found[name] for name in lacking} == {
        name: format.share(count, len(kept)) for name, count in lacking.items()
    }


def test_rows_that_were_all_refused_are_shown_though_nothing_is_stored(
    open_page: OpenPage, stack: RunningStack, fresh: Settings
) -> None:
    with connect(stack.root_uri, name="tests") as client:
        ensure_schema(client[fresh.mongo_database])
        MongoStore(client, fresh.mongo_database).quarantine([rejection(2)])
    page = open_page(fresh, at="quality")
    assert "No transactions yet" in words(page)
    assert list(table(page, "Share")["Rows"]) == [1]


def test_documents_that_cannot_be_read_are_left_out(
    open_page: OpenPage, stack: RunningStack, fresh: Settings
) -> None:
    shop.load(stack, fresh, [shop.transaction(2)])
    with connect(stack.root_uri, name="tests") as client:
        database = client[fresh.mongo_database]
        store = MongoStore(client, fresh.mongo_database)
        store.quarantine([rejection(2)])
        store.record([manifest(7, name="good.csv", source="fedcba9876543210")])
        odd = {**(database["quarantine"].find_one() or {}), "_id": "odd", "row": "seven"}
        database["quarantine"].insert_many([odd, {"_id": "bare", "reason": odd["reason"]}])
        database["manifests"].insert_one({"_id": "odd", "started_at": datetime(2026, 1, 1)})
    page = open_page(fresh, at="quality")
    assert list(table(page, "Furthest row")["File"]) == ["good.csv"]
    assert len(table(page, "In quarantine since (UTC)")) == 1
    assert list(table(page, "Share")["Rows"]) == [2], "the two that say where they come from"


def test_an_empty_database_says_so(open_page: OpenPage, fresh: Settings) -> None:
    text = words(open_page(fresh, at="quality"))
    assert "No transactions yet" in text and "No row is in quarantine" in text


def test_mongodb_away_or_closed_is_shown_and_the_page_comes_back(
    use: Callable[[str, str], None], sold: Settings
) -> None:
    use(NOBODY, sold.mongo_database)
    page = app_at("quality")
    assert "MongoDB is away" in words(page.run())
    use(sold.mongo("reader"), "somebody_elses")
    assert "MongoDB refuses" in words(page.run())
    use(sold.mongo("reader"), sold.mongo_database)
    assert "No row is in quarantine" in words(page.run())
