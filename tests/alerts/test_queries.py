"""Every query of the dashboards of Grafana has data, in a real Prometheus beside a local stack."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from retail_devstack.home import Home
from retail_devstack.stack import Stack
from tests.pipeline import HEADER
from tests.unit.project.test_grafana import EXPRESSIONS

# The limit for all queries together: a rate needs two scrapes, one each 5 s.
LONGEST_S = 60
COMMAND_S = 120
# So many that Prometheus scrapes the producer more than once before it ends.
ROWS, EACH_DAY = 100_000, 5_000


def rows() -> Iterator[str]:
    """Yield sales of some days; each hundredth is cancelled, each fiftieth has no price."""
    for number in range(ROWS):
        day = 1 + number // EACH_DAY
        price = "no price" if number % 50 == 7 else "2.55"
        cancels = number % 100 == 9
        invoice, quantity = f"{'C' * cancels}{500_000 + number}", -1 if cancels else 6
        sold = f"{invoice},85123A,HEART,{quantity},2010-12-{day:02} 08:26:00"
        yield f"{sold},{price},17850,United Kingdom\n"


class Prometheus:
    """The HTTP interface of a Prometheus, with one deadline for all its answers."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.began = time.time() - COMMAND_S
        self.deadline = time.monotonic() + LONGEST_S

    def ask(self, path: str, **parameters: str) -> Any:
        url = f"http://{self.address}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def has_data(self, expression: str) -> bool:
        """Return whether a panel of this run shows a number before the deadline."""
        while True:
            span = {"start": str(self.began), "end": str(time.time()), "step": "1"}
            found = self.ask("query_range", query=expression, **span)["result"]
            if any(not math.isnan(float(value)) for each in found for _, value in each["values"]):
                return True
            if time.monotonic() > self.deadline:
                return False
            time.sleep(0.5)


def draw(address: str) -> None:
    """Open a page of the dashboard as a browser does, and let it draw for two seconds."""
    asked = BackMsg()
    asked.rerun_script.query_string = ""
    with connect(address, subprotocols=[Subprotocol("streamlit")], max_size=None) as page:
        page.send(asked.SerializeToString())
        time.sleep(2)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("queries")
    home = Home(folder / "home", Home.from_environment().cache)
    env = {
        **os.environ,
        **{"RETAIL_HOME": str(home.root), "RETAIL_CACHE": str(home.cache)},
        "RECONCILE_EVERY_S": "5",
    }
    data = folder / "rows.csv"
    data.write_text(HEADER + "".join(rows()))

    def retail(*arguments: str) -> None:
        command = [sys.executable, "-m", "retail_pipeline", *arguments]
        subprocess.run(command, env=env, cwd=folder, timeout=COMMAND_S, check=True)

    try:
        retail("local", "up", "--monitoring", "--detach", "--data", str(data))
        stack = Stack(home)
        address = f"ws://{stack.address('dashboard')}/_stcore/stream"
        # A rate needs a page that is drawn again after a scrape, which is 5 s away at most.
        for _ in range(5):
            draw(address)
        yield Prometheus(stack.address("prometheus"))
    finally:
        retail("local", "down")


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_query_of_a_panel_has_data(prometheus: Prometheus, expression: str) -> None:
    assert prometheus.has_data(expression)


def test_every_rule_can_be_evaluated(prometheus: Prometheus) -> None:
    groups = prometheus.ask("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
