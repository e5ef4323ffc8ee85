"""Real servers for a benchmark, and a topic and a database of its own for every run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pymongo.database import Database

from retail_devstack.environment import own_env, process_env, settings_of
from retail_devstack.home import Home
from retail_devstack.stack import Stack
from retail_devstack.users import root_uri
from retail_pipeline.adapters.kafka.topics import ensure_topics
from retail_pipeline.adapters.mongo.client import Document, connect
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.domain.collections import DIRTY_BUCKETS


@dataclass(frozen=True)
class Place:
    """Where one run works: its environment, and how to see what it has stored."""

    env: dict[str, str]
    database: Database[Document]
    folder: Path

    def count(self, collection: str) -> int:
        """Return how many documents a collection has."""
        return self.database[collection].estimated_document_count()

    def pending(self) -> int:
        """Return how many days are not summarised yet."""
        return self.count(DIRTY_BUCKETS)

    def forget(self) -> None:
        """Delete what the run stored."""
        self.database.client.drop_database(self.database.name)


@contextmanager
def servers() -> Iterator[tuple[Stack, Path]]:
    """Start ZooKeeper, Kafka and mongod, and stop them in the end; yield them and their folder.

    The folder, and all that was put into it, is deleted.
    """
    with TemporaryDirectory(prefix="retail-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        stack = Stack(Home(folder / "stack", Home.from_environment().cache))
        stack.state.names = {"KAFKA_TOPIC": "b", "KAFKA_GROUP": "b", "MONGO_DATABASE": "b"}
        try:
            stack.start_servers()
            yield stack, folder
        finally:
            stack.stop()


def place(stack: Stack, folder: Path) -> Place:
    """Return a place that no other run has, with topics and schema made."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    own = folder / name
    own.mkdir()
    env = {**process_env(stack), **own_env(stack, name, own), "LOG_LEVEL": "INFO"}
    ensure_topics(settings_of(env))
    # One connection for the whole run: to look costs nothing then.
    database = connect(root_uri(stack.state), name="bench")[name]
    ensure_schema(database)
    return Place(env, database, own)
