"""A processor says every now and then that it lives; that it can't harms nothing."""

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
class FakePulses:
    """Remembers what was said, and tells when ``enough`` was."""

    enough: int = 1
    away: int = 0
    said: list[tuple[ProcessorHeartbeat, float, bool]] = field(default_factory=list)
    heard_enough: Event = field(default_factory=Event)

    def keep(self, heartbeat: ProcessorHeartbeat, quiet_s: float, *, stopped: bool = False) -> None:
        self.said.append((heartbeat, quiet_s, stopped))
        if len(self.said) >= self.enough:
            self.heard_enough.set()
        if len(self.said) <= self.away:
            raise TransientError("MongoDB at h:1 is away")


def run_until_enough(heartbeats: FakePulses) -> HeartbeatTimer:
    stop = Event()
    timer = HeartbeatTimer(heartbeats, FIRST, stop, every_s=0.01)
    timer.start()
    assert heartbeats.heard_enough.wait(SOON_S)
    stop.set()
    timer.join(SOON_S)
    assert not timer.is_alive()
    return timer


def test_the_first_word_comes_at_once_and_the_last_one_says_that_it_is_over() -> None:
    heartbeats = FakePulses()
    run_until_enough(heartbeats)
    assert heartbeats.said[0][0] == FIRST and not heartbeats.said[0][2]
    assert [stopped for *_, stopped in heartbeats.said].count(True) == 1
    assert heartbeats.said[-1][2]


def test_what_was_noted_last_is_said_with_the_time_since_then() -> None:
    heartbeats, stop = FakePulses(), Event()
    timer = HeartbeatTimer(heartbeats, FIRST, stop, every_s=0.01)
    noted = replace(FIRST, stored=7, progress=(Progress(0, 1, 2),))
    timer.note(noted)
    stop.set()
    timer.run()
    assert {heartbeat for heartbeat, *_ in heartbeats.said} == {noted}
    assert all(0 <= quiet_s < SOON_S for _, quiet_s, _ in heartbeats.said)


def test_a_database_that_is_away_is_said_once_and_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heartbeats = FakePulses(enough=6, away=4)
    with caplog.at_level(logging.WARNING):
        run_until_enough(heartbeats)
    assert len(heartbeats.said) >= 6
    assert [each.message for each in caplog.records] == [
        "could not leave a sign of life: MongoDB at h:1 is away"
    ]
