"""A processor writes heartbeats on a timer; a failed write harms nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event

import pytest
from msgspec.structs import replace

from retail_pipeline.domain.heartbeat import ProcessorHeartbeat, Progress
from retail_pipeline.errors import TransientError
from retail_pipeline.flows.heartbeat import HeartbeatTimer

FIRST = ProcessorHeartbeat(name="p1", started_at=datetime(2026, 1, 1, tzinfo=UTC))
SOON_S = 30.0


@dataclass
class FakeHeartbeats:
    """Remembers what was written, and sets an event once ``enough`` was."""

    enough: int = 1
    away: int = 0
    written: list[tuple[ProcessorHeartbeat, float, bool]] = field(default_factory=list)
    written_enough: Event = field(default_factory=Event)

    def keep(self, heartbeat: ProcessorHeartbeat, quiet_s: float, *, stopped: bool = False) -> None:
        self.written.append((heartbeat, quiet_s, stopped))
        if len(self.written) >= self.enough:
            self.written_enough.set()
        if len(self.written) <= self.away:
            raise TransientError("MongoDB at h:1 is away")


def run_until_enough(heartbeats: FakeHeartbeats) -> HeartbeatTimer:
    stop = Event()
    timer = HeartbeatTimer(heartbeats, FIRST, stop, every_s=0.01)
    timer.start()
    assert heartbeats.written_enough.wait(SOON_S)
    stop.set()
    timer.join(SOON_S)
    assert not timer.is_alive()
    return timer


def test_the_first_heartbeat_is_written_at_once_and_the_last_one_as_stopped() -> None:
    heartbeats = FakeHeartbeats()
    run_until_enough(heartbeats)
    assert heartbeats.written[0][0] == FIRST and not heartbeats.written[0][2]
    assert [stopped for *_, stopped in heartbeats.written].count(True) == 1
    assert heartbeats.written[-1][2]


def test_what_was_noted_last_is_written_with_the_time_since_then() -> None:
    heartbeats, stop = FakeHeartbeats(), Event()
    timer = HeartbeatTimer(heartbeats, FIRST, stop, every_s=0.01)
    noted = replace(FIRST, stored=7, progress=(Progress(0, 1, 2),))
    timer.note(noted)
    stop.set()
    timer.run()
    assert {heartbeat for heartbeat, *_ in heartbeats.written} == {noted}
    assert all(0 <= quiet_s < SOON_S for _, quiet_s, _ in heartbeats.written)


def test_a_database_that_is_away_is_logged_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heartbeats = FakeHeartbeats(enough=6, away=4)
    with caplog.at_level(logging.WARNING):
        run_until_enough(heartbeats)
    assert len(heartbeats.written) >= 6
    assert [each.message for each in caplog.records] == [
        "could not write the heartbeat: MongoDB at h:1 is away"
    ]
