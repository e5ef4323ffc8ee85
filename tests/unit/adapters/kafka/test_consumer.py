"""What a member of the group commits during and after a rebalance."""

from __future__ import annotations

from kafka.errors import RebalanceInProgressError
from kafka.structs import OffsetAndMetadata, TopicPartition
from pytest_mock import MockerFixture

from retail_pipeline.adapters.kafka.consumer import GroupConsumer
from retail_pipeline.domain.heartbeat import PartitionProgress
from retail_pipeline.flows.ports import Batch
from retail_pipeline.settings import Settings


def test_what_could_not_be_committed_during_a_rebalance_is_committed_after_it(
    mocker: MockerFixture,
) -> None:
    kafka = mocker.patch("retail_pipeline.adapters.kafka.consumer.KafkaConsumer").return_value
    place = TopicPartition("tx", 0)
    kafka.assignment.return_value = {place}
    kafka._cluster.topic_id.return_value = None
    kafka.committed.return_value = 3
    kafka.poll.return_value = {}
    member = GroupConsumer(Settings(), "tests")
    listener = kafka.subscribe.call_args.kwargs["listener"]
    listener.on_partitions_assigned({place})

    kafka.commit.side_effect = RebalanceInProgressError()
    member.commit(Batch(next_offsets={("tx", 0): 5}, assignment=1))
    kafka.commit.reset_mock(side_effect=True)
    listener.on_partitions_revoked({place})
    member.poll()
    kafka.commit.assert_not_called()

    listener.on_partitions_assigned({place})
    member.poll()
    member.poll()
    kafka.commit.assert_called_once_with({place: OffsetAndMetadata(5, "", -1)}, timeout_ms=30_000)


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
