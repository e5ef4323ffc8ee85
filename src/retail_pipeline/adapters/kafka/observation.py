"""Reads the consumer group for a monitor, over two connections that stay open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from msgspec.structs import asdict

from retail_pipeline.adapters.kafka.errors import translated
from retail_pipeline.adapters.kafka.offsets import combined, committed_offsets, partitions_of
from retail_pipeline.adapters.kafka.topics import kafka_admin
from retail_pipeline.domain.offsets import PartitionOffsets
from retail_pipeline.operations.observation import GroupObservation, PartitionObservation
from retail_pipeline.operations.observer import at_most_every
from retail_pipeline.settings import Settings

_ANSWER_MS = 2_000
# Less than an observation waits: what can't be fetched in time is unknown, the rest is not.
_FETCH_SECONDS = 0.5
# How often the partitions and their first offsets are read at most.
_FIRST_OFFSETS_S = 2.0
_STABLE = {"Stable", "Empty", "Dead"}
Place = tuple[str, int]


class GroupReader:
    """Reads offsets, owners, and since when the oldest record of each partition waits."""

    def __init__(self, settings: Settings) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._topics = settings.topics
        self._group = settings.kafka_group
        self._admin: Any = None
        self._consumer: Any = None
        self._first = self._first_offsets
        # The timestamp of a record never changes: it is fetched once for each committed offset.
        self._timestamps: dict[Place, tuple[int, datetime]] = {}

    def read(self) -> GroupObservation:
        """Return what the brokers report now.

        Raises:
            TransientError, PermanentError: no broker answers in time, or it refuses.
        """
        with translated(self._servers):
            try:
                return self._read()
            except KafkaError:
                self.close()
                raise

    def close(self) -> None:
        """Close the connections; the next read opens them again."""
        for client in (self._admin, self._consumer):
            if client is not None:
                client.close()
        self._admin = self._consumer = None

    def _read(self) -> GroupObservation:
        if self._admin is None:
            self._admin = kafka_admin(self._servers, connect_ms=_ANSWER_MS, answer_ms=_ANSWER_MS)
        if self._consumer is None:
            self._consumer = _consumer(self._servers)
            self._first = at_most_every(_FIRST_OFFSETS_S, self._first_offsets)
        group = self._admin.describe_groups([self._group])[self._group]
        offsets = self._offsets()
        owners = _owners(group["members"])
        self._fetch_timestamps([each for each in offsets if each.lag])
        return GroupObservation(
            partitions=tuple(
                PartitionObservation(
                    **asdict(each),
                    owner=owners.get(each.key),
                    waiting_since=self._waiting_since(each),
                )
                for each in offsets
            ),
            members=len(group["members"]),
            rebalancing=group["group_state"] not in _STABLE,
        )

    def _offsets(self) -> list[PartitionOffsets]:
        """Do what ``positions`` of the module ``offsets`` does, for less work on both sides.

        Partitions, and the first offsets in their logs, change rarely. A consumer keeps the topics'
        metadata, for which an admin client asks before each request.
        """
        first = self._first()
        committed = committed_offsets(self._admin, self._group, coordinated=True)
        return combined(committed, first, self._consumer.end_offsets(list(first)))

    def _first_offsets(self) -> dict[TopicPartition, int]:
        found: dict[TopicPartition, int] = self._consumer.beginning_offsets(
            partitions_of(self._admin, self._topics)
        )
        return found

    def _waiting_since(self, each: PartitionOffsets) -> datetime | None:
        offset, timestamp = self._timestamps.get(each.key, (None, None))
        return timestamp if each.lag and offset == each.oldest else None

    def _fetch_timestamps(self, lagging: Sequence[PartitionOffsets]) -> None:
        """Fetch the record at each committed offset, as far as the brokers send it in time."""
        wanted = {
            TopicPartition(*each.key): each.oldest
            for each in lagging
            if self._waiting_since(each) is None
        }
        if not wanted:
            return
        self._consumer.assign(list(wanted))
        for place, offset in wanted.items():
            self._consumer.seek(place, offset)
        until = time.monotonic() + _FETCH_SECONDS
        while wanted and time.monotonic() < until:
            for place, [record, *_] in self._consumer.poll(timeout_ms=100, max_records=1).items():
                timestamp = datetime.fromtimestamp(record.timestamp / 1000, UTC)
                self._timestamps[place.topic, place.partition] = wanted.pop(place), timestamp
                # What else was fetched of it is dropped.
                self._consumer.assign(list(wanted))


def _owners(members: Sequence[dict[str, Any]]) -> dict[Place, str]:
    """Return the client id of the member that has each partition."""
    return {
        (topic["topic"], partition): str(member["client_id"])
        for member in members
        for topic in (member["member_assignment"] or {}).get("assigned_partitions", ())
        for partition in topic["partitions"]
    }


def _consumer(servers: str) -> Any:
    return KafkaConsumer(
        bootstrap_servers=servers.split(","),
        client_id="retail-monitor",
        group_id=None,
        enable_auto_commit=False,
        # A broker sends one batch at least, however small the limit is.
        max_partition_fetch_bytes=1,
        request_timeout_ms=_ANSWER_MS,
        bootstrap_timeout_ms=_ANSWER_MS,
        # The first offset may be older than known: the record there is the oldest one.
        auto_offset_reset="earliest",
        metrics_enabled=False,
        allow_auto_create_topics=False,
    )
