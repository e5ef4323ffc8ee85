"""What a member of the group commits during and after a rebalance."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, RebalanceInProgressError
from kafka.structs import OffsetAndMetadata, TopicPartition
from pytest_mock import MockerFixture

from retail_pipeline.adapters.kafka.consumer import GroupConsumer
from retail_pipeline.domain.heartbeat import PartitionProgress
from retail_pipeline.errors import TransientError
from retail_pipeline.settings import Settings

PLACE, UNCOMMITTED = TopicPartition("tx", 0), TopicPartition("tx", 1)


@pytest.fixture
def kafka(mocker: MockerFixture) -> Any:
    """Return kafka-python's consumer, which has two partitions; offset 3 of one is committed."""
    kafka = mocker.patch("retail_pipeline.adapters.kafka.consumer.KafkaConsumer").return_value
    kafka.assignment.return_value = {PLACE, UNCOMMITTED}
    kafka._cluster.topic_id.return_value = None
    kafka.committed.side_effect = lambda place, timeout_ms: {PLACE: 3}.get(place)
    return kafka


def listener_of(kafka: Any) -> Any:
    return kafka.subscribe.call_args.kwargs["listener"]


def test_what_could_not_be_committed_during_a_rebalance_comes_again_after_it(
    mocker: MockerFixture, kafka: Any
) -> None:
    member = GroupConsumer(Settings(), "tests")
    listener = listener_of(kafka)
    kafka.poll.return_value = {}
    listener.on_partitions_assigned(set())
    member.poll()
    kafka.poll.return_value = {PLACE: [mocker.Mock(offset=3), mocker.Mock(offset=4)]}
    batch = member.poll()
    assert batch.next_offsets == {("tx", 0): 5}

    kafka.commit.side_effect = RebalanceInProgressError()
    member.commit(batch)
    kafka.reset_mock()
    kafka.commit.side_effect = None
    listener.on_partitions_revoked(set())
    listener.on_partitions_assigned(set())
    # The client goes on where it was.
    kafka.poll.return_value = {PLACE: [mocker.Mock(offset=5)]}
    assert not member.poll()
    kafka.seek.assert_called_once_with(PLACE, 3)
    kafka.seek_to_beginning.assert_called_once_with(UNCOMMITTED)
    # A batch from before the rebalance is not committed: another member may have got further.
    member.commit(batch)
    kafka.commit.assert_not_called()

    kafka.poll.return_value = {PLACE: [mocker.Mock(offset=3), mocker.Mock(offset=4)]}
    member.commit(member.poll())
    kafka.commit.assert_called_once_with({PLACE: OffsetAndMetadata(5, "", -1)}, timeout_ms=30_000)
    kafka.seek.assert_called_once()


def test_a_member_that_could_not_learn_the_committed_offsets_asks_again(kafka: Any) -> None:
    member = GroupConsumer(Settings(), "tests")
    listener_of(kafka).on_partitions_assigned(set())
    kafka.poll.return_value = {}
    known = kafka.committed.side_effect
    kafka.committed.side_effect = KafkaTimeoutError()
    with pytest.raises(TransientError, match="does not answer"):
        member.poll()
    kafka.committed.side_effect = known
    member.poll()
    kafka.seek.assert_called_with(PLACE, 3)


def test_a_topic_that_is_created_again_is_read_from_its_start(
    mocker: MockerFixture, kafka: Any
) -> None:
    member = GroupConsumer(Settings(), "tests")
    listener_of(kafka).on_partitions_assigned(set())
    kafka.poll.return_value = {}
    kafka._cluster.topic_id.return_value = "first"
    member.poll()
    kafka.poll.return_value = {PLACE: [mocker.Mock(offset=7)]}
    batch = member.poll()
    kafka.seek.reset_mock()

    kafka._cluster.topic_id.return_value = "second"
    assert not member.poll()
    assert {call.args for call in kafka.seek_to_beginning.call_args_list} >= {(PLACE,)}
    kafka.seek.assert_not_called()
    # Its offsets are those of the topic before it.
    member.commit(batch)
    kafka.commit.assert_not_called()
    kafka.poll.return_value = {PLACE: [mocker.Mock(offset=0)]}
    member.commit(member.poll())
    kafka.commit.assert_called_once_with({PLACE: OffsetAndMetadata(1, "", -1)}, timeout_ms=30_000)


def test_progress_follows_from_what_was_fetched_and_committed_without_a_request(
    mocker: MockerFixture,
) -> None:
    kafka = mocker.patch("retail_pipeline.adapters.kafka.consumer.KafkaConsumer").return_value
    places = [TopicPartition(Settings().kafka_topic, number) for number in range(3)]
    kafka.assignment.return_value = {*places, TopicPartition("another", 0)}
    kafka._cluster.topic_id.return_value = None
    kafka._cluster.partitions_for_topic.return_value = {0, 1, 2, 3}
    kafka.highwater.side_effect = {places[0]: 100, places[1]: 70, places[2]: None}.get
    kafka.position.return_value = 70
    first, second = mocker.Mock(offset=40), mocker.Mock(offset=41)
    kafka.poll.return_value = {places[0]: [first, second]}
    member = GroupConsumer(Settings(), "tests")
    listener = kafka.subscribe.call_args.kwargs["listener"]
    listener.on_partitions_assigned(set(places))
    kafka.committed.return_value = 40

    member.poll()
    kafka.committed.reset_mock()
    batch = member.poll()
    # Fetched, but not stored; fetched to the end; not fetched yet.
    expected = (PartitionProgress(0, 40, 100), PartitionProgress(1, 70, 70), PartitionProgress(2))
    assert member.progress() == expected
    assert member.partitions == 4
    member.commit(batch)
    assert member.progress()[0] == PartitionProgress(0, 42, 100)
    kafka.committed.assert_not_called()

    # After a rebalance another member may have committed more.
    kafka.poll.side_effect = lambda **_: listener.on_partitions_assigned(set(places)) or {}
    member.poll()
    assert member.progress()[0] == PartitionProgress(0, 70, 100)
