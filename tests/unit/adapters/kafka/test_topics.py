"""Whether a topic is there: a broker that has just started doesn't know yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from retail_pipeline.adapters.kafka import topics
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.settings import Settings

SETTINGS = Settings(kafka_topic="ours", kafka_bootstrap_servers="here:9092")


class Broker:
    """Answers an administrator's two questions."""

    def __init__(self, *known: str, partitions: int = 3) -> None:
        self._known = known
        self._partitions = [{"partition_index": number} for number in range(partitions)]

    def list_topics(self) -> list[str]:
        return list(self._known)

    def describe_configs(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"topic": {name: {} for name in self._known}}

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        return [{"name": name, "topic_id": 7, "partitions": self._partitions} for name in names]


def use(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def admin(settings: Settings, **_: int) -> Iterator[Broker]:
        yield broker

    monkeypatch.setattr(topics, "admin_client", admin)


def identity(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> str:
    use(broker, monkeypatch)
    return topics.topic_id(SETTINGS)


def test_a_known_topic_has_the_brokers_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    assert identity(Broker("ours", "other"), monkeypatch) == "7"


@pytest.mark.parametrize("broker", [Broker(), Broker("ours", partitions=0)], ids=["all", "one"])
def test_what_a_starting_broker_does_not_know_yet_is_asked_again(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TransientError, match="here:9092 has no topic ours yet"):
        identity(broker, monkeypatch)


def test_a_topic_that_is_not_among_the_others_was_never_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(PermanentError, match="has no topic ours: run `retail setup` first"):
        identity(Broker("other"), monkeypatch)


def test_settings_that_the_broker_does_not_return_are_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(Broker("ours"), monkeypatch)
    monkeypatch.setattr(topics, "ConfigResource", lambda *_: None)
    with pytest.raises(TransientError, match="does not say how ours is set"):
        topics.read_topics(SETTINGS)
