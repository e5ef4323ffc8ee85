"""What a monitor reads of the consumer group, on a real broker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from retail_pipeline.adapters.kafka.consumer import GroupConsumer
from retail_pipeline.adapters.kafka.observation import GroupReader
from retail_pipeline.adapters.kafka.publisher import KafkaPublisher
from retail_pipeline.adapters.kafka.topics import ensure_topics
from retail_pipeline.errors import TransientError
from retail_pipeline.flows.retry import retrying
from retail_pipeline.settings import Settings
from tests.fakes import transaction


@pytest.fixture
def reader(fresh: Settings) -> Iterator[GroupReader]:
    ensure_topics(fresh)
    reader = GroupReader(fresh)
    yield reader
    reader.close()


def test_lag_owner_and_age_follow_a_record_from_its_arrival_to_its_commit(
    fresh: Settings, reader: GroupReader
) -> None:
    # A new broker has no coordinator for a second.
    before = retrying(Event(), give_up_after_s=60)(reader.read)
    assert (before.lag, before.members) == (0, 0)
    assert all(each.owner is None and each.waiting_since is None for each in before.partitions)

    publisher = KafkaPublisher(fresh, "tests")
    sent = datetime.now(UTC)
    publisher.send(transaction(2))
    publisher.barrier().wait()
    publisher.close()
    until = time.monotonic() + 60
    waiting_since = None
    # A busy broker may not return the record in time: its age is unknown then, and read again.
    while waiting_since is None:
        assert time.monotonic() < until
        [waiting] = [each for each in reader.read().partitions if each.lag]
        assert waiting.lag == 1 and waiting.owner is None
        waiting_since = waiting.waiting_since
    assert abs(waiting_since - sent) < timedelta(seconds=1)

    member = GroupConsumer(fresh, "processor-1")
    while not (batch := member.poll()):
        assert time.monotonic() < until
    owned = reader.read()
    assert owned.members == 1 and {each.owner for each in owned.partitions} == {"processor-1"}
    member.commit(batch)
    done = reader.read()
    assert done.lag == 0 and not any(each.waiting_since for each in done.partitions)
    member.close()
    assert reader.read().members == 0


def test_a_broker_that_is_away_is_an_error_within_seconds(fresh: Settings) -> None:
    away = fresh.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(TransientError, match="Kafka at 127.0.0.1:1 does not answer"):
        GroupReader(away).read()
