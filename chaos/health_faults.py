"""The faults that the health check must find, each with how it is made."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import psutil
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from chaos.local_stack import LocalStack
from retail_devstack.stack import SERVERS
from retail_pipeline.adapters.kafka.topics import admin_client
from retail_pipeline.adapters.mongo.store import mark_dirty
from retail_pipeline.domain.collections import ROLLUPS, TRANSACTIONS
from retail_pipeline.operations.health import Status

_CLOCK_OFF = "+10s"
_DISK_MB, _LITTLE_MB = 3_000, 300
_BAD_DAY = datetime(2011, 3, 1, tzinfo=UTC)

Act = Callable[[LocalStack], None]


def _nothing(_: LocalStack) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Fault:
    """One fault, and what the health check must say of it.

    ``clear`` ends its cause where no command can do that, before the printed command runs.
    ``wrapper`` starts the health check in the place of the plain command, and one run of it must
    end within ``run_within_s`` seconds. ``alert`` is the one that
    `retail alert` must send, if it has one. ``needs`` is why it can't be made here, if so.
    """

    name: str
    check: str
    inject: Act
    status: Status = Status.FAIL
    alert: str | None = None
    clear: Act = _nothing
    wrapper: tuple[str, ...] = ()
    run_within_s: float = 60.0
    needs: Callable[[], str | None] = field(default=lambda: None)


def _kill(part: str, local: LocalStack) -> None:
    process = local.process(part)
    process.kill()
    psutil.wait_procs([process], timeout=10)


def _pause(part: str, local: LocalStack) -> None:
    local.process(part).suspend()


def _pause_all(local: LocalStack) -> None:
    for part in ("processor", "dashboard", *SERVERS):
        _pause(part, local)


def _resume(part: str, local: LocalStack) -> None:
    local.process(part).resume()


def _stop(part: str, local: LocalStack) -> None:
    process = local.process(part)
    process.send_signal(signal.SIGTERM)
    psutil.wait_procs([process], timeout=30)


def _change_password(user: str, local: LocalStack) -> None:
    with local.database() as database:
        database.command("updateUser", user, pwd="another password")


def _drop_user(local: LocalStack) -> None:
    with local.database() as database:
        database.command("dropUser", "retail_reader")


def _revoke(local: LocalStack) -> None:
    resource = {"db": local.settings.mongo_database, "collection": "returns"}
    right = {"resource": resource, "actions": ["remove"]}
    with local.database() as database:
        database.command("revokePrivilegesFromRole", "retail_writer", privileges=[right])


def _delete_topic(name: str, local: LocalStack) -> None:
    settings = local.settings
    with admin_client(settings) as admin:
        admin.delete_topics([getattr(settings, name)])


def _shorten_retention(local: LocalStack) -> None:
    settings = local.settings
    new = {"retention.ms": "3600000"}
    with admin_client(settings) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.kafka_topic, new)])


def _drop_index(local: LocalStack) -> None:
    with local.database() as database:
        database[TRANSACTIONS].drop_index("by_product")


def _drop_validator(local: LocalStack) -> None:
    with local.database() as database:
        database.command("collMod", TRANSACTIONS, validator={})


def _lose_records(local: LocalStack) -> None:
    """Delete records that no processor has read: it is suspended meanwhile."""
    settings = local.settings
    _pause("processor", local)
    time.sleep(3)
    with admin_client(settings) as admin:
        places = [
            TopicPartition(settings.kafka_topic, number)
            for number in range(settings.kafka_partitions)
        ]
        admin.delete_records(dict.fromkeys(places, -1))


def _delete_document(local: LocalStack) -> None:
    """Delete a row of the file that the stack stored at its start, and let the summaries settle."""
    with local.database() as database:
        manifest = database["manifests"].find_one({"name": {"$regex": local.data.name}})
        wanted = {"source": manifest["_id"]} if manifest else {}
        database[TRANSACTIONS].delete_one(wanted)


def _spoil_day(local: LocalStack) -> None:
    """Store a row that no contract allows, past the validator: its day can't be summarised."""
    with local.database() as database:
        row = database[TRANSACTIONS].find_one({"kind": "cancellation"})
        assert row is not None
        bad = {**row, "_id": "spoilt:1", "UnitPrice": 2.55, "InvoiceDate": _BAD_DAY}
        database[TRANSACTIONS].insert_one(bad, bypass_document_validation=True)
        mark_dirty(database, [_BAD_DAY])


def _unspoil_day(local: LocalStack) -> None:
    """Delete the row, and the day's summaries: none replaces one of more rows."""
    with local.database() as database:
        database[TRANSACTIONS].delete_one({"_id": "spoilt:1"})
        for summary in ROLLUPS:
            database[summary].delete_one({"_id": _BAD_DAY})
        mark_dirty(database, [_BAD_DAY])


def mount_disk(local: LocalStack) -> None:
    """Give the stack's state folder a disk of its own, in memory, that a fault can make small."""
    if _needs_root() is None:
        local.home.checkpoints.mkdir(parents=True, exist_ok=True)
        _mount(local, f"size={_DISK_MB}m", "-t", "tmpfs", "retail-chaos")


def unmount_disk(local: LocalStack) -> None:
    """Undo :func:`mount_disk`."""
    if os.path.ismount(local.home.checkpoints):
        subprocess.run(["umount", "--lazy", str(local.home.checkpoints)], check=True)


def _resize_disk(megabytes: int, local: LocalStack) -> None:
    _mount(local, f"remount,size={megabytes}m")


def _mount(local: LocalStack, options: str, *what: str) -> None:
    command = ["mount", "-o", options, *what, str(local.home.checkpoints)]
    subprocess.run(command, check=True)


def _needs_root() -> str | None:
    return None if os.geteuid() == 0 and shutil.which("mount") else "needs root, to mount a disk"


def _needs_faketime() -> str | None:
    return None if shutil.which("faketime") else "needs the program faketime"


_KAFKA_AWAY, _MONGO_AWAY = "RetailKafkaUnreadable", "RetailMongoUnreadable"
_NONE_ALIVE, _DASHBOARD_AWAY = "RetailNoProcessor", "RetailDashboardAway"
_USER_REFUSED, _TOPICS_WRONG, _SCHEMA_WRONG = (
    "RetailUserRefused",
    "RetailTopicsWrong",
    "RetailSchemaWrong",
)
_OF_SERVERS: Mapping[str, str] = {
    "zookeeper": "RetailZooKeeperAway",
    "kafka": _KAFKA_AWAY,
    "mongodb": _MONGO_AWAY,
}


def _of_servers() -> list[Fault]:
    found = []
    for name, alert in _OF_SERVERS.items():
        found += [
            Fault(f"{name}-killed", name, partial(_kill, name), alert=alert),
            Fault(f"{name}-paused", name, partial(_pause, name), alert=alert),
        ]
    return found


def _of_users() -> list[Fault]:
    return [
        Fault(
            f"{role}-password",
            "users",
            partial(_change_password, f"retail_{role}"),
            alert=_USER_REFUSED,
        )
        for role in ("setup", "reader", "writer", "monitor")
    ]


FAULTS = {
    each.name: each
    for each in (
        *_of_servers(),
        Fault("processor-killed", "heartbeats", partial(_kill, "processor"), alert=_NONE_ALIVE),
        Fault("processor-hangs", "heartbeats", partial(_pause, "processor"), alert=_NONE_ALIVE),
        Fault("no-owner", "group", partial(_stop, "processor"), alert=_NONE_ALIVE),
        Fault("dashboard-killed", "dashboard", partial(_kill, "dashboard"), alert=_DASHBOARD_AWAY),
        Fault("dashboard-paused", "dashboard", partial(_pause, "dashboard"), alert=_DASHBOARD_AWAY),
        *_of_users(),
        Fault("user-deleted", "users", _drop_user, alert=_USER_REFUSED),
        Fault("right-revoked", "users", _revoke, alert=_USER_REFUSED),
        Fault(
            "topic-deleted", "topics", partial(_delete_topic, "kafka_topic"), alert=_TOPICS_WRONG
        ),
        Fault(
            "manifests-deleted",
            "topics",
            partial(_delete_topic, "manifest_topic"),
            alert=_TOPICS_WRONG,
        ),
        Fault("topic-changed", "topics", _shorten_retention, Status.WARN, alert=_TOPICS_WRONG),
        Fault("index-dropped", "schema", _drop_index, alert=_SCHEMA_WRONG),
        Fault("validator-removed", "schema", _drop_validator, alert=_SCHEMA_WRONG),
        Fault(
            "disk-full",
            "disk",
            partial(_resize_disk, _LITTLE_MB),
            alert="RetailDiskLow",
            clear=partial(_resize_disk, _DISK_MB),
            needs=_needs_root,
        ),
        Fault(
            "clock-off",
            "clock",
            _nothing,
            wrapper=("faketime", "-f", _CLOCK_OFF),
            needs=_needs_faketime,
        ),
        Fault("day-spoilt", "summaries", _spoil_day, alert="RetailDaysFailed", clear=_unspoil_day),
        Fault("document-deleted", "reconcile", _delete_document, alert="RetailReconcileDiffers"),
        Fault(
            "records-lost",
            "group",
            _lose_records,
            alert="RetailDataLost",
            clear=partial(_resume, "processor"),
        ),
        Fault("all-paused", "services", _pause_all, alert=_KAFKA_AWAY, run_within_s=30.0),
    )
}
