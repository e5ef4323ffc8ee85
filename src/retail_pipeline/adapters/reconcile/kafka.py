"""Reads Kafka for a reconciliation: partition by partition, without a consumer group."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from retail_pipeline.adapters.kafka.errors import translated
from retail_pipeline.adapters.kafka.offsets import positions
from retail_pipeline.adapters.kafka.topics import admin_client, partition_of
from retail_pipeline.domain.offsets import PartitionOffsets
from retail_pipeline.domain.wire import MANIFEST, Message, decode
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.settings import Settings

_STALLED_S = 20.0
_POLL_ROWS = 20_000


class TopicReader:
    """See :class:`retail_pipeline.reconcile.ports.KafkaReader`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._servers = settings.kafka_bootstrap_servers
        self._partitions = settings.kafka_partitions

    def positions(self) -> list[PartitionOffsets]:
        """Return the offsets of each partition of the three topics."""
        settings = self._settings
        with admin_client(settings) as admin:
            found = positions(admin, settings.topics, settings.kafka_group)
        partitions = Counter(each.topic for each in found)
        for topic in settings.topics:
            if not partitions[topic]:
                raise PermanentError(
                    f"Kafka at {self._servers} has no topic {topic}: run `retail setup` first"
                )
        self._partitions = partitions[settings.kafka_topic]
        return found

    def records(
        self, spans: Iterable[PartitionOffsets]
    ) -> Iterator[tuple[PartitionOffsets, Sequence[Message]]]:
        """Yield the records of each span, in pieces of one partition."""
        wanted = {
            TopicPartition(span.topic, span.partition): span
            for span in spans
            if span.end > span.first
        }
        if not wanted:
            return
        with translated(self._servers), closing(_consumer(self._servers)) as consumer:
            yield from self._read(consumer, wanted)

    def sent_sources(self) -> set[str]:
        """Return the sources of which rows were read and sent, by all manifests there are."""
        manifests = self._settings.manifest_topic
        spans = [each for each in self.positions() if each.topic == manifests]
        return {
            manifest.source
            for _, messages in self.records(spans)
            for manifest in decode(messages, MANIFEST).records
            if manifest.rows_read
        }

    def partition_of(self, invoice: str) -> int:
        """Return the partition that the Java client and this project's producer choose."""
        return _partition_of(invoice, self._partitions)

    def _read(
        self, consumer: Any, wanted: dict[TopicPartition, PartitionOffsets]
    ) -> Iterator[tuple[PartitionOffsets, Sequence[Message]]]:
        consumer.assign(list(wanted))
        for place, span in wanted.items():
            consumer.seek(place, span.first)
        left, moved_at = set(wanted), time.monotonic()
        while left:
            taken = consumer.poll(timeout_ms=1_000)
            for place, records in taken.items():
                span = wanted[place]
                if records[-1].offset >= span.end:
                    records = [record for record in records if record.offset < span.end]
                if records:
                    yield span, records
            # By position, not by records: a compacted topic's last offsets may have none.
            done = {place for place in left if consumer.position(place) >= wanted[place].end}
            if done:
                consumer.pause(*done)
                left -= done
            if taken or done:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > _STALLED_S:
                raise TransientError(
                    f"Kafka at {self._servers} sent nothing for {_STALLED_S:.0f} s"
                )


def _consumer(servers: str) -> Any:
    return KafkaConsumer(
        bootstrap_servers=servers.split(","),
        client_id="retail-reconcile",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=_POLL_ROWS,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_bytes=16 * 1024 * 1024,
        bootstrap_timeout_ms=8_000,
        metrics_enabled=False,
        allow_auto_create_topics=False,
    )


@lru_cache(maxsize=65_536)
def _partition_of(invoice: str, partitions: int) -> int:
    return partition_of(invoice.encode(), partitions)
