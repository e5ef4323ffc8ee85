"""How far the processor is behind: what is sent, what is stored, what is still to be summarised."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from kafka import TopicPartition
from kafka.errors import CoordinatorNotAvailableError, KafkaError
from kafka.protocol.consumer import OffsetSpec
from pymongo.errors import PyMongoError

from retail_pipeline.adapters.kafka_topics import kafka_admin
from retail_pipeline.adapters.mongo_client import connect
from retail_pipeline.errors import TransientError
from retail_pipeline.settings import Settings


@dataclass(frozen=True)
class Backlog:
    """One look at the two servers."""

    sent: int
    left: int
    dirty: int

    @property
    def empty(self) -> bool:
        """Whether all that was sent is stored and summarised."""
        return self.left == 0 and self.dirty == 0

    def __str__(self) -> str:
        text = f"{self.sent:,} records sent, {self.sent - self.left:,} taken in"
        return text + (f", {self.dirty:,} summaries to rebuild" if self.dirty else "")


class Gauge:
    """Reads the backlog over two connections that stay open."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin: Any = None
        self._mongo = connect(settings.mongo("reader"), name="local")

    def __enter__(self) -> Gauge:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._mongo.close()
        self._drop_admin()

    def read(self) -> Backlog:
        """Return the present backlog.

        Raises:
            TransientError: one of the servers doesn't answer.
        """
        settings = self._settings
        try:
            if self._admin is None:
                self._admin = kafka_admin(settings.kafka_bootstrap_servers, answer_ms=10_000)
            sent, left = _sent_and_left(self._admin, settings.topics, settings.kafka_group)
        except KafkaError as error:
            self._drop_admin()
            raise TransientError(f"{settings.kafka_bootstrap_servers}: {error!r}") from error
        try:
            marks = self._mongo[settings.mongo_database]["dirty_buckets"]
            return Backlog(sent, left, marks.count_documents({}))
        except PyMongoError as error:
            raise TransientError(f"MongoDB: {error}") from error

    def _drop_admin(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None


def _sent_and_left(admin: Any, topics: Iterable[str], group: str) -> tuple[int, int]:
    partitions = [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in admin.describe_topics(list(topics))
        for partition in topic["partitions"]
    ]
    # Committed first: what arrives between two questions must count as left, not as taken in.
    committed = _committed(admin, group)
    begin = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
    end = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    sent = left = 0
    for partition in partitions:
        first, last = begin[partition].offset, end[partition].offset
        sent += last - first
        left += last - max(first, committed.get(partition, first))
    return sent, left


def _committed(admin: Any, group: str) -> dict[Any, int]:
    try:
        offsets = admin.list_group_offsets([group])
    except CoordinatorNotAvailableError:
        return {}  # no group has ever committed here
    return {partition: known.offset for partition, known in offsets.get(group, {}).items()}
