"""A processor writes its heartbeat regularly; a failure of that stops nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event

import pytest
from msgspec.structs import replace

from retail_pipeline.domain.heartbeat import PartitionProgress, ProcessorHeartbeat
from retail_pipeline.errors import TransientError
from retail_pipeline.flows.heartbeat import HeartbeatTimer

FIRST = ProcessorHeartbeat(name="p1", started_at=datetime(2026, 1, 1, tzinfo=UTC))
SOON_S = 30.0


@dataclass
class FakeHeartbeats:
    """Keeps all heartbeats in memory; ``complete`` is set when there are ``enough``."""

    enough: int = 1
    away: int = 0
    kept: list[tuple[ProcessorHeartbeat, float, bool]] = field(default_factory=list)
    complete: Event = field(default_factory=Event)

    def keep(self, heartbeat: ProcessorHeartbeat, quiet_s: float, *, stopped: bool = False) -> None:
        self.kept.append((heartbeat, quiet_s, stopped))
        if len(self.kept) >= self.enough:
            self.complete.set()
        if len(self.kept) <= self.away:
            raise TransientError("MongoDB at h:1 is away")


def run_until_enough(heartbeats: FakeHeartbeats) -> HeartbeatTimer:
    stop = Event()
    timer = HeartbeatTimer(heartbeats, FIRST, stop, every_s=0.01)
    timer.start()
    assert heartbeats.complete.wait(SOON_S)
    stop.set()
    timer.join(SOON_S)
    assert not timer.is_alive()
    return timer


def test_the_first_heartbeat_comes_at_once_and_the_last_one_is_stopped() -> None:
    heartbeats = FakeHeartbeats()
    run_until_enough(heartbeats)
    assert heartbeats.kept[0][0] == FIRST and not heartbeats.kept[0][2]
    assert [stopped for *_, stopped in heartbeats.kept].count(True) == 1
    assert heartbeats.kept[-1][2]


def test_the_last_noted_heartbeat_is_written_with_the_time_since_then() -> None:
    heartbeats, stop = FakeHeartbeats(), Event()
    timer = HeartbeatTimer(heartbeats, FIRST, stop, every_s=0.01)
    noted = replace(FIRST, stored=7, progress=(PartitionProgress(0, 1, 2),))
    timer.note(noted)
    stop.set()
    timer.run()
    assert {heartbeat for heartbeat, *_ in heartbeats.kept} == {noted}
    assert all(0 <= quiet_s < SOON_S for _, quiet_s, _ in heartbeats.kept)


def test_a_database_that_is_away_is_logged_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heartbeats = FakeHeartbeats(enough=6, away=4)
    with caplog.at_level(logging.WARNING):
        run_until_enough(heartbeats)
    assert len(heartbeats.kept) >= 6
    assert caplog.messages == ["the heartbeat failed: MongoDB at h:1 is away"]
