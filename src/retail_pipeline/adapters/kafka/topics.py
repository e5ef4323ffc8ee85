"""Creates the three topics idempotently; reads a topic's id; finds an invoice's partition."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.partitioner.default import murmur2

from retail_pipeline.adapters.kafka.errors import translated
from retail_pipeline.domain.days import DAY_MS
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.operations.health_reads import Topic
from retail_pipeline.settings import Settings

_MEGABYTE = 1024 * 1024


@contextmanager
def admin_client(
    settings: Settings, *, connect_ms: int = 8_000, answer_ms: int = 30_000
) -> Iterator[KafkaAdminClient]:
    """Yield a connected admin client, and close it; the times are those of :func:`kafka_admin`.

    Raises:
        TransientError: no broker answers.
    """
    servers = settings.kafka_bootstrap_servers
    with (
        translated(servers),
        closing(kafka_admin(servers, connect_ms=connect_ms, answer_ms=answer_ms)) as client,
    ):
        yield client


def kafka_admin(
    servers: str, *, connect_ms: int = 8_000, answer_ms: int = 30_000
) -> KafkaAdminClient:
    """Return an admin client that raises Kafka's own errors; the caller closes it.

    It waits ``connect_ms`` milliseconds for a broker, and ``answer_ms`` for each answer.
    """
    return KafkaAdminClient(
        bootstrap_servers=servers.split(","),
        client_id="retail-admin",
        request_timeout_ms=answer_ms,
        bootstrap_timeout_ms=connect_ms,
    )


def partition_of(invoice: bytes, partitions: int) -> int:
    """Return the partition of an invoice's lines: the one that the Java client chooses."""
    return int((murmur2(invoice) & 0x7FFFFFFF) % partitions)


def wanted_topics(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return each topic's partitions and configuration, as the admin API takes them."""
    month, forever = str(30 * DAY_MS), "-1"
    return {
        settings.kafka_topic: {
            "num_partitions": settings.kafka_partitions,
            "configs": {"retention.ms": month, "max.message.bytes": str(_MEGABYTE)},
        },
        settings.dead_letter_topic: {"num_partitions": 1, "configs": {"retention.ms": forever}},
        # A segment a day: only closed ones are compacted, and a count check reads the whole topic.
        settings.manifest_topic: {
            "num_partitions": 1,
            "configs": {"cleanup.policy": "compact", "segment.ms": str(DAY_MS)},
        },
    }


def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics that are missing; return their names.

    Raises:
        TransientError: no broker answers.
        PermanentError: a topic can't be created.
    """
    with admin_client(settings) as admin:
        there = set(admin.list_topics())
        missing = {
            name: options for name, options in wanted_topics(settings).items() if name not in there
        }
        if missing:
            # Two commands at once may both find a topic missing.
            result = admin.create_topics(missing, raise_errors=False, wait_for_metadata=True)
            if absent := sorted(set(missing) - set(admin.list_topics())):
                names = ", ".join(absent)
                raise PermanentError(f"Kafka did not create the topics {names}: {result}")
        return sorted(missing)


def reset_topics(settings: Settings) -> list[str]:
    """Set each topic's settings to the expected ones; return the names of the topics changed.

    Raises:
        TransientError: no broker answers.
        PermanentError: Kafka refuses.
    """
    wanted = wanted_topics(settings)
    changed = [name for name, topic in read_topics(settings).items() if topic and topic.settings]
    with admin_client(settings) as admin:
        admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, name, wanted[name]["configs"])
                for name in changed
            ]
        )
    return changed


def read_topics(settings: Settings, *, answer_ms: int = 8_000) -> dict[str, Topic | None]:
    """Return each topic of the pipeline as the brokers have it; None if it does not exist.

    Raises:
        TransientError, PermanentError: no broker answers within ``answer_ms``, or it refuses.
    """
    wanted = wanted_topics(settings)
    with admin_client(settings, connect_ms=answer_ms, answer_ms=answer_ms) as admin:
        described = {
            each["name"]: each["partitions"]
            for each in admin.describe_topics(list(wanted))
            if each["partitions"]
        }
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, name, list(wanted[name]["configs"]))
            for name in described
        ]
        configs = admin.describe_configs(resources, config_filter="all") if resources else {}
    found = configs.get("topic", {})
    return {
        name: (
            _topic(name, described[name], found.get(name, {}), wanted[name]["configs"])
            if name in described
            else None
        )
        for name in wanted
    }


def _topic(
    name: str, partitions: list[Any], found: dict[str, Any], wanted: dict[str, str]
) -> Topic:
    if not wanted.keys() <= found.keys():
        raise TransientError(f"Kafka does not say how {name} is set; does ZooKeeper run?")
    return Topic(
        name=name,
        partitions=len(partitions),
        offline=tuple(each["partition_index"] for each in partitions if each["leader_id"] < 0),
        under_replicated=tuple(
            each["partition_index"]
            for each in partitions
            if len(each["isr_nodes"]) < len(each["replica_nodes"])
        ),
        settings=tuple(
            f"{setting} is {found[setting]['value']}, not {value}"
            for setting, value in wanted.items()
            if found[setting]["value"] != value
        ),
    )


def count_brokers(settings: Settings, *, answer_ms: int = 8_000) -> int:
    """Return how many brokers there are.

    Raises:
        TransientError, PermanentError: no broker answers within ``answer_ms``, or there is no
            controller.
    """
    with admin_client(settings, connect_ms=answer_ms, answer_ms=answer_ms) as admin:
        cluster = admin.describe_cluster()
    if cluster["controller_id"] < 0:
        where = settings.kafka_bootstrap_servers
        raise TransientError(f"Kafka at {where} has no controller; does ZooKeeper run?")
    return len(cluster["brokers"])


def topic_id(settings: Settings) -> str:
    """Return the broker's id of the transactions topic; a topic that is created again has another.

    Raises:
        TransientError: no broker answers, or it does not know any topic yet.
        PermanentError: there are others, but no such topic.
    """
    name, where = settings.kafka_topic, f"Kafka at {settings.kafka_bootstrap_servers}"
    with admin_client(settings) as admin:
        known = admin.list_topics()
        if known and name not in known:
            raise PermanentError(f"{where} has no topic {name}: run `retail setup` first")
        for topic in admin.describe_topics([name]) if known else ():
            if topic["name"] == name and topic.get("partitions"):
                return str(topic["topic_id"])
    # A broker that has just started may answer before it has its metadata.
    raise TransientError(
        f"{where} has no topic {name} yet: run `retail setup`, or wait for the broker"
    )
