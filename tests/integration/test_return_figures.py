"""The figures of the returns page equal pandas' over the raw lines, under every filter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.reads.filters import MongoStatus
from retail_pipeline.adapters.mongo.reads.rollups import MongoRollupReads
from retail_pipeline.analytics import adjustments, return_sums
from retail_pipeline.analytics.snapshot import Snapshot
from retail_pipeline.dashboard.snapshot_cache import SnapshotCache
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.money import from_micros
from retail_pipeline.domain.periods import UNITS, Unit
from tests import returns_truth, shop
from tests.conftest import RunningStack
from tests.selections import NOTHING, SELECTIONS

TABLE = shop.table()
PARTS = {each: returns_truth.matched(TABLE, duplicates=each) for each in (True, False)}
EVERY = {**SELECTIONS, **NOTHING}
every_selection = pytest.mark.parametrize("selection", EVERY.values(), ids=EVERY)
NONE = Decimal(0)


@pytest.fixture(scope="module")
def snapshot(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    settings = stack.names(tmp_path_factory.mktemp("figures"))
    shop.load(stack, settings, shop.shop())
    with connect(settings.mongo("reader"), name="tests") as client:
        database = settings.mongo_database
        yield SnapshotCache(
            MongoRollupReads(client, database), MongoStatus(client, database)
        ).snapshot()
    stack.forget(settings)


def parts(selection: Selection) -> pd.DataFrame:
    """Return the parts of the cancellations that count, with what is known of each."""
    counted = shop.selected(TABLE, selection)
    found = PARTS[selection.duplicates]
    found = found[found["line"].isin(counted.index)]
    for name in ("InvoiceDate", "StockCode", "Country"):
        found = found.assign(**{name: of(name, found["line"])})
    return found


def undone(selection: Selection) -> pd.DataFrame:
    """Return the parts that undo a sale of the selection, by that sale's product and country.

    The switch and the choice that leave cancellations out leave these out as well.
    """
    sold = shop.selected(
        TABLE.assign(kind=TABLE["kind"].replace("sale", "cancellation")), selection
    )
    found = PARTS[selection.duplicates]
    found = found[found["sale"].isin(sold[TABLE["kind"][sold.index] == "sale"].index)]
    return found.assign(
        StockCode=of("StockCode", found["sale"]), Country=of("Country", found["sale"])
    )


def of(name: str, places: pd.Series) -> pd.Series:
    """Return a field of the lines at these places of TABLE; None stays None."""
    return pd.Series([TABLE[name][place] for place in places], index=places.index, dtype=object)


@every_selection
def test_what_came_back_and_what_of_it_is_matched(snapshot: Snapshot, selection: Selection) -> None:
    found, rows = return_sums.returned(snapshot.return_rows(selection)), parts(selection)
    matched = rows[rows["sale"] >= 0]
    assert found == return_sums.Returned(
        lines=rows["line"].nunique(),
        units=int(rows["units"].sum()),
        value=sum(rows["value"], NONE),
        matched_units=int(matched["units"].sum()),
        matched_value=sum(matched["value"], NONE),
    )


@every_selection
def test_the_reasons_why_some_is_not_matched(snapshot: Snapshot, selection: Selection) -> None:
    found = return_sums.by_reason(snapshot.return_rows(selection), snapshot.dictionaries)
    expected = {
        str(reason)
        or None: (
            group["line"].nunique(),
            int(group["units"].sum()),
            sum(group["value"], NONE),
        )
        for reason, group in parts(selection).groupby("reason")
    }
    columns = zip(found["reason"], found["lines"], found["units"], found["value"], strict=True)
    assert {reason: tuple(figures) for reason, *figures in columns} == expected
    assert found["units"].is_monotonic_decreasing


@every_selection
def test_the_days_from_sale_to_return(snapshot: Snapshot, selection: Selection) -> None:
    rows = parts(selection)
    rows = rows[rows["sale"] >= 0]
    days = [
        (line["InvoiceDate"] - TABLE["InvoiceDate"][line["sale"]]) // timedelta(days=1)
        for _, line in rows.iterrows()
    ]
    found = return_sums.by_days_to_return(snapshot.return_rows(selection))
    for _, bar in found.iterrows():
        within = [bar["first"] <= day and (day <= bar["last"] or bar["last"] < 0) for day in days]
        group = rows[pd.Series(within, index=rows.index, dtype=bool)]
        assert bar["units"] == group["units"].sum()
        assert bar["lines"] == group["line"].nunique()
        assert bar["value"] == sum(group["value"], NONE)
    median = return_sums.median_days(snapshot.return_rows(selection))
    assert median == (float(pd.Series(days).median()) if days else None)


@pytest.mark.parametrize(("by", "field"), [("product", "StockCode"), ("country", "Country")])
@every_selection
def test_return_rates(snapshot: Snapshot, selection: Selection, by: str, field: str) -> None:
    lines = shop.selected(TABLE, selection)
    sold = lines[(lines["kind"] == "sale") & ~lines["StockCode"].isin(list(FEES))]
    expected: dict[object, list[int]] = defaultdict(lambda: [0, 0, 0])
    for place, (table, units) in enumerate(
        ((sold, "Quantity"), (parts(selection), "units"), (undone(selection), "units"))
    ):
        for key, each in zip(table[field], table[units], strict=True):
            expected[key][place] += each
    found = return_sums.rates(
        snapshot.product_rows(selection),
        snapshot.return_rows(selection),
        snapshot.undone_rows(selection),
        snapshot.dictionaries,
        by,
    )
    register = snapshot.dictionaries
    texts = register.products.texts if by == "product" else register.countries.texts
    columns = zip(found[by], found["sold"], found["returned"], found["undone"], strict=True)
    figures = {texts[key]: list(each) for key, *each in columns}
    assert {key: each for key, each in figures.items() if any(each)} == dict(expected)
    for _, row in found[found["sold"] > 0].iterrows():
        assert row["true_rate"] == row["undone"] / row["sold"]
        assert row["plain_rate"] == row["returned"] / row["sold"]
    assert sum(found["value"], NONE) == sum(parts(selection)["value"], NONE)


@every_selection
def test_the_biggest_returns_come_first(snapshot: Snapshot, selection: Selection) -> None:
    rows = parts(selection)
    values = [sum(group["value"], NONE) for _, group in rows.groupby("line")]
    found = return_sums.biggest(snapshot.return_rows(selection), 20)
    assert [from_micros(-micros) for micros in found["micros"]] == sorted(values, reverse=True)[:20]
    places = {f"{row.source}:{row.row:09d}": place for place, row in TABLE.iterrows()}
    for _, line in found.iterrows():
        own = rows[rows["line"] == places[str(snapshot.dictionaries.lines.texts[line["line"]])]]
        undoes = own[own["sale"] >= 0]
        assert line["units"] == own["units"].sum()
        assert (line["matched"], line["sales"]) == (undoes["units"].sum(), len(undoes))
        if len(undoes):
            largest = undoes[undoes["units"] == undoes["units"].max()]["sale"]
            sold = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=int(line["sold"]))
            moments = [TABLE["InvoiceDate"][sale].replace(second=0) for sale in largest]
            assert sold in moments


@every_selection
def test_adjustments_by_code(snapshot: Snapshot, selection: Selection) -> None:
    lines = shop.selected(TABLE, selection)
    fees = lines["StockCode"].isin(list(FEES))
    kept = lines[fees | (lines["kind"] == "adjustment")]
    codes = kept["StockCode"].where(fees, adjustments.WRITE_OFFS)
    found = adjustments.by_code(
        adjustments.adjustments(snapshot.product_rows(selection), snapshot.dictionaries)
    )
    expected = {code: group for code, group in kept.groupby(codes)}
    assert set(found["code"]) == set(expected)
    for _, row in found.iterrows():
        group = expected[row["code"]]
        assert (row["lines"], row["units"]) == (len(group), group["Quantity"].sum())
        assert row["net"] == sum(group["amount"], NONE)
        for kind in ("sale", "cancellation", "adjustment"):
            assert row[kind] == sum(group["amount"][group["kind"] == kind], NONE)
    assert list(found["net"].map(abs)) == sorted(found["net"].map(abs), reverse=True)


@pytest.mark.parametrize("code", [None, "POST", adjustments.WRITE_OFFS])
def test_adjustments_over_time(snapshot: Snapshot, code: str | None) -> None:
    selection = replace(SELECTIONS["everything"], duplicates=False)
    lines = shop.selected(TABLE, selection)
    fees = lines["StockCode"].isin(list(FEES))
    codes = lines["StockCode"].where(fees, adjustments.WRITE_OFFS)
    kept = lines[fees | (lines["kind"] == "adjustment")]
    kept = kept if code is None else kept[codes[kept.index] == code]
    months = {day: sum(each["amount"], NONE) for day, each in kept.groupby(kept["day"].map(month))}
    rows = adjustments.adjustments(snapshot.product_rows(selection), snapshot.dictionaries)
    found = adjustments.timeline(rows, "month", code)
    starts = [datetime(1970, 1, 1) + timedelta(hours=int(each)) for each in found["start"]]
    assert dict(zip((each.month for each in starts), found["net"], strict=True)) == months
    assert len(months) >= 3


def month(day: pd.Timestamp) -> int:
    return int(day.month)


@pytest.mark.parametrize("unit", UNITS)
def test_returns_over_time(snapshot: Snapshot, unit: Unit) -> None:
    rows = parts(SELECTIONS["everything"])
    moments = pd.to_datetime(rows["InvoiceDate"], utc=True).dt.tz_localize(None)
    starts = moments.dt.to_period({"hour": "h", "day": "D", "week": "W", "month": "M"}[unit])
    expected: dict[datetime, list[Decimal]] = defaultdict(lambda: [NONE, NONE])
    for start, sale, value in zip(starts, rows["sale"], rows["value"], strict=True):
        expected[start.start_time.to_pydatetime()][sale < 0] += value
    found = return_sums.timeline(snapshot.return_rows(SELECTIONS["everything"]), unit)
    begins = [datetime(1970, 1, 1) + timedelta(hours=int(each)) for each in found["start"]]
    columns = zip(begins, found["matched"], found["unmatched"], strict=True)
    assert {begin: [one, other] for begin, one, other in columns} == expected


def test_days_that_are_not_held_have_no_returns_either(snapshot: Snapshot) -> None:
    since = date(2011, 3, 1)
    cut, everything = replace(snapshot, since=since), SELECTIONS["everything"]
    later = replace(everything, first=since)
    for rows in (Snapshot.return_rows, Snapshot.undone_rows):
        found = rows(cut, everything)
        assert 0 < len(found) < len(rows(snapshot, everything))
        assert found.equals(rows(snapshot, later))
