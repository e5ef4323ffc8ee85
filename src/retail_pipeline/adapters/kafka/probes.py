"""Sends probes to Kafka."""

from __future__ import annotations

import time

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.producer.future import FutureRecordMetadata

from retail_pipeline.adapters.kafka.closing import drop
from retail_pipeline.adapters.kafka.errors import translated, words
from retail_pipeline.domain.probe import Probe
from retail_pipeline.domain.wire import PROBE
from retail_pipeline.operations.probe import SentProbe
from retail_pipeline.settings import Settings

# Its value has no meaning yet.
_HEADERS = [(PROBE, b"1")]


class ProbeSender:
    """Sends a probe to each partition of the transactions topic, over a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._topic = settings.kafka_topic

    def send(self, timeout_s: float) -> list[SentProbe]:
        """Send the probes, and wait ``timeout_s`` seconds for the brokers to acknowledge them.

        Raises:
            TransientError, PermanentError: no broker answers, or the topic can't be read.
        """
        with translated(self._servers):
            producer = _producer(self._servers, round(timeout_s * 1000))
            try:
                partitions = sorted(producer.partitions_for(self._topic))
                queued = [self._queue(producer, partition) for partition in partitions]
                ends = time.monotonic() + timeout_s
                return [_acknowledged(each, future, ends) for each, future in queued]
            finally:
                drop(producer, 0)

    def _queue(
        self, producer: KafkaProducer, partition: int
    ) -> tuple[SentProbe, FutureRecordMetadata]:
        probe = Probe.new()
        sent = SentProbe(self._topic, partition, probe.probe, time.monotonic())
        value = msgspec.json.encode(probe)
        return sent, producer.send(self._topic, value, None, _HEADERS, partition)


def _acknowledged(sent: SentProbe, future: FutureRecordMetadata, ends: float) -> SentProbe:
    """Return the probe with its offset, or with the reason why no broker acknowledged it."""
    offset, problem = None, ""
    try:
        offset = future.get(timeout=max(0.0, ends - time.monotonic())).offset
    except KafkaError as error:
        problem = words(error)
    return SentProbe(sent.topic, sent.partition, sent.id, sent.sent_at, offset, problem)


def _producer(servers: str, timeout_ms: int) -> KafkaProducer:
    return KafkaProducer(
        bootstrap_servers=servers.split(","),
        client_id="retail-probe",
        linger_ms=0,
        request_timeout_ms=timeout_ms,
        delivery_timeout_ms=timeout_ms,
        max_block_ms=timeout_ms,
        bootstrap_timeout_ms=timeout_ms,
        metrics_enabled=False,
        allow_auto_create_topics=False,
    )
