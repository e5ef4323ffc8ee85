"""The backlog: how many records are sent but not stored, and how many days are to summarise."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from kafka.errors import KafkaError
from pymongo.errors import PyMongoError

from retail_pipeline.adapters.kafka.offsets import positions
from retail_pipeline.adapters.kafka.topics import kafka_admin
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.failed_days import summaries_left
from retail_pipeline.domain.offsets import total_lag
from retail_pipeline.errors import TransientError
from retail_pipeline.settings import Settings


@dataclass(frozen=True)
class Backlog:
    """What the two servers report; ``problem`` says what can't be summarised, and what to do."""

    sent: int
    lag: int
    dirty: int
    problem: str | None = None

    @property
    def empty(self) -> bool:
        """Whether all that was sent is stored and summarised."""
        return self.lag == 0 and self.dirty == 0 and self.problem is None

    @property
    def stuck(self) -> bool:
        """Whether all is stored, and the days left can't be summarised."""
        return self.lag == 0 and self.dirty == 0 and self.problem is not None

    def __str__(self) -> str:
        text = f"{self.sent:,} records sent, {self.sent - self.lag:,} processed"
        text += f", {self.dirty:,} summaries to rebuild" if self.dirty else ""
        return text + (f"; {self.problem}" if self.problem else "")


class Gauge(AbstractContextManager["Gauge"]):
    """Reads the backlog over two connections that stay open."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin: Any = None
        self._mongo = connect(settings.mongo("reader"), name="local")

    def __exit__(self, *error: object) -> None:
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
            found = positions(self._admin, settings.topics, settings.kafka_group)
        except KafkaError as error:
            self._drop_admin()
            where = f"Kafka at {settings.kafka_bootstrap_servers}"
            raise TransientError(f"{where} does not answer: {error}") from error
        try:
            dirty, problem = summaries_left(self._mongo[settings.mongo_database])
        except PyMongoError as error:
            raise TransientError(f"MongoDB does not answer: {error}") from error
        sent = sum(position.end - position.first for position in found)
        return Backlog(sent, total_lag(found), dirty, problem)

    def _drop_admin(self) -> None:
        if self._admin is not None:
            self._admin.close()
            self._admin = None
