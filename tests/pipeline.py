"""The pipeline's own commands, on real servers, as users run them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from pymongo.database import Database

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.cli.app import main
from retail_pipeline.settings import Settings
from tests import forked
from tests.conftest import RunningStack

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ROW = "536365,85123A,HANGING HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n"
LONGEST_S = 90


class Pipeline:
    """The pipeline's own commands, run as users run them."""

    def __init__(self, stack: RunningStack, settings: Settings, folder: Path) -> None:
        self.stack = stack
        self.settings = settings
        self.folder = folder
        self.env = stack.env_of(settings)
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start ``retail`` with ``arguments``; its output goes to a file of the test's folder."""
        log = (self.folder / f"{arguments[0]}-{len(self.started)}.log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "retail_pipeline", *arguments],
            env=self.env,
            cwd=self.folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str) -> str:
        """Run ``retail`` with ``arguments`` to its good end; return its output."""
        status, output = self.try_to(*arguments)
        assert status == 0, output
        return output

    def try_to(self, *arguments: str) -> tuple[int, str]:
        """Run ``retail`` with ``arguments``; return its exit status and output."""
        return forked.run(main, list(arguments), self.env, self.folder, LONGEST_S)

    def drain(self) -> str:
        """Process all there is, summaries included."""
        return self.run("process", "--until-idle", "0.2")

    @contextmanager
    def database(self) -> Iterator[Database[dict[str, Any]]]:
        with connect(self.settings.mongo("reader"), name="tests") as client:
            yield client[self.settings.mongo_database]

    def totals(self) -> dict[str, tuple[int, Decimal]]:
        """Return rows and pounds by kind, and check that both rollups agree."""
        by_kind: list[dict[str, object]] = [
            {"$group": {"_id": "$kind", "n": {"$sum": 1}, "a": {"$sum": "$TotalAmount"}}},
        ]
        entries: list[dict[str, object]] = [
            {"$unwind": "$entries"},
            {
                "$group": {
                    "_id": "$entries.kind",
                    "n": {"$sum": "$entries.lines"},
                    "a": {"$sum": "$entries.amount"},
                }
            },
        ]
        with self.database() as database:
            found = [
                {
                    group["_id"]: (group["n"], group["a"].to_decimal())
                    for group in database[name].aggregate(pipeline)
                }
                for name, pipeline in (
                    ("transactions", by_kind),
                    ("rollup_orders_daily", entries),
                    ("rollup_products_daily", entries),
                )
            ]
            assert database.dirty_buckets.count_documents({}) == 0
        assert found[0] == found[1] == found[2]
        return found[0]

    def quarantined(self) -> list[dict[str, Any]]:
        with self.database() as database:
            return list(database.quarantine.find().sort("_id"))

    def count(self, name: str = "transactions") -> int:
        with self.database() as database:
            return database[name].count_documents({})

    def wait_for(self, rows: int) -> None:
        """Return once so many transactions are stored."""
        until = time.monotonic() + LONGEST_S
        while self.count() < rows:
            assert time.monotonic() < until, f"{self.count()} rows stored, {rows} expected"
            time.sleep(0.1)
