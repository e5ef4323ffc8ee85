"""What a member of the group commits while partitions are shared out anew."""

from __future__ import annotations

from kafka.errors import RebalanceInProgressError
from kafka.structs import OffsetAndMetadata, TopicPartition
from pytest_mock import MockerFixture

from retail_pipeline.adapters.kafka_consumer import GroupConsumer
from retail_pipeline.flows.ports import Batch
from retail_pipeline.settings import Settings


def test_what_could_not_be_committed_during_a_rebalance_is_committed_after_it(
    mocker: MockerFixture,
) -> None:
    kafka = mocker.patch("retail_pipeline.adapters.kafka_consumer.KafkaConsumer").return_value
    place = TopicPartition("tx", 0)
    kafka.assignment.return_value = {place}
    kafka._cluster.topic_id.return_value = None
    kafka.committed.return_value = 3
    kafka.poll.return_value = {}
    member = GroupConsumer(Settings(), "tests")
    listener = kafka.subscribe.call_args.kwargs["listener"]
    listener.on_partitions_assigned({place})

    kafka.commit.side_effect = RebalanceInProgressError()
    member.commit(Batch(next_offsets={("tx", 0): 5}, share=1))
    kafka.commit.reset_mock(side_effect=True)
    listener.on_partitions_revoked({place})
    member.poll()
    kafka.commit.assert_not_called()

    listener.on_partitions_assigned({place})
    member.poll()
    member.poll()
    kafka.commit.assert_called_once_with({place: OffsetAndMetadata(5, "", -1)}, timeout_ms=30_000)
