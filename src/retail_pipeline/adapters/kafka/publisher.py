"""The producer's side of Kafka: idempotent, compressed, in large batches."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import msgspec
from kafka import KafkaProducer
from kafka.producer.future import FutureRecordMetadata

from retail_pipeline.adapters.kafka.closing import drop
from retail_pipeline.adapters.kafka.errors import translated
from retail_pipeline.adapters.kafka.topics import partition_of
from retail_pipeline.domain.contract import SCHEMA_VERSION
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.settings import Settings

_ACKNOWLEDGED_WITHIN_S = 60
# Source and row are fields of the record; as headers they would cost 5 microseconds a row.
_HEADERS = [("schema_version", b"%d" % SCHEMA_VERSION)]


class KafkaBarrier:
    """The records queued between two calls of :meth:`KafkaPublisher.barrier`."""

    def __init__(self, futures: list[FutureRecordMetadata], servers: str) -> None:
        self._futures = futures
        self._servers = servers

    @property
    def done(self) -> bool:
        """Whether each record is acknowledged or refused; the last ones are checked first."""
        return all(future.is_done for future in reversed(self._futures))

    def wait(self) -> None:
        """Block until each record is acknowledged by the brokers."""
        with translated(self._servers):
            for future in self._futures:
                future.get(timeout=_ACKNOWLEDGED_WITHIN_S)


class KafkaPublisher:
    """Queues records; see :class:`retail_pipeline.flows.ports.Publisher`."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._topic = settings.kafka_topic
        self._dead_letters = settings.dead_letter_topic
        self._manifests = settings.manifest_topic
        self._encode = msgspec.json.Encoder().encode
        self._futures: list[FutureRecordMetadata] = []
        with translated(self._servers):
            self._producer = KafkaProducer(**_producer_settings(settings, client_id))
            try:
                partitions = self._producer.partitions_for(self._topic)
            except Exception:
                drop(self._producer, 0)
                raise
        # An invoice's lines follow one another.
        self._partition = lru_cache(4_096)(partial(partition_of, partitions=len(partitions)))

    def send(self, transaction: Transaction, replay_of: str | None = None) -> None:
        """Queue one transaction in its invoice's partition."""
        key = transaction.InvoiceNo.encode()
        value = self._encode(transaction)
        headers = _HEADERS if replay_of is None else [*_HEADERS, ("replay", replay_of.encode())]
        self._queue(self._topic, key, value, headers, self._partition(key))

    def reject(self, rejection: Rejection) -> None:
        """Queue one rejected row for the dead-letter topic."""
        headers = [
            ("reason", rejection.reason.value.encode()),
            ("source", rejection.source.encode()),
            ("row", b"%d" % rejection.row),
        ]
        key = rejection.id.encode()
        self._queue(self._dead_letters, key, self._encode(rejection), headers)

    def send_manifest(self, manifest: Manifest) -> None:
        """Queue one manifest."""
        self._queue(self._manifests, manifest.source.encode(), self._encode(manifest), [])

    def barrier(self) -> KafkaBarrier:
        """Return a barrier for all that was queued since the last one."""
        futures, self._futures = self._futures, []
        return KafkaBarrier(futures, self._servers)

    def close(self) -> None:
        """Drop what is not acknowledged, and close the connections."""
        drop(self._producer, 1)

    def _queue(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        headers: list[tuple[str, bytes]],
        partition: int | None = None,
    ) -> None:
        try:
            future = self._producer.send(topic, value, key, headers, partition)
        except Exception:
            with translated(self._servers):
                raise
        self._futures.append(future)


def _producer_settings(settings: Settings, client_id: str) -> dict[str, Any]:
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "client_id": client_id,
        "compression_type": "lz4",
        # One batch a partition is in flight at a time: large batches use the network best.
        "batch_size": 256 * 1024,
        "linger_ms": 50,
        "delivery_timeout_ms": _ACKNOWLEDGED_WITHIN_S * 1000,
        "max_block_ms": 15_000,
        "bootstrap_timeout_ms": 10_000,
        "metrics_enabled": False,
        # A broker that is back is found within a second.
        "reconnect_backoff_max_ms": 1_000,
        "allow_auto_create_topics": False,
    }
