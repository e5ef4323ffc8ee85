"""Checks of the local stack's folder and processes; they work with nothing running."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from pymongo.errors import OperationFailure, PyMongoError

from retail_devstack.home import Home
from retail_devstack.ports import HOST
from retail_devstack.process_search import find_parts, users_of
from retail_devstack.stack import SERVERS, Stack
from retail_devstack.users import AUTHENTICATION_FAILED, root_uri
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.zookeeper import ask_zookeeper
from retail_pipeline.errors import RetailError
from retail_pipeline.operations.health import Finding, NotApplicableError, Status

# As ZooKeeper's log and snapshots have it, among other bytes.
_CLUSTER = re.compile(rb'\{"version":"1","id":"([\w-]{22})"\}')
_ANSWER_MS = 2_000


def folder(home: Home) -> Finding:
    """Whether the local stack's folder can be used, and its state file be read."""
    stack = _stack(home)
    if stack.damage:
        return Finding(Status.FAIL, str(stack.damage))
    for path in (home.root, *(home.root / name for name in ("data", "logs", "conf", "state"))):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            root = shlex.quote(str(home.root))
            return Finding(
                Status.FAIL,
                f"{path} can't be read and written by this user",
                f'sudo chown -R "$(id -u)" {root} && chmod -R u+rwX {root}',
            )
    return Finding(Status.OK, f"{home.root} can be read and written")


def cluster(home: Home) -> Finding:
    """Whether the data folders of Kafka and ZooKeeper belong to the same cluster."""
    _stack(home)
    kafka, zookeeper = _kafka_cluster(home), _zookeeper_cluster(home)
    if kafka is None:
        raise NotApplicableError("Kafka has no data yet")
    if kafka == zookeeper:
        return Finding(Status.OK, f"both have the id {kafka}")
    there = f"to {zookeeper}" if zookeeper else "to none yet"
    both = " ".join(shlex.quote(str(home.data(name))) for name in ("kafka", "zookeeper"))
    return Finding(
        Status.FAIL,
        f"Kafka's data belongs to cluster {kafka}, ZooKeeper's {there}: one of them was removed or"
        " replaced. The command removes both. MongoDB's data is kept, and the files that were"
        " streamed last are sent again, which changes no total; `retail reconcile FILE` names the"
        " rows of other files that were not stored yet",
        f"retail local down && rm -r {both} && retail local up --detach",
    )


def _kafka_cluster(home: Home) -> str | None:
    try:
        text = (home.data("kafka") / "meta.properties").read_text("utf-8")
    except OSError:
        return None
    found = re.search(r"^cluster\.id=(\S+)$", text, flags=re.MULTILINE)
    return found[1] if found else None


def _zookeeper_cluster(home: Home) -> str | None:
    """Return the id that ZooKeeper wrote last; its files hold it as text, also if it is down."""
    files = sorted(
        home.data("zookeeper").glob("version-2/*"), key=lambda file: file.stat().st_mtime
    )
    for file in reversed(files):
        if found := _CLUSTER.findall(file.read_bytes()):
            return str(found[-1], "ascii")
    return None


def stale_node(home: Home) -> Finding:
    """Whether ZooKeeper still has the node of a broker that does not run."""
    stack = _stack(home)
    if not stack.alive("zookeeper") or stack.alive("kafka"):
        raise NotApplicableError("it matters while ZooKeeper runs and Kafka does not")
    try:
        dump = ask_zookeeper(stack.address("zookeeper"), "dump")
    except RetailError as error:
        return Finding(Status.UNKNOWN, str(error), "retail local up --detach")
    if "/brokers/ids/" not in dump:
        return Finding(Status.OK, "ZooKeeper has no node of a broker")
    detail = "ZooKeeper still has the node of the broker that was killed; a start waits for its end"
    return Finding(Status.WARN, detail, "retail local up --detach")


def password(home: Home) -> Finding:
    """Whether MongoDB's data accepts the passwords of stack.json."""
    data = home.data("mongodb")
    has_data = data.is_dir() and any(data.glob("WiredTiger*"))
    if not has_data:
        raise NotApplicableError("MongoDB has no data yet")
    command = f"mv {shlex.quote(str(home.root))} {shlex.quote(str(_unused(home.root)))}"
    command = f"retail local down && {command} && retail local up --detach"
    if not home.state_file.exists():
        detail = (
            f"{home.state_file}, which has the passwords of MongoDB's data, is missing: restore it."
            " The command keeps the folder under another name and starts from nothing"
        )
        return Finding(Status.FAIL, detail, command)
    stack = Stack(home)
    stack.check()
    if not stack.alive("mongodb"):
        raise NotApplicableError("MongoDB does not run; its start tries the password")
    try:
        with connect(root_uri(stack.state), name="retail-doctor", timeout_ms=_ANSWER_MS) as client:
            client.admin.command("ping")
    except OperationFailure as error:
        if error.code != AUTHENTICATION_FAILED:
            return Finding(Status.UNKNOWN, f"MongoDB: {error.code}")
        detail = (
            f"MongoDB refuses the passwords of {home.state_file}: its data was made with another"
            " one. Restore that file. The command starts from nothing and keeps the folder"
        )
        return Finding(Status.FAIL, detail, command)
    except PyMongoError as error:
        address = f"{HOST}:{stack.state.ports['mongodb']}"
        return Finding(Status.UNKNOWN, f"MongoDB at {address}: {type(error).__name__}")
    return Finding(Status.OK, "MongoDB accepts the administrator's password")


def _unused(root: Path) -> Path:
    return next(
        path for n in range(1, 1000) if not (path := root.with_name(f"{root.name}.{n}")).exists()
    )


def other_processes(home: Home) -> Finding:
    """Whether processes that this stack did not start use its data folders."""
    _stack(home)
    own = {each.pid for found in find_parts(home).values() for each in found}
    others = {pid for name in SERVERS for pid in users_of(home.data(name))} - own
    if not others:
        return Finding(Status.OK, f"only this stack uses the data in {home.root}")
    numbers = " ".join(map(str, sorted(others)))
    detail = f"processes that this stack did not start use the data in {home.root}: {numbers}"
    return Finding(Status.FAIL, detail, f"kill {numbers}")


def _stack(home: Home) -> Stack:
    """Return the local stack.

    Raises:
        NotApplicableError: none was ever started here.
    """
    if not home.root.is_dir():
        raise NotApplicableError(f"no local stack was ever started in {home.root}")
    return Stack(home)
