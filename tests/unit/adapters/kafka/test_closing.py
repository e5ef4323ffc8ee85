"""A producer is closed also if its broker acknowledges nothing."""

from __future__ import annotations

from typing import Any, cast

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from retail_pipeline.adapters.kafka.closing import drop


class Hanging:
    """A producer with an unacknowledged record; its sender drops it when forced."""

    def __init__(self, obeys: bool) -> None:
        self.calls: list[Any] = []
        self._waits, self._obeys = True, obeys
        self._sender = self

    def force_close(self) -> None:
        self._waits = not self._obeys
        self.calls.append("force_close")

    def join(self, timeout: float) -> None:
        self.calls.append("join")

    def close(self, timeout: float) -> None:
        self.calls.append(timeout)
        if self._waits:
            raise KafkaTimeoutError("Timeout waiting for future")


@pytest.mark.parametrize("obeys", [True, False])
def test_what_is_not_acknowledged_is_dropped_without_an_error(obeys: bool) -> None:
    hanging = Hanging(obeys)
    drop(cast(KafkaProducer, hanging), 1.5)
    assert hanging.calls == [1.5, "force_close", "join", 0]
