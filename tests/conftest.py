"""Fixtures that every test may use: real servers, started once, and names of one's own on them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from kafka.errors import KafkaError

from retail_devstack.environment import own_env, process_env, settings_of, stack_env
from retail_devstack.home import Home
from retail_devstack.processes import find
from retail_devstack.stack import Stack
from retail_devstack.users import ensure_stack_users, root_uri
from retail_pipeline.adapters.kafka.topics import kafka_admin
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.settings import Settings

# No test reaches the stack that somebody runs in the checkout.
os.environ["RETAIL_HOME"] = str(Path(__file__).with_name("no-stack"))

# The same examples in every run, and no time limit: a busy machine is no failure. To look further:
# HYPOTHESIS_PROFILE=search makes other examples each time, and many more of them.
settings.register_profile("retail", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, max_examples=3_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "retail"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the real servers, and run their files first.

    They take longest: at the end, no worker waits for another one's.
    """
    slow = set()
    for item in items:
        if {"stack", "fresh"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.integration)
            slow.add(item.path)
    items.sort(key=lambda item: item.path not in slow)


@dataclass
class RunningStack:
    """ZooKeeper, Kafka and mongod for tests, with no service of the pipeline on them."""

    stack: Stack

    @property
    def home(self) -> Path:
        """The folder in which everything lies."""
        return self.stack.home.root

    @property
    def settings(self) -> Settings:
        """Settings that reach the servers."""
        return settings_of(stack_env(self.stack))

    @property
    def env(self) -> dict[str, str]:
        """The whole environment for a subprocess."""
        return process_env(self.stack)

    @property
    def root_uri(self) -> str:
        """MongoDB for one who may do everything: to arrange and to look, not to test with."""
        return root_uri(self.stack.state)

    def env_of(self, settings: Settings) -> dict[str, str]:
        """Return the whole environment for a subprocess that shall have ``settings``."""
        own = {
            name.upper(): str(value)
            for name, value in settings.model_dump().items()
            if value is not None
        }
        return {**self.env, **own}

    def kill(self, server: str) -> None:
        """Kill ``zookeeper``, ``kafka`` or ``mongodb`` as a crash does, with no warning."""
        live = find(self.stack.process(server))
        assert live is not None, f"{server} is not running"
        live.kill()
        live.wait(10)

    def stop(self, server: str) -> None:
        """Stop a server in good order."""
        self.stack.stop([server])

    def restart(self) -> None:
        """Start what is down, on the same ports and data, and wait until it works."""
        before = dict(self.stack.state.ports)
        self.stack.start_servers()
        assert {**before, **self.stack.state.ports} == before, "a port was taken meanwhile"

    def names(self, folder: Path) -> Settings:
        """Return settings with a topic, a group and a database that nobody else has."""
        unique = f"test_{uuid.uuid4().hex[:12]}"
        own = own_env(self.stack, unique, folder)
        env = {**stack_env(self.stack), **own, "KAFKA_PARTITIONS": "3"}
        return settings_of(env)

    def forget(self, settings: Settings) -> None:
        """Delete what a test left under its names."""
        with connect(self.root_uri, name="tests") as client:
            client[settings.mongo_database].command("dropAllUsersFromDatabase")
            client[settings.mongo_database].command("dropAllRolesFromDatabase")
            client.drop_database(settings.mongo_database)
        with closing(kafka_admin(settings.kafka_bootstrap_servers)) as admin:
            own = [name for name in admin.list_topics() if name.startswith(settings.kafka_topic)]
            if own:
                admin.delete_topics(own)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Real servers on free ports, in a folder of their own, for the whole run of the tests."""
    home = Home(tmp_path_factory.mktemp("stack") / "home", Home.from_environment().cache)
    local = Stack(home, say=print)
    local.state.names = {
        "KAFKA_TOPIC": "retail_transactions",
        "KAFKA_GROUP": "retail-processor",
        "MONGO_DATABASE": "retail_db",
    }
    try:
        local.start_servers()
        ensure_stack_users(local.state, "retail_db")
        yield RunningStack(local)
    finally:
        local.stop()


@pytest.fixture
def fresh(stack: RunningStack, tmp_path: Path) -> Iterator[Settings]:
    """Settings with a topic, a group, a database and folders that no other test has.

    Its users are there; topics and collections are not, until the set-up step makes them. If the
    test killed a server, it is started again afterwards.
    """
    settings = stack.names(tmp_path)
    yield settings
    if not stack.stack.works():
        stack.restart()
    try:
        stack.forget(settings)
    except KafkaError as error:
        print(f"left behind: {settings.kafka_topic} ({error})")
