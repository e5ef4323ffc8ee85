"""``retail local`` as people use it: its own servers, its own processes, real signals.

One stack lives through the whole module, as one does on a person's machine: one with a proxy, a
Turkish locale, other Java options, a umask of 077, and a folder with a name of many letters.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from retail_devstack.home import Home
from retail_pipeline.adapters.mongo.client import connect
from tests.hostile import HOSTILE

pytestmark = pytest.mark.integration

ROWS = """\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
{first},85123A,HANGING HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
{first},71053,WHITE LANTERN,6,2010-12-01 08:26:00,3.39,17850,United Kingdom
"""
LONGEST_S = 120


class Local:
    """Runs ``retail local`` in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        cache = str(Home.from_environment().cache)
        own = {"RETAIL_HOME": str(folder / "home"), "RETAIL_CACHE": cache}
        self.env = {**os.environ, **HOSTILE, **own}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "retail_pipeline", "local", *arguments],
            env=self.env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            umask=0o077,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=LONGEST_S)
        return process.returncode, out, err

    def good(self, *arguments: str) -> str:
        status, out, err = self.run(*arguments)
        assert status == 0, out + err
        return out + err

    def parts(self) -> dict[str, dict[str, Any]]:
        return {part["name"]: part for part in json.loads(self.run("status", "--json")[1])}

    def kill(self, *parts: str) -> None:
        for name, part in self.parts().items():
            if name in parts:
                process = psutil.Process(part["pid"])
                process.kill()
                psutil.wait_procs([process], timeout=10)

    def settings(self) -> dict[str, str]:
        lines = self.run("env")[1].splitlines()
        pairs = [shlex.split(line)[1].split("=", 1) for line in lines]
        return {name: value for name, value in pairs}

    def stored(self) -> int:
        with connect(self.settings()["MONGO_URI"], name="tests") as client:
            return client["retail_db"]["transactions"].count_documents({})

    def file(self, name: str, first: int) -> str:
        path = self.folder / name
        path.write_text(ROWS.format(first=first))
        return str(path)

    @contextmanager
    def in_front(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run ``up`` until it says that the pipeline is up, in front of everything else."""
        process = self.start("up", *arguments)
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "The pipeline is up." in line:
                    break
            else:
                raise AssertionError(f"ended with {process.wait()}")
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LONGEST_S)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = tmp_path_factory.mktemp("local") / "Мой магазин, 50% 'off' #1"
    folder.mkdir()
    made = Local(folder)
    yield made
    made.run("down")


@pytest.fixture
def running(local: Local) -> Local:
    """A stack that runs in the background, with whatever data it has had before."""
    local.good("up", "--detach", "--no-dashboard", "--no-stream")
    return local


def test_nothing_runs_before_the_first_start(tmp_path: Path) -> None:
    local = Local(tmp_path)
    status, out, _ = local.run("status")
    assert status == 1 and "stopped" in out
    status, out, err = local.run("env")
    assert (status, out) == (1, "") and "retail local up" in err
    assert "Nothing is running" in local.good("down")
    status, _, err = local.run("up", "--data", "nowhere.csv")
    assert status == 2 and "nowhere.csv" in err
    assert not (tmp_path / "home").exists(), "looking around leaves nothing behind"


def test_up_stays_in_front_until_ctrl_c_and_then_stops_everything(local: Local) -> None:
    data = local.file("first.csv", 536365)
    with local.in_front("--data", data) as up:
        assert "stored and summarised" in local.good("wait", "--timeout", str(LONGEST_S))
        status, out, _ = local.run("status")
        assert status == 0 and "finished" in out
        assert local.parts()["dashboard"]["address"] == local.settings()["DASHBOARD_URL"]
        assert local.stored() == 2
        pids = [part["pid"] for part in local.parts().values() if part["pid"]]
        assert len(pids) == 5
        up.send_signal(signal.SIGINT)
        _, err = up.communicate(timeout=LONGEST_S)
        assert up.returncode == 0, err
        assert err.index("Stopping mongodb") < err.index("Stopping kafka")
        assert err.index("Stopping kafka") < err.index("Stopping zookeeper")
    assert not any(map(psutil.pid_exists, pids))


def test_up_again_finds_its_data_and_more_can_be_streamed(running: Local) -> None:
    before = running.stored()
    output = running.good("up", "--no-dashboard", "--data", running.file("second.csv", 536366))
    assert "running already" in output and "keeps running" in output
    assert running.stored() == before + 2


def test_the_same_file_again_adds_nothing(running: Local) -> None:
    again = ("up", "--no-dashboard", "--data", running.file("first.csv", 536365))
    running.good(*again)
    before = running.stored()
    running.good(*again)
    assert running.stored() == before


def test_env_is_all_that_a_shell_needs_to_reach_the_stack(running: Local) -> None:
    settings = running.settings()
    assert {"KAFKA_BOOTSTRAP_SERVERS", "MONGO_DATABASE", "STATE_DIR", "KAFKA_TOPIC"} <= set(
        settings
    )
    assert "retail_reader" in settings["MONGO_URI"]
    lines = running.run("env")[1].splitlines()
    assert lines and all(line.startswith("export ") for line in lines)


def test_the_other_commands_find_the_running_stack_by_themselves(running: Local) -> None:
    def retail(*arguments: str) -> tuple[str, str]:
        command = [sys.executable, "-m", "retail_pipeline", *arguments]
        done = subprocess.run(
            command, env=running.env, cwd=running.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, done.stderr

    before = running.stored()
    path = running.file("by-hand.csv", 536368)
    retail("produce", path)
    out, err = retail("reconcile", "--json", "--wait", str(LONGEST_S))
    assert json.loads(out)["verdict"] == "agree" and running.stored() == before + 2
    [line] = [line for line in err.splitlines() if "LD_PRELOAD" not in line]
    assert line.startswith(f"Using the local stack in {running.folder / 'home'} (Kafka 127.0.0.1:")
    running.good("up", "--no-dashboard", "--data", path)
    log = (running.folder / "home" / "logs" / "producer.log").read_text()
    assert "by-hand.csv: all 2 rows were sent already" in log, "they share their checkpoints"


def test_a_file_that_is_no_source_fails_the_wait_with_the_reason(running: Local) -> None:
    bad = running.folder / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    running.good("up", "--detach", "--no-dashboard", "--data", str(bad))
    status, _, err = running.run("wait", "--timeout", str(LONGEST_S))
    assert status == 1 and "exit status 2" in err and "bad.csv" in err
    assert running.run("status")[0] == 1


def test_whatever_was_killed_is_back_after_the_next_up(running: Local) -> None:
    before = running.stored()
    running.kill("zookeeper", "mongodb", "processor")
    assert running.run("status")[0] == 1
    running.good("up", "--detach", "--no-dashboard", "--no-stream")
    assert running.parts()["processor"]["ok"] and running.stored() == before


def test_a_stack_that_was_killed_whole_cleans_up_after_itself(running: Local) -> None:
    before = running.stored()
    running.kill("zookeeper", "kafka", "mongodb", "processor")
    running.good("up", "--detach", "--no-dashboard", "--data", running.file("third.csv", 536367))
    running.good("wait", "--timeout", str(LONGEST_S))
    assert running.stored() == before + 2


def test_a_front_run_gives_way_to_down_in_another_terminal(running: Local) -> None:
    running.good("down")
    with running.in_front("--no-dashboard", "--no-stream") as up:
        running.good("down")
        _, err = up.communicate(timeout=LONGEST_S)
        assert up.returncode == 0 and "another command" in err
    assert running.run("status")[0] == 1


def test_an_interrupted_start_leaves_nothing_running(local: Local) -> None:
    local.good("down")
    up = local.start("up", "--no-dashboard", "--no-stream")
    deadline = time.monotonic() + LONGEST_S
    while not local.parts()["zookeeper"]["ok"] and time.monotonic() < deadline:
        time.sleep(0.05)
    up.send_signal(signal.SIGTERM)
    _, err = up.communicate(timeout=LONGEST_S)
    assert up.returncode == 130 and "Stopped before it was up" in err
    assert {part["state"] for part in local.parts().values()} == {"stopped"}
