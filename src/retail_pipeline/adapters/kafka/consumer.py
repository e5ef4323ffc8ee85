"""The processor's side of Kafka: a member of the consumer group that commits its offsets itself."""

from __future__ import annotations

import logging
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata, TopicPartition

from retail_pipeline.adapters.kafka.errors import translated
from retail_pipeline.domain.heartbeat import PartitionProgress
from retail_pipeline.errors import RetailError
from retail_pipeline.flows.ports import Batch
from retail_pipeline.settings import Settings

_TOPICS_CHECKED_MS = 5_000
log = logging.getLogger(__name__)
_MOVED_AWAY = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


class _Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Whether partitions are assigned now, possibly none, and how many times they were."""

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
        self._identities: dict[str, object] = {}
        self._pending = Batch()
        # The offset up to which each partition is stored, as far as this member knows.
        self._stored: dict[Any, int] = {}

    @property
    def settled(self) -> bool:
        """Whether this member has its assignment, and does not wait for a rebalance to end."""
        return self._assignment.settled

    def poll(self) -> Batch:
        """Return the next batch, or an empty one after half a second without records."""
        self._commit_pending()
        assignment = self._assignment.number
        with translated(self._servers):
            taken = self._consumer.poll(timeout_ms=500)
            recreated = self._topics_recreated()
        if recreated or assignment != self._assignment.number:
            self._stored.clear()
        batch = Batch(identities=dict(self._identities), assignment=assignment)
        for partition, records in taken.items():
            if partition.topic in recreated:
                continue
            self._stored.setdefault(partition, records[0].offset)
            batch.messages[partition.topic].extend(records)
            batch.next_offsets[partition.topic, partition.partition] = records[-1].offset + 1
        return batch

    def commit(self, batch: Batch) -> None:
        """Commit the offsets after ``batch`` in the partitions that are still assigned.

        A committed offset never goes back: another member may have got further in the meantime.
        """
        mine = self._consumer.assignment()
        offsets = {
            place: OffsetAndMetadata(offset, "", -1)
            for (topic, partition), offset in batch.next_offsets.items()
            if (place := TopicPartition(topic, partition)) in mine
            and batch.identities.get(topic) == self._identities.get(topic)
        }
        with translated(self._servers):
            try:
                if batch.assignment != self._assignment.number:
                    offsets = self._ahead(offsets)
                if offsets:
                    self._consumer.commit(offsets, timeout_ms=30_000)
                    self._stored |= {place: each.offset for place, each in offsets.items()}
            except _MOVED_AWAY as error:
                # Another processor reads the records of partitions that moved again: storing them
                # twice changes nothing. Partitions that stay here don't deliver them again.
                log.warning("offsets not committed, partitions moved: %s", error)
                self._pending.next_offsets |= batch.next_offsets
                self._pending.identities |= batch.identities

    @property
    def partitions(self) -> int:
        """The number of partitions of the transactions' topic, as far as this member knows."""
        # The public method asks the broker, and waits if the topic is gone.
        return len(self._consumer._cluster.partitions_for_topic(self._topic) or ())

    def progress(self) -> tuple[PartitionProgress, ...]:
        """Return how far this member is in its partitions of the transactions' topic.

        It sends no request: a partition's end is the one that the last fetch returned.
        """
        mine = sorted(place for place in self._consumer.assignment() if place.topic == self._topic)
        return tuple(self._progress_in(place) for place in mine)

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

    def _commit_pending(self) -> None:
        """Commit what could not be committed during a rebalance."""
        if self._pending.next_offsets and self.settled:
            pending, self._pending = self._pending, Batch()
            try:
                self.commit(pending)
            except RetailError:
                self._pending = pending
                raise

    def _ahead(self, offsets: dict[Any, Any]) -> dict[Any, Any]:
        """Return the offsets that are ahead of the committed ones."""
        return {
            place: offset
            for place, offset in offsets.items()
            if offset.offset > (self._consumer.committed(place, timeout_ms=30_000) or 0)
        }

    def _topics_recreated(self) -> set[str]:
        """Go to the start of each topic that was deleted and created again; return their names.

        Their offsets start again at zero: the client would go on from the old topic's offset and
        skip the records before it.
        """
        places = self._consumer.assignment()
        recreated = set()
        for topic in {place.topic for place in places}:
            # No public method returns a topic's id without a request to the broker.
            identity = self._consumer._cluster.topic_id(topic)
            if identity and self._identities.setdefault(topic, identity) != identity:
                log.warning("topic %s was created again: it is read from its start", topic)
                self._identities[topic] = identity
                recreated.add(topic)
        if recreated:
            self._consumer.seek_to_beginning(*(each for each in places if each.topic in recreated))
        return recreated

    def close(self) -> None:
        """Leave the group, so that the partitions move at once."""
        self._consumer.close(timeout_ms=5_000)
