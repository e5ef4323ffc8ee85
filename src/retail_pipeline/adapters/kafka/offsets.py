"""Reads the offsets of each partition, and those that the processors have committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import CoordinatorNotAvailableError
from kafka.protocol.consumer import OffsetSpec

from retail_pipeline.domain.offsets import PartitionOffsets


def positions(
    admin: KafkaAdminClient, topics: Sequence[str], group: str, *, coordinated: bool = False
) -> list[PartitionOffsets]:
    """Return the offsets of each partition of ``topics``; a topic that does not exist has none.

    While no broker coordinates the group, nothing counts as committed; if ``coordinated``, that
    is an error instead.

    Raises:
        KafkaError: no broker answers, or it refuses.
    """
    places = partitions_of(admin, topics)
    # Committed first: a record that arrives between two requests counts as lag, not as stored.
    committed = committed_offsets(admin, group, coordinated=coordinated)
    first = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    end = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    return combined(
        committed,
        {place: known.offset for place, known in first.items()},
        {place: known.offset for place, known in end.items()},
    )


def partitions_of(admin: KafkaAdminClient, topics: Sequence[str]) -> list[TopicPartition]:
    """Return the partitions of those of ``topics`` that exist; raises KafkaError."""
    return [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in admin.describe_topics(list(topics))
        for partition in topic["partitions"]
    ]


def committed_offsets(
    admin: KafkaAdminClient, group: str, *, coordinated: bool
) -> dict[TopicPartition, int]:
    """Return what the group has committed; see :func:`positions`."""
    try:
        offsets = admin.list_group_offsets([group])
    except CoordinatorNotAvailableError:
        if coordinated:
            raise
        return {}  # no group has ever committed here
    return {place: max(0, known.offset) for place, known in offsets.get(group, {}).items()}


def combined(
    committed: Mapping[TopicPartition, int],
    first: Mapping[TopicPartition, int],
    end: Mapping[TopicPartition, int],
) -> list[PartitionOffsets]:
    """Return the offsets of each partition that has an ``end``.

    What was read before the end may be beyond it if the topic was deleted and recreated.
    """
    return [
        PartitionOffsets(
            topic=place.topic,
            partition=place.partition,
            first=min(first[place], end[place]),
            end=end[place],
            committed=min(committed.get(place, 0), end[place]),
        )
        for place in sorted(end)
    ]
