"""The live page tells how the pipeline fares, in every state of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.heartbeats import MongoHeartbeats
from retail_pipeline.domain.heartbeat import PartitionProgress, ProcessorHeartbeat
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.pages.conftest import NOBODY, OpenPage, app_at
from tests.pages.test_overview import cards, words

SALES = shop.shop()
Say = Callable[..., None]


@pytest.fixture
def say(stack: RunningStack, sold: Settings) -> Iterator[Say]:
    """Have a processor say something of itself, so many seconds ago."""
    with connect(stack.root_uri, name="tests") as client:
        collection = client[sold.mongo_database].processors

        def keep(name: str, ago_s: float = 0, quiet_s: float = 0, **fields: Any) -> None:
            started = datetime.now(UTC) - timedelta(minutes=5)
            heartbeat = ProcessorHeartbeat(
                name=f"retail-processor-{name}", started_at=started, **fields
            )
            MongoHeartbeats(client, sold.mongo_database).keep(
                heartbeat, quiet_s, stopped=name == "stopped"
            )
            then = datetime.now(UTC) - timedelta(seconds=ago_s)
            collection.update_one(
                {"_id": heartbeat.name},
                {"$set": {"at": then, "history": [{"at": then, "stored": heartbeat.stored}]}},
            )

        yield keep
        collection.delete_many({})


def tables(page: AppTest) -> tuple[Any, Any, Any]:
    """Return the tables of the partitions, of the processors and of what came in last."""
    partitions, processors, newest = page.dataframe
    return partitions.value, processors.value, newest.value


def test_lag_processors_and_latency_are_shown(
    open_page: OpenPage, sold: Settings, say: Say
) -> None:
    both = (PartitionProgress(0, 90, 1_100), PartitionProgress(1, 50, 50))
    say("a-1", stored=3_000, quarantined=2, partitions=2, progress=both)
    page = open_page(sold, at="live")
    found = cards(page)
    assert found["Records waiting"] == "1,010"
    assert found["Processors alive"] == "1"
    assert found["Rows stored"] == "3,000"
    assert found["Median latency"].endswith("days")  # the shop's rows were read long ago
    assert all(card.help and "Filters** don't apply" in card.help for card in page.metric)
    partitions, processors, _ = tables(page)
    assert list(partitions["Waiting"]) == list(partitions["Last known"]) == [1_010, 0]
    assert list(partitions["Processor"]) == ["a-1", "a-1"]
    assert list(processors["State"]) == ["● alive"]
    assert list(processors["Partitions"]) == ["0, 1"]
    assert not page.warning
    assert len(page.get("vega_lite_chart")) == 1


def test_a_partition_that_nobody_reads_is_shown_and_is_no_zero(
    open_page: OpenPage, sold: Settings, say: Say
) -> None:
    say(
        "gone",
        ago_s=40,
        partitions=2,
        progress=(PartitionProgress(0, 90, 100), PartitionProgress(1, 7, 7)),
    )
    say("here", partitions=2, progress=(PartitionProgress(0, 95, 100),))
    page = open_page(sold, at="live")
    assert "Nobody reads partition 1." in words(page)
    assert cards(page)["Records waiting"] == "≥ 5"
    partitions, processors, _ = tables(page)
    assert partitions["Waiting"].tolist() == [5, pd.NA]
    assert list(partitions["Last known"]) == [5, 0]
    assert list(partitions["Processor"]) == ["here", "nobody"]
    assert [state.split(" ")[1] for state in processors["State"]] == ["alive", "gone"]


def test_no_processor_alive_says_what_to_do(open_page: OpenPage, sold: Settings, say: Say) -> None:
    page = open_page(sold, at="live")
    assert "No processor is alive" in words(page) and "retail process" in words(page)
    assert cards(page)["Records waiting"] == "unknown"
    assert cards(page)["Processors alive"] == "0"
    say("stopped", ago_s=1, partitions=1, progress=(PartitionProgress(0, 4, 9),))
    page = open_page(sold, at="live")
    assert "No processor is alive" in words(page)
    assert cards(page)["Records waiting"] == "≥ 5"
    assert "■ stopped" in tables(page)[1]["State"][0]


def test_a_processor_that_waits_for_a_server_is_named(
    open_page: OpenPage, sold: Settings, say: Say
) -> None:
    say("w", quiet_s=42, partitions=1, progress=(PartitionProgress(0, 4, 9),))
    assert "w waits for a server** for 42 seconds" in words(open_page(sold, at="live"))


def test_what_came_in_last_is_shown_by_its_kind_under_the_filters(
    open_page: OpenPage, sold: Settings
) -> None:
    _, _, newest = tables(open_page(sold, at="live"))
    assert list(newest["Invoice"]) == [each.InvoiceNo for each in reversed(SALES[-20:])]
    cancelled = newest["Invoice"].str.startswith("C")
    assert list(newest["Kind"] == "↩ Cancellation") == list(cancelled)
    assert set(newest["Kind"]) <= {"● Sale", "↩ Cancellation", "± Adjustment"}

    _, _, newest = tables(open_page(sold, at="live", country="France"))
    last = [each.InvoiceNo for each in reversed(SALES[-500:]) if each.Country == "France"]
    assert list(newest["Invoice"]) == last[:20]


def test_the_page_is_drawn_where_no_row_counts(open_page: OpenPage, sold: Settings) -> None:
    page = open_page(sold, at="live", country="Narnia")
    assert cards(page)["Rows stored"] == "3,000"
    assert "None of the 500 rows stored last counts" in words(page)


def test_an_empty_database_says_so_and_shows_the_processors(
    open_page: OpenPage, fresh: Settings
) -> None:
    page = open_page(fresh, at="live")
    assert "No transactions yet" in words(page)
    assert "No processor is alive" in words(page)
    assert cards(page)["Median latency"] == "–"


def test_mongodb_away_or_closed_is_shown_and_the_page_comes_back(
    use: Callable[[str, str], None], sold: Settings
) -> None:
    use(NOBODY, sold.mongo_database)
    page = app_at("live")
    assert "MongoDB is away" in words(page.run())
    use(sold.mongo("reader"), "somebody_elses")
    assert "MongoDB refuses" in words(page.run())
    use(sold.mongo("reader"), sold.mongo_database)
    assert cards(page.run())["Rows stored"] == "3,000"
