"""The commands that repair a stack, for each place in which one runs."""

from __future__ import annotations

from collections.abc import Sequence

from retail_pipeline.operations.health_reads import Commands, Service

_SERVERS = ("zookeeper", "kafka", "mongodb")
_SERVICES = ("processor", "dashboard")


def local_commands(services: Sequence[Service]) -> Commands:
    """Return the commands for a local stack with these services."""
    start = "retail local up --detach --no-stream"
    if any(each.name == "dashboard" and not each.started for each in services):
        start += " --no-dashboard"
    # It starts servers that don't answer again by itself, but no service that runs.
    restart = dict.fromkeys((*_SERVERS, *_SERVICES), start)
    for each in services:
        if each.name in _SERVICES and each.pid:
            restart[each.name] = f"kill -9 {each.pid}; {start}"
    return Commands(
        start=start,
        restart=restart,
        users=start,
        setup="retail setup",
        topics="retail setup --reset-topics",
        reconcile="retail reconcile",
        count="retail reconcile --quick",
    )


COMPOSE_COMMANDS = Commands(
    start="docker compose up --detach",
    # The first part creates a container that was removed, the second part ends one that hangs.
    restart={
        name: f"docker compose up --detach {name}; docker compose restart {name}"
        for name in (*_SERVERS, *_SERVICES)
    },
    users="docker compose run --rm users",
    setup="docker compose run --rm setup",
    topics="docker compose run --rm setup retail setup --reset-topics",
    reconcile="docker compose run --rm retail reconcile",
    count="docker compose run --rm retail reconcile --quick",
)
# For servers elsewhere it is not known how they are started.
OTHER_COMMANDS = Commands(
    start=None,
    restart={},
    users=None,
    setup="retail setup",
    topics="retail setup --reset-topics",
    reconcile="retail reconcile",
    count="retail reconcile --quick",
)
