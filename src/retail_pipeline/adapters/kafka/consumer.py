"""The processor's side of Kafka: a member of the consumer group that commits its offsets itself."""

from __future__ import annotations

import logging
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata, TopicPartition

from retail_pipeline.adapters.kafka.errors import translated
from retail_pipeline.domain.heartbeat import PartitionProgress
from retail_pipeline.flows.ports import Batch
from retail_pipeline.settings import Settings

_TOPICS_CHECKED_MS = 5_000
# How long offsets may take to be read or committed.
_OFFSETS_MS = 30_000
log = logging.getLogger(__name__)
_MOVED_AWAY = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Whether the assignment is known (no rebalance runs), and how many there were.

    kafka-python calls it on its own thread, which must not wait for a request: a listener can't
    commit.
    """

    settled = False
    number = 0

    def on_partitions_revoked(self, revoked: object) -> None:
        self.settled = False

    def on_partitions_assigned(self, assigned: object) -> None:
        self.settled = True
        self.number += 1


class GroupConsumer:
    """Takes batches; see :class:`retail_pipeline.flows.ports.Consumer`."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._topic = settings.kafka_topic
        self._assignment = _Assignment()
        with translated(self._servers):
            self._consumer = KafkaConsumer(
                bootstrap_servers=self._servers.split(","),
                client_id=client_id,
                group_id=settings.kafka_group,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                session_timeout_ms=settings.kafka_session_timeout_ms,
                heartbeat_interval_ms=settings.kafka_session_timeout_ms // 4,
                max_poll_records=settings.processor_batch_rows,
                # The broker itself waits for a batch to fill, by size and by time.
                fetch_min_bytes=64 * 1024,
                fetch_max_wait_ms=settings.processor_wait_ms,
                max_partition_fetch_bytes=1024 * 1024,
                fetch_max_bytes=8 * 1024 * 1024,
                bootstrap_timeout_ms=10_000,
                metrics_enabled=False,
                # A broker that is back is found within a second.
                reconnect_backoff_max_ms=1_000,
                allow_auto_create_topics=False,
                # How soon a recreated topic is noticed.
                metadata_max_age_ms=_TOPICS_CHECKED_MS,
            )
            self._consumer.subscribe(settings.topics, listener=self._assignment)
        # The number of the assignment for which the positions were set.
        self._positioned = 0
        # The broker's id of each topic: a recreated topic has another one.
        self._identities: dict[str, object] = {}
        # The offset up to which each partition is stored, as far as this member knows.
        self._stored: dict[Any, int] = {}

    @property
    def settled(self) -> bool:
        """Whether this member has its assignment, and does not wait for a rebalance to end."""
        return self._assignment.settled

    def poll(self) -> Batch:
        """Return the next batch, or an empty one after half a second without records.

        After a rebalance it reads on from the committed offsets: what was fetched before and is not
        committed comes again, here or at another member.
        """
        with translated(self._servers):
            taken = self._consumer.poll(timeout_ms=500)
            recreated = self._recreated_topics()
            if recreated or self._positioned != self._assignment.number:
                self._start_again(recreated)
                return Batch()
        batch = Batch(assignment=self._positioned)
        for partition, records in taken.items():
            self._stored.setdefault(partition, records[0].offset)
            batch.messages[partition.topic].extend(records)
            batch.next_offsets[partition.topic, partition.partition] = records[-1].offset + 1
        return batch

    def commit(self, batch: Batch) -> None:
        """Commit the offsets after ``batch``, unless there was a rebalance since it was fetched.

        It could otherwise set back what another member has committed in the meantime.
        """
        if batch.assignment != self._assignment.number:
            return
        offsets = {
            TopicPartition(*place): OffsetAndMetadata(offset, "", -1)
            for place, offset in batch.next_offsets.items()
        }
        with translated(self._servers):
            try:
                self._consumer.commit(offsets, timeout_ms=_OFFSETS_MS)
            except _MOVED_AWAY as error:
                # These records come again after the rebalance: storing them twice changes nothing.
                log.warning(
                    "offsets not committed, partitions moved: %s",
                    error,
                    extra={"offsets": batch.offsets},
                )
            else:
                self._stored |= {place: each.offset for place, each in offsets.items()}

    def at_end(self) -> bool:
        """Return whether the brokers have no record that this member has still to fetch.

        Raises:
            TransientError: no broker answers.
        """
        with translated(self._servers):
            ends = self._consumer.end_offsets(
                list(self._consumer.assignment()), timeout_ms=_OFFSETS_MS
            )
            try:
                return all(self._position(place) >= end for place, end in ends.items())
            except IllegalStateError:  # a rebalance has taken one of them
                return False

    def _position(self, place: Any) -> int:
        """Return the offset of the next record to fetch, or 0 while it is unknown."""
        return int(self._consumer.position(place, timeout_ms=_OFFSETS_MS) or 0)

    @property
    def partitions(self) -> int:
        """The number of partitions of the transactions' topic, as far as this member knows."""
        # The public method asks the broker, and waits if the topic is gone.
        return len(self._consumer._cluster.partitions_for_topic(self._topic) or ())

    def progress(self) -> tuple[PartitionProgress, ...]:
        """Return how far this member is in its partitions of the transactions' topic.

        A partition's end is the one that the last fetch returned: no broker is asked for it.
        """
        return tuple(self._progress_in(place) for place in self._mine())

    def _mine(self) -> list[Any]:
        return sorted(place for place in self._consumer.assignment() if place.topic == self._topic)

    def _progress_in(self, place: Any) -> PartitionProgress:
        end = self._consumer.highwater(place)
        if end is None:  # not fetched yet
            return PartitionProgress(place.partition)
        stored = self._stored.get(place)
        if stored is None:  # no record was fetched since the assignment
            try:
                stored = self._consumer.position(place, timeout_ms=100)
            except KafkaError:
                pass
        return PartitionProgress(place.partition, stored, end)

    def _recreated_topics(self) -> set[str]:
        """Return the topics that were deleted and created again since the last poll."""
        recreated = set()
        for topic in {place.topic for place in self._consumer.assignment()}:
            # No public method returns a topic's id without a request to the broker.
            identity = self._consumer._cluster.topic_id(topic)
            if identity and self._identities.setdefault(topic, identity) != identity:
                log.warning(
                    "topic %s was created again: it is read from its start",
                    topic,
                    extra={"topic": topic},
                )
                recreated.add(topic)
        return recreated

    def _start_again(self, recreated: set[str]) -> None:
        """Read on from the committed offsets; the offsets of a recreated topic begin at zero.

        The client itself keeps its position in a partition that it had before a rebalance.
        """
        if recreated:
            # So that batches of the deleted topic are not committed.
            self._assignment.number += 1
        started = self._assignment.number
        offsets: dict[str, int | None] = {}
        for place in sorted(self._consumer.assignment()):
            committed = None
            if place.topic not in recreated:
                committed = self._consumer.committed(place, timeout_ms=_OFFSETS_MS)
            if committed is None:
                self._consumer.seek_to_beginning(place)
            else:
                self._consumer.seek(place, committed)
            offsets[f"{place.topic}-{place.partition}"] = committed
        self._stored.clear()
        for topic in recreated:
            del self._identities[topic]
        self._positioned = started
        mine = [str(place.partition) for place in self._mine()]
        log.info(
            "partitions of %s assigned: %s",
            *(self._topic, ", ".join(mine) or "none, other processors have them"),
            extra={"topic": self._topic, "offsets": offsets},
        )

    def close(self) -> None:
        """Leave the group, so that the partitions move at once."""
        self._consumer.close(timeout_ms=5_000)
