"""Each page's CSVs hold exactly what its charts and tables show, and all that these speak of."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.dashboard.customers import invoices
from retail_pipeline.dashboard.customers import one as customer_view
from retail_pipeline.dashboard.customers import page as customers
from retail_pipeline.dashboard.operations import live, quarantine
from retail_pipeline.dashboard.products import one as product
from retail_pipeline.dashboard.returns import panels as return_panels
from retail_pipeline.domain.fees import FEES
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.fakes import manifest, rejection
from tests.pages.conftest import OpenPage
from tests.pages.seen import Seen, shown

TABLE = shop.table()
ONE = "12007"
INVOICE = str(TABLE[TABLE["CustomerID"] == ONE]["InvoiceNo"].iloc[0])
# What is drawn in each chart, and the columns of its CSV that must hold the same.
DRAWN: dict[str, dict[str, tuple[str, ...]]] = {
    "revenue-over-time": {"net": ("Net sales",), "before": ("Net sales then",)},
    "hours-of-the-week": {"net": ("Net sales",), "Hour": ("Hour (UTC)",), "Day": ("Day",)},
    "countries": {"net": ("Net sales",), "name": ("Country",)},
    "map": {"net": ("Net sales",), "name": ("Country",)},
    "top-products": {"drawn": ("Net sales",), "Code": ("Code",)},
    "product-over-time": {"net": ("Net sales",)},
    "product-prices": {
        "lowest": ("Lowest price",),
        "mean": ("Mean price",),
        "highest": ("Highest price",),
    },
    "product-countries": {"net": ("Net sales",), "name": ("Country",)},
    "segments": {"name": ("Segment",), "share": ("Share",)},
    "movement": {"count": ("Customers",), "share": ("Share of row",)},
    "cohorts": {"again": ("Customers",), "after": ("Months after",), "share": ("Share",)},
    "new-and-returning": {"count": ("New", "Returning")},
    "customer-trend": {"net": ("Net sales",)},
    "returns-over-time": {"drawn": ("Undoes a sale", "Undoes none")},
    "days-to-return": {"lines": ("Cancellation lines",), "units": ("Units",)},
    "adjustments-over-time": {"net": ("Net",)},
    "speed": {"rate": ("Rows per second",)},
    "duplicates": {"lines": ("Lines",)},
}
# Of these the chart shows the first rows only, or some of them, and says so.
IN_PART = {"countries": 10, "product-countries": 8, "top-products": 10}
PAGES: dict[str, tuple[str, dict[str, str], set[str]]] = {
    "overview": (
        "",
        {"period": "Last 30 days", "by": "Day"},
        {"revenue-over-time", "hours-of-the-week", "countries", "map"},
    ),
    "products": ("products", {}, {"top-products", "concentration", "products"}),
    "a product": (
        "products",
        {"item": "22003"},
        {"product-over-time", "product-prices", "product-countries", "bought-together"},
    ),
    "customers": (
        "customers",
        {},
        {
            "segments",
            "movement",
            "segment-figures",
            "cohorts",
            "new-and-returning",
            "top-customers",
        },
    ),
    "a customer": (
        "customers",
        {"id": ONE, "inv": INVOICE},
        {"customer-trend", "customer-products", "customer-invoices", f"invoice-{INVOICE}"},
    ),
    "returns": (
        "returns",
        {},
        {
            "returns-over-time",
            "days-to-return",
            "matched-and-not",
            "return-rate-by-product",
            "return-rate-by-country",
            "biggest-returns",
            "adjustments-by-code",
            "adjustments-over-time",
        },
    ),
    "live": ("live", {}, {"speed", "lag", "processors", "newest"}),
    "quality": ("quality", {}, {"ledger", "freshness", "quarantine", "samples", "duplicates"}),
}


@pytest.fixture
def everything(sold: Settings, stack: RunningStack) -> Iterator[Settings]:
    """The small shop, with a quarantine and a manifest."""
    with ExitStack() as undo:
        client = undo.enter_context(connect(stack.root_uri, name="tests"))
        store = MongoStore(client, sold.mongo_database)
        store.quarantine([rejection(row) for row in range(3)])
        store.record([manifest(3_000, complete=True)])
        for name in ("quarantine", "manifests"):
            undo.callback(client[sold.mongo_database][name].delete_many, {})
        yield sold


def same(text: str, value: Any) -> bool:
    """Return whether a cell of a file says what is shown."""
    if value is None or value is pd.NA or value != value:
        return text == ""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return text.removeprefix("'") == str(value)
    # Floats are what is drawn of exact amounts; quotients have six decimals in a file.
    return math.isclose(float(text), float(value), rel_tol=1e-9, abs_tol=1e-6)


def expect_same(texts: Sequence[str], values: Sequence[Any], what: str) -> None:
    assert len(texts) == len(values), what
    differ = [pair for pair in zip(texts, values, strict=True) if not same(*pair)]
    assert not differ, f"{what}: {differ[:3]}"


def tables(page: AppTest) -> dict[tuple[str, ...], pd.DataFrame]:
    """Return the tables that are shown, by their columns; percentages as ratios again."""
    return {tuple(each.value.columns): shown(each) for each in page.dataframe}


@pytest.mark.parametrize(("at", "query", "keys"), PAGES.values(), ids=PAGES)
def test_every_file_holds_what_is_shown_under_its_filters(
    open_page: OpenPage,
    everything: Settings,
    seen: Seen,
    at: str,
    query: dict[str, str],
    keys: set[str],
) -> None:
    page = open_page(everything, at=at, **query)
    assert not page.exception, page.exception
    by_reason = {"reason"} if at == "quality" else set()  # one more, of all rows of a reason
    assert set(seen.files) == keys | by_reason and set(seen.abouts) == keys
    assert len(page.get("download_button")) == 2 * len(keys) + len(by_reason)
    assert len(page.get("vega_lite_chart")) == len(seen.frames), "no chart goes without its file"
    assert len(page.dataframe) == len(keys) - len(seen.frames)
    expect_footnotes(page, seen)
    drawn = tables(page)
    for key, what in seen.panels.items():
        about, rows = seen.about(key), seen.rows(key)
        assert about[0] == what.title and about[1].startswith("Filters: "), key
        assert sum(line.startswith("As of ") for line in about) == 1, key
        assert "*" not in seen.abouts[key]
        header = next(csv.reader(io.StringIO(seen.files[key], newline="")))
        assert header[: len(what.rows.columns)] == list(what.rows.columns), "the first line"
        assert seen.names[f"about-{key}"] == seen.names[f"csv-{key}"].replace(".csv", ".txt")
        if key not in seen.frames:
            frame = drawn[tuple(what.rows.columns)]
            if what.every_row is None:
                assert len(rows) == len(frame), key
            for name in frame.columns:
                values = frame[name].tolist()
                texts = [row[name] for row in rows[: len(frame)]]
                expect_same(texts, values, f"{key}, {name}")
        elif key == "concentration":  # the curve is drawn through some of the products
            assert len(rows) >= len(seen.frames[key]) - 1
        else:
            expect_drawn(key, rows, seen.frames[key])


def expect_footnotes(page: AppTest, seen: Seen) -> None:
    """Fail unless each chart says below itself, hence on a picture of it, what its file says."""
    notes = [
        " ".join(json.loads(each.proto.spec)["title"]["text"])
        for each in page.get("vega_lite_chart")
    ]
    for key in seen.frames:
        title, filters = seen.about(key)[:2]
        applying = filters.removeprefix("Filters: ")
        note = title if applying == "none apply" else f"{title}: {applying}"
        assert " ".join(note.split()) in notes, key


def expect_drawn(key: str, rows: list[dict[str, str]], frame: pd.DataFrame) -> None:
    """Fail unless a chart's frame and its file agree."""
    for drawn, columns in DRAWN[key].items():
        texts = [row[name] for row in rows for name in columns]
        if key == "returns-over-time":  # all of one kind, then all of the other
            texts = [row[name] for name in columns for row in rows]
        values = frame[drawn].tolist()
        if key == "map":  # a country that it lacks is in the file alone
            known = {row["Country"]: row for row in rows}
            texts = [known[name][column] for name in frame["name"] for column in columns]
        if key == "speed":
            values = [round(value) for value in values]
        expect_same(texts[: IN_PART.get(key)], values, f"{key}, {drawn}")


def test_the_comparison_and_what_is_empty_are_in_the_files_of_the_overview(
    open_page: OpenPage, everything: Settings, seen: Seen
) -> None:
    chosen = {"period": "Custom dates", "from_": "2011-03-01", "to": "2011-03-10"}
    open_page(everything, by="Day", vs="Previous period", country="France", **chosen)
    rows = seen.rows("revenue-over-time")
    assert [row["Start (UTC)"] for row in rows] == [f"2011-03-{n:02} 00:00" for n in range(1, 11)]
    assert rows[0]["Compared with (UTC)"] == "2011-02-19 00:00"
    sold = TABLE[TABLE["Country"] == "France"]
    for row in rows:
        for day, net in (("Start (UTC)", "Net sales"), ("Compared with (UTC)", "Net sales then")):
            moment = datetime.fromisoformat(row[day]).replace(tzinfo=UTC)
            mine = sold[[each == moment.date() for each in sold["day"]]]
            assert Decimal(row[net]) == sum(mine["amount"], Decimal(0))
    assert any(row["Orders"] == "0" for row in rows), "a day without sales is drawn, too"
    hours = seen.rows("hours-of-the-week")
    assert len(hours) % 7 == 0 and any(row["Orders"] == "0" for row in hours)


def test_a_segment_that_is_not_drawn_is_not_in_the_chart_s_file(
    open_page: OpenPage, everything: Settings, seen: Seen
) -> None:
    open_page(everything, at="customers", country="France", period="Last 7 days")
    drawn = seen.frames["segments"]["name"].tolist()
    assert [row["Segment"] for row in seen.rows("segments")] == drawn
    assert len(drawn) < len(seen.rows("segment-figures"))


def test_a_table_of_the_first_rows_exports_all_of_them(
    open_page: OpenPage, everything: Settings, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customers, "TOP", 2)
    monkeypatch.setattr(customer_view, "MOST_PRODUCTS", 2)
    monkeypatch.setattr(invoices, "MOST_INVOICES", 2)
    monkeypatch.setattr(return_panels, "MOST", 2)
    monkeypatch.setattr(live, "NEWEST", 2)
    monkeypatch.setattr(product, "TOP_ALONG", 2)
    monkeypatch.setattr(quarantine, "SAMPLES", 2)
    known, mine = TABLE["CustomerID"].dropna(), TABLE[TABLE["CustomerID"] == ONE]
    back = TABLE[(TABLE["kind"] == "cancellation") & ~TABLE["StockCode"].isin(list(FEES))]
    bought = set(mine["StockCode"]) - set(FEES)
    for at, query, every in (
        ("customers", {}, {"top-customers": known.nunique()}),
        (
            "customers",
            {"id": ONE},
            {"customer-products": len(bought), "customer-invoices": mine["InvoiceNo"].nunique()},
        ),
        ("returns", {}, {"biggest-returns": len(back)}),
        ("live", {}, {"newest": 500}),
        ("products", {}, {"top-products": TABLE["StockCode"].nunique()}),
        ("quality", {}, {"samples": 3}),
    ):
        page = open_page(everything, at=at, **query)
        assert not page.exception, page.exception
        for key, rows in every.items():
            assert len(seen.rows(key)) == rows > 2, key
            if key != "top-products":
                assert len(seen.panels[key].rows) == 2, key
    open_page(everything, at="products", item="22003")
    assert len(seen.rows("bought-together")) > len(seen.panels["bought-together"].rows) == 2


def test_the_name_of_a_file_says_in_short_what_its_text_says_in_full(
    open_page: OpenPage, everything: Settings, seen: Seen
) -> None:
    chosen = {"period": "Custom dates", "from_": "2011-03-01", "to": "2011-03-10"}
    open_page(everything, country=["France", "Germany"], guests="false", **chosen)
    name = "countries_2011-03-01_2011-03-10_france-and-germany_without-guests"
    assert seen.names["csv-countries"] == f"{name}.csv"
    assert seen.names["about-countries"] == f"{name}.txt"
    assert "Filters: 1 Mar 2011 to 10 Mar 2011, France and Germany, without guests" in seen.about(
        "countries"
    )
    open_page(everything, at="live")
    assert seen.names["csv-lag"] == "lag-by-partition.csv", "no filters apply"
