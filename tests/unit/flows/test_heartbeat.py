"""A processor says every now and then that it lives; that it can't harms nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event

import pytest
from msgspec.structs import replace

from retail_pipeline.domain.heartbeat import Progress, Pulse
from retail_pipeline.errors import TransientError
from retail_pipeline.flows.heartbeat import PulseTimer

FIRST = Pulse(name="p1", started_at=datetime(2026, 1, 1, tzinfo=UTC))
SOON_S = 30.0


@dataclass
class FakePulses:
    """Remembers what was said, and tells when ``enough`` was."""

    enough: int = 1
    away: int = 0
    said: list[tuple[Pulse, float, bool]] = field(default_factory=list)
    heard_enough: Event = field(default_factory=Event)

    def keep(self, pulse: Pulse, quiet_s: float, *, stopped: bool = False) -> None:
        self.said.append((pulse, quiet_s, stopped))
        if len(self.said) >= self.enough:
            self.heard_enough.set()
        if len(self.said) <= self.away:
            raise TransientError("MongoDB at h:1 is away")


def run_until_enough(pulses: FakePulses) -> PulseTimer:
    stop = Event()
    timer = PulseTimer(pulses, FIRST, stop, every_s=0.01)
    timer.start()
    assert pulses.heard_enough.wait(SOON_S)
    stop.set()
    timer.join(SOON_S)
    assert not timer.is_alive()
    return timer


def test_the_first_word_comes_at_once_and_the_last_one_says_that_it_is_over() -> None:
    pulses = FakePulses()
    run_until_enough(pulses)
    assert pulses.said[0][0] == FIRST and not pulses.said[0][2]
    assert [stopped for *_, stopped in pulses.said].count(True) == 1
    assert pulses.said[-1][2]


def test_what_was_noted_last_is_said_with_the_time_since_then() -> None:
    pulses, stop = FakePulses(), Event()
    timer = PulseTimer(pulses, FIRST, stop, every_s=0.01)
    noted = replace(FIRST, stored=7, progress=(Progress(0, 1, 2),))
    timer.note(noted)
    stop.set()
    timer.run()
    assert {pulse for pulse, *_ in pulses.said} == {noted}
    assert all(0 <= quiet_s < SOON_S for _, quiet_s, _ in pulses.said)


def test_a_database_that_is_away_is_said_once_and_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pulses = FakePulses(enough=6, away=4)
    with caplog.at_level(logging.WARNING):
        run_until_enough(pulses)
    assert len(pulses.said) >= 6
    assert [each.message for each in caplog.records] == [
        "could not leave a sign of life: MongoDB at h:1 is away"
    ]
