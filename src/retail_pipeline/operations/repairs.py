"""The commands that repair a stack, for each place in which one runs."""

from __future__ import annotations

from collections.abc import Sequence

from retail_pipeline.operations.health_reads import Commands, Service


def local_commands(services: Sequence[Service]) -> Commands:
    """Return the commands for a local stack with these services."""
    start = "retail local up --detach --no-stream"
    if any(each.name == "dashboard" and not each.started for each in services):
        start += " --no-dashboard"
    pids = [each.pid for each in services if each.name == "processor" and each.pid]
    return Commands(
        start=start,
        users=start,
        setup="retail setup",
        topics="retail setup --reset-topics",
        restart_processor=" && ".join([*(f"kill -9 {pid}" for pid in pids), start]),
        reconcile="retail reconcile",
        count="retail reconcile --quick",
    )


COMPOSE_COMMANDS = Commands(
    start="docker compose up --detach",
    users="docker compose run --rm users",
    setup="docker compose run --rm setup",
    topics="docker compose run --rm setup retail setup --reset-topics",
    restart_processor="docker compose restart processor",
    reconcile="docker compose run --rm retail reconcile",
    count="docker compose run --rm retail reconcile --quick",
)
# For servers elsewhere it is not known how they are started.
OTHER_COMMANDS = Commands(
    start=None,
    users=None,
    setup="retail setup",
    topics="retail setup --reset-topics",
    restart_processor=None,
    reconcile="retail reconcile",
    count="retail reconcile --quick",
)
