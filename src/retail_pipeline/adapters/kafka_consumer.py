"""The processor's side of Kafka: a member of the consumer group that commits by hand."""

from __future__ import annotations

import logging
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from kafka.structs import OffsetAndMetadata, TopicPartition

from retail_pipeline.adapters.kafka_errors import translated
from retail_pipeline.errors import RetailError
from retail_pipeline.flows.ports import Batch
from retail_pipeline.settings import Settings

_TOPICS_LOOKED_AT_MS = 5_000
log = logging.getLogger(__name__)
_MOVED_AWAY = (
    CommitFailedError,
    IllegalGenerationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


class _Share(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python tells no types
    """Whether, and how often, this member was told its share of the partitions; it may be none."""

    told = False
    times = 0

    def on_partitions_revoked(self, revoked: object) -> None:
        self.told = False

    def on_partitions_assigned(self, assigned: object) -> None:
        self.told = True
        self.times += 1


class GroupConsumer:
    """Takes batches; see :class:`retail_pipeline.flows.ports.Consumer`."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._share = _Share()
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
                # How soon a topic that was made anew shows.
                metadata_max_age_ms=_TOPICS_LOOKED_AT_MS,
            )
            self._consumer.subscribe(settings.topics, listener=self._share)
        self._identities: dict[str, object] = {}
        self._owed = Batch()

    @property
    def settled(self) -> bool:
        """Whether this member's share of the partitions is settled: it may be waiting for it."""
        return self._share.told

    def poll(self) -> Batch:
        """Return the next batch, or an empty one after half a second without records."""
        self._commit_owed()
        share = self._share.times
        with translated(self._servers):
            taken = self._consumer.poll(timeout_ms=500)
            anew = self._topics_made_anew()
        batch = Batch(identities=dict(self._identities), share=share)
        for partition, records in taken.items():
            if partition.topic in anew:
                continue
            batch.messages[partition.topic].extend(records)
            batch.next_offsets[partition.topic, partition.partition] = records[-1].offset + 1
        return batch

    def commit(self, batch: Batch) -> None:
        """Commit the offsets after ``batch`` in the partitions that are still this member's.

        A committed offset never goes back: others may have come further meanwhile.
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
                if batch.share != self._share.times:
                    offsets = self._ahead(offsets)
                if offsets:
                    self._consumer.commit(offsets, timeout_ms=30_000)
            except _MOVED_AWAY as error:
                # Where another processor has the partitions now, it takes these records again:
                # storing them twice changes nothing. Those that stay here don't come again.
                log.warning("offsets not committed, partitions moved: %s", error)
                self._owed.next_offsets |= batch.next_offsets
                self._owed.identities |= batch.identities

    def _commit_owed(self) -> None:
        """Commit what could not be committed while the partitions were shared out anew."""
        if self._owed.next_offsets and self.settled:
            owed, self._owed = self._owed, Batch()
            try:
                self.commit(owed)
            except RetailError:
                self._owed = owed
                raise

    def _ahead(self, offsets: dict[Any, Any]) -> dict[Any, Any]:
        """Return those offsets that are ahead of what is committed."""
        return {
            place: offset
            for place, offset in offsets.items()
            if offset.offset > (self._consumer.committed(place, timeout_ms=30_000) or 0)
        }

    def _topics_made_anew(self) -> set[str]:
        """Go to the start of each topic that was deleted and made anew; return their names.

        Its offsets begin anew, too: Kafka would go on where the old topic was left, and pass over
        the records before that.
        """
        places = self._consumer.assignment()
        anew = set()
        for topic in {place.topic for place in places}:
            # No public method tells a topic's identity without a question to the broker.
            identity = self._consumer._cluster.topic_id(topic)
            if identity and self._identities.setdefault(topic, identity) != identity:
                log.warning("topic %s was made anew: it is read from its start", topic)
                self._identities[topic] = identity
                anew.add(topic)
        if anew:
            self._consumer.seek_to_beginning(*(place for place in places if place.topic in anew))
        return anew

    def close(self) -> None:
        """Leave the group, so that the partitions move at once."""
        self._consumer.close(timeout_ms=5_000)
