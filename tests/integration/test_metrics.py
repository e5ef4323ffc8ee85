"""Metrics and alerts of a running pipeline, on real servers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from retail_devstack.ports import pick
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.domain.collections import DIRTY_BUCKETS, TRANSACTIONS
from retail_pipeline.operations import metrics
from retail_pipeline.operations.metrics import Metric
from tests.pipeline import HEADER, LONGEST_S, ROW, Pipeline

ROWS = 120
Values = Mapping[tuple[str, tuple[str, ...]], float]


def parsed(text: str) -> Values:
    """Return the value of each series, by its name and the values of its labels."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(values: Values, metric: Metric) -> float:
    """Return the sum of a metric's series."""
    return sum(value for (name, _), value in values.items() if name == metric.name)


def checked(values: Values) -> dict[str, float]:
    """Return what each check found, by its id."""
    return {labels[0]: value for (name, labels), value in values.items() if "retail_check" in name}


def scraped(port: int) -> Values:
    """Return what a process serves at ``port``; nothing if it does not answer."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return parsed(answer.read().decode())
    except URLError:
        return {}


def test_processor_and_exporter_count_what_is_stored_and_what_is_away_is_not_0(
    pipeline: Pipeline,
) -> None:
    file = pipeline.folder / "retail.csv"
    rows = "".join(ROW.replace("536365", str(n)) for n in range(ROWS))
    file.write_text(HEADER + rows + ROW.replace("2.55", "much"))
    # Where no dashboard is known, there is none to check.
    del pipeline.env["DASHBOARD_URL"]
    pipeline.run("setup")
    pipeline.run("produce", str(file))
    waiting = parsed(pipeline.run("metrics", "--once"))
    # The rejected row and the manifests wait in the two other topics.
    assert total(waiting, metrics.LAG) > ROWS
    assert total(waiting, metrics.OLDEST_SECONDS) > 0
    assert total(waiting, metrics.PIPELINE_STATE) == 1
    assert waiting["retail_dirty_days_oldest_seconds", ()] == 0

    assert checked(waiting) == {"topics": 1, "users": 1, "schema": 1, "clock": 1}

    with connect(pipeline.stack.root_uri, name="tests") as client:
        client[pipeline.settings.mongo_database][TRANSACTIONS].drop_index("by_product")
    status, alerts = pipeline.try_to("alert", "--once", "--dry-run", "--exclude", "RetailDiskLow")
    assert status == 1
    assert "3 firing: RetailPartitionUnowned, RetailNoProcessor, RetailSchemaWrong\n" in alerts
    assert checked(parsed(pipeline.run("metrics", "--once")))["schema"] == 0
    pipeline.run("setup")

    port = pick(None)
    pipeline.env["METRICS_PORT"] = str(port)
    processor = pipeline.start("process")
    end = time.monotonic() + LONGEST_S
    while total(served := scraped(port), metrics.ROWS_STORED) < ROWS:
        assert time.monotonic() < end, served
        time.sleep(0.2)
    assert served["retail_processor_delay_seconds_count", ()] >= 1
    del pipeline.env["METRICS_PORT"]
    pipeline.run("monitor", "--until", "lag=0", "--duration", "60", "--interval", "1")

    values = parsed(pipeline.run("metrics", "--once"))
    assert total(values, metrics.LAG) == 0
    assert total(values, metrics.OWNED) == 5
    assert total(values, metrics.STORED) == ROWS
    assert total(values, metrics.QUARANTINED) == 1
    assert total(values, metrics.GROUP_MEMBERS) == total(values, metrics.PROCESSORS_ALIVE) == 1
    assert total(values, metrics.OBSERVED) == 13
    # No message: nothing is wrong.
    assert not pipeline.run("alert", "--once", "--dry-run", "--exclude", "RetailDiskLow")
    processor.terminate()
    assert processor.wait(30) == 0

    with connect(pipeline.settings.mongo("writer"), name="tests") as client:
        since = datetime.now(UTC) - timedelta(seconds=100)
        dirty = client[pipeline.settings.mongo_database][DIRTY_BUCKETS]
        dirty.insert_one({"_id": datetime(2010, 12, 1), "since": since})
    stopped = parsed(pipeline.run("metrics", "--once"))
    assert total(stopped, metrics.OWNED) == total(stopped, metrics.PROCESSORS_ALIVE) == 0
    assert total(stopped, metrics.DIRTY_DAYS) == 1
    assert 100 <= total(stopped, metrics.DIRTY_SECONDS) < 200

    pipeline.env["MONGO_READER_URI"] = "mongodb://127.0.0.1:1"
    away = parsed(pipeline.run("metrics", "--once"))
    assert away["retail_observation_up", ("group",)] == 1
    assert away["retail_observation_up", ("database",)] == 0
    absent = {metric.name for metric in metrics.EXPORTER} - {name for name, _ in away}
    assert {"retail_stored_rows", "retail_dirty_days", "retail_processors_alive"} <= absent
