"""Reads the offsets of each partition, and those that the processors have committed."""

from __future__ import annotations

from collections.abc import Sequence

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
    places = [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in admin.describe_topics(list(topics))
        for partition in topic["partitions"]
    ]
    # Committed first: a record that arrives between two requests counts as lag, not as stored.
    committed = _committed(admin, group, coordinated)
    first = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    end = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    return [
        PartitionOffsets(
            topic=place.topic,
            partition=place.partition,
            first=first[place].offset,
            end=end[place].offset,
            # A committed offset beyond the end belongs to a topic that was deleted and recreated.
            committed=min(committed.get(place, 0), end[place].offset),
        )
        for place in sorted(places)
    ]


def _committed(admin: KafkaAdminClient, group: str, coordinated: bool) -> dict[TopicPartition, int]:
    try:
        offsets = admin.list_group_offsets([group])
    except CoordinatorNotAvailableError:
        if coordinated:
            raise
        return {}  # no group has ever committed here
    return {place: max(0, known.offset) for place, known in offsets.get(group, {}).items()}
