"""The fault harness notices a bad ending, and a fault that hit nobody."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from chaos import workers
from chaos.environment import Environment
from chaos.faults import Faults
from chaos.rounds import too_few
from chaos.schedule import PRODUCER, Fault
from chaos.workers import Worker

DEAF = "print('up', flush=True); import time; time.sleep(60)"
POLITE = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); " + DEAF

Start = Callable[[str], Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a worker that runs a line of Python, and return once that has begun."""
    started: list[Worker] = []

    def run(code: str) -> Worker:
        worker = Worker(PRODUCER, [], {}, tmp_path, lambda line: None)
        worker._command = [sys.executable, "-c", code]
        worker.start()
        started.append(worker)
        until = time.monotonic() + 20
        while "up" not in (tmp_path / f"{PRODUCER}.log").read_text():
            assert time.monotonic() < until
            time.sleep(0.02)
        return worker

    yield run
    for worker in started:
        worker.kill()


def test_one_that_stops_in_good_order_has_no_flaw(start: Start) -> None:
    worker = start(POLITE)
    worker.term()
    assert worker.flaws == []


def test_one_that_has_only_just_been_started_may_die_of_sigterm(start: Start) -> None:
    worker = start(DEAF)
    worker.term()
    assert worker.flaws == []


def test_one_that_dies_of_sigterm_later_has_lost_its_handler(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_STARTING_S", 0)
    worker = start(DEAF)
    worker.term()
    [flaw] = worker.flaws
    assert "ended with status -15 on SIGTERM" in flaw


@pytest.mark.parametrize("kind", ["kill", "term", "pause"])
def test_a_fault_hits_a_worker_that_runs_and_misses_one_that_has_ended(
    start: Start, kind: str
) -> None:
    worker = start(POLITE)
    faults = Faults(create_autospec(Environment), {PRODUCER: worker})
    fault = Fault(0.5, kind, PRODUCER, 0.0)
    assert faults.do(fault)
    worker.kill()
    assert not faults.do(fault)


@pytest.mark.parametrize(
    ("on_time", "scheduled", "enough"),
    [(10, 14, True), (9, 14, False), (5, 8, True), (4, 8, False), (1, 1, True), (0, 1, False)],
)
def test_a_round_whose_faults_came_too_late_proves_too_little(
    on_time: int, scheduled: int, enough: bool
) -> None:
    found = too_few(on_time, scheduled)
    assert found == [] if enough else f"only {on_time} of {scheduled} faults" in found[0]
