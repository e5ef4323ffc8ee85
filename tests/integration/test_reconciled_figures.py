"""What went through the pipeline is on the dashboard as reconcile counts it, to the penny."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.reads.filters import MongoStatus
from retail_pipeline.adapters.mongo.reads.rollups import MongoRollupReads
from retail_pipeline.adapters.mongo.reconciliations import MongoReconciliations
from retail_pipeline.analytics import quality, sums
from retail_pipeline.dashboard.snapshot_cache import SnapshotCache
from retail_pipeline.domain.figures import Figures, Selection
from retail_pipeline.domain.reconciliation import Mode, Verdict
from retail_pipeline.domain.transaction import Kind
from tests import shop
from tests.conftest import RunningStack
from tests.pipeline import Pipeline
from tests.selections import SELECTIONS

BROKEN = "536365,85123A,HANGING HEART,six,2011-02-01 08:26:00,2.55,17850,United Kingdom\n"
NONE = Decimal(0)


@dataclass
class Reconciled:
    """The command's result, beside the store that the dashboard's figures come from."""

    pipeline: Pipeline
    result: dict[str, Any]
    files: tuple[Path, ...]
    store: SnapshotCache

    def orders(self, selection: Selection) -> pd.DataFrame:
        codes = selection.products
        of_products = self.store.orders_of_products(codes) if codes else None
        return self.store.snapshot().order_rows(selection, of_products)

    def figures(self, selection: Selection) -> Figures:
        return sums.figures(self.orders(selection))


@pytest.fixture(scope="module")
def reconciled(
    stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reconciled]:
    """The small shop in two files, one with a broken row, sent through Kafka and reconciled."""
    folder = tmp_path_factory.mktemp("reconciled")
    settings, lines = stack.names(folder), shop.shop()
    pipeline = Pipeline(stack, settings, folder)
    pipeline.run("setup")
    files = (folder / "first.csv", folder / "second.csv")
    for path, some in zip(files, (lines[:1_800], lines[1_800:]), strict=True):
        path.write_text(shop.csv_text(some) + (BROKEN if path is files[0] else ""))
        pipeline.run("produce", str(path))
    pipeline.drain()
    status, output = pipeline.try_to("reconcile", "--json", *map(str, files))
    result = json.loads(output[: output.rindex("\n}") + 2])
    assert (status, result["verdict"]) == (0, Verdict.AGREE)
    with connect(settings.mongo("reader"), name="tests") as client:
        database = settings.mongo_database
        store = SnapshotCache(MongoRollupReads(client, database), MongoStatus(client, database))
        yield Reconciled(pipeline, result, files, store)
    stack.forget(settings)


@pytest.fixture(scope="module")
def table(reconciled: Reconciled) -> pd.DataFrame:
    """The very files that were sent, read by pandas alone."""
    texts = [path.read_text().replace(BROKEN, "") for path in reconciled.files]
    return pd.concat([shop.read_csv(io.StringIO(each)) for each in texts], ignore_index=True)


def test_the_pounds_of_the_sources_are_the_net_sales_of_everything(
    reconciled: Reconciled, table: pd.DataFrame
) -> None:
    sources, everything = reconciled.result["sources"], reconciled.figures(SELECTIONS["everything"])
    pounds = sum((Decimal(each["pounds"]) for each in sources), NONE)
    assert len(sources) == 2
    assert pounds == everything.net == sum(table["amount"], NONE)
    in_kafka = [each["in_kafka"] for each in reconciled.result["partitions"] if each["in_kafka"]]
    assert sum((Decimal(each["pounds"]) for each in in_kafka), NONE) == everything.net
    assert sum(each["stored"] for each in sources) == everything.lines == len(table)
    assert sum(each["quarantined"] for each in sources) == 1


@pytest.mark.parametrize("kind", Kind)
def test_the_rows_of_each_kind_are_the_lines_of_that_kind(
    reconciled: Reconciled, table: pd.DataFrame, kind: Kind
) -> None:
    of_kind = reconciled.figures(Selection(shop.FIRST, shop.LAST, kinds=(kind,)))
    rows = sum(each["kinds"].get(kind, 0) for each in reconciled.result["sources"])
    assert rows == of_kind.lines == int((table["kind"] == kind).sum()) > 0
    assert of_kind.net == sum(table["amount"][table["kind"] == kind], NONE)


def test_the_ledger_that_the_dashboard_shows_is_the_same(reconciled: Reconciled) -> None:
    settings = reconciled.pipeline.settings
    with connect(settings.mongo("reader"), name="tests") as client:
        kept = MongoReconciliations(client, settings.mongo_database).last(Mode.FULL)
    assert kept is not None
    accounts = quality.ledger([kept])
    assert (
        sum(each.account.stored for each in accounts) == reconciled.store.snapshot().status.stored
    )
    for kind in Kind:
        lines = reconciled.figures(Selection(shop.FIRST, shop.LAST, kinds=(kind,))).lines
        assert sum(each.kinds[kind] for each in accounts) == lines
    assert [each.missing for each in accounts] == [0, 0]


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_what_came_through_kafka_adds_up_to_what_pandas_reads_in_the_files(
    reconciled: Reconciled, table: pd.DataFrame, selection: Selection
) -> None:
    lines = shop.selected(table, selection)
    assert reconciled.figures(selection) == shop.figures(lines)
    by_country = sums.by_country(
        reconciled.orders(selection), reconciled.store.snapshot().dictionaries
    )
    assert {country: each.net for country, each in by_country} == {
        country: sum(lines["amount"][[each == country for each in lines["Country"]]], NONE)
        for country in set(lines["Country"])
    }
