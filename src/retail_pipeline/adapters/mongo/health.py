"""Reads for the health check: whether MongoDB answers, its users' rights, and the schema."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from retail_pipeline.adapters.mongo.adapter import MongoAdapter, within
from retail_pipeline.adapters.mongo.client import Document, connect
from retail_pipeline.adapters.mongo.failed_days import summaries_left
from retail_pipeline.adapters.mongo.schema import INDEXES, validator
from retail_pipeline.adapters.mongo.users import load_roles
from retail_pipeline.domain.collections import TRANSACTIONS
from retail_pipeline.errors import AccessError
from retail_pipeline.operations.health_reads import User
from retail_pipeline.settings import Role, Settings, user_of, without_user

_SECONDS = 4.0
_NAME = "retail-health"
_ANSWER_MS = 2_000
_INDEX_OPTIONS = ("key", "sparse", "partialFilterExpression", "expireAfterSeconds")


class MongoHealth(MongoAdapter):
    """Reads of the pipeline's database, as the user of the client."""

    def query_ms(self) -> float:
        """Return how long a query of one stored row takes, in milliseconds."""
        with self._within(_SECONDS):
            self._database.command("ping")  # connected and signed in
            began = time.perf_counter()
            self._database[TRANSACTIONS].find_one({})
            return (time.perf_counter() - began) * 1000

    def schema_problems(self) -> list[str]:
        """Return what is missing or differs: collections, indexes, the validator."""
        with self._within(_SECONDS):
            there = {each["name"]: each for each in self._database.list_collections()}
            problems = [f"collection {name} is missing" for name in INDEXES if name not in there]
            for name in set(INDEXES) & set(there):
                known = {each["name"]: _comparable(each) for each in self._indexes(name)}
                for index in INDEXES[name]:
                    wanted = index.document
                    if wanted["name"] not in known:
                        problems.append(f"index {name}.{wanted['name']} is missing")
                    elif known[wanted["name"]] != _comparable(wanted):
                        problems.append(f"index {name}.{wanted['name']} differs")
        options = there.get(TRANSACTIONS, {}).get("options", {})
        if TRANSACTIONS in there and not _is_validated(options):
            problems.append(f"the validator of {TRANSACTIONS} is missing or differs")
        return sorted(problems)

    def summaries(self) -> tuple[int, str | None]:
        """Return how many days are to be summarised, and which can't be, with what to do."""
        with self._within(_SECONDS):
            return summaries_left(self._database)

    def _indexes(self, name: str) -> Sequence[Mapping[str, Any]]:
        return list(self._database[name].list_indexes())


def _is_validated(options: Mapping[str, Any]) -> bool:
    return (
        options.get("validator") == validator()
        and options.get("validationLevel", "strict") == "strict"
        and options.get("validationAction", "error") == "error"
    )


def _comparable(index: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: index[name] for name in _INDEX_OPTIONS if name in index}
    return {**found, "key": list(dict(index["key"]).items())}


def clock_offset_s(settings: Settings) -> float:
    """Return how far MongoDB's clock is ahead of this machine's, in seconds.

    Raises:
        TransientError, PermanentError: MongoDB is away, or refuses.
    """
    uri = without_user(settings.mongo("reader"))
    with connect(uri, name=_NAME, timeout_ms=_ANSWER_MS) as client, within(client, _SECONDS):
        client.admin.command("ping")  # connected
        before = datetime.now(UTC)
        there: datetime = client.admin.command("hello")["localTime"].replace(tzinfo=UTC)
        after = datetime.now(UTC)
    # The answer was written at some moment between the two.
    return (there - (before + (after - before) / 2)).total_seconds()


def ping(settings: Settings) -> None:
    """Send MongoDB a ping, without signing in.

    Raises:
        TransientError, PermanentError: MongoDB is away, or refuses.
    """
    uri = without_user(settings.mongo("reader"))
    with connect(uri, name=_NAME, timeout_ms=_ANSWER_MS) as client, within(client, _SECONDS):
        client.admin.command("ping")


def users(settings: Settings) -> list[User]:
    """Return each role's user whose address names one, and what it lacks.

    Raises:
        TransientError, PermanentError: MongoDB is away, or refuses.
    """
    return [
        _user(settings, role, grants)
        for role, grants in load_roles().items()
        if user_of(settings.mongo(role))
    ]


def _user(settings: Settings, role: Role, grants: Mapping[str, Any]) -> User:
    uri, database = settings.mongo(role), settings.mongo_database
    name = user_of(uri) or ""
    try:
        with connect(uri, name=_NAME, timeout_ms=_ANSWER_MS) as client, within(client, _SECONDS):
            command: Document = client[database].command("connectionStatus", showPrivileges=True)
    except AccessError as error:
        return User(name=name, error=f"can't sign in: {error}")
    return User(name=name, missing=tuple(_missing(grants, command["authInfo"], database)))


def _missing(grants: Mapping[str, Any], info: Mapping[str, Any], database: str) -> list[str]:
    """Return the rights of ``grants`` that a signed-in user lacks."""
    roles = {(each["role"], each["db"]) for each in info["authenticatedUserRoles"]}
    actions = {
        (each["resource"].get("db"), each["resource"].get("collection")): set(each["actions"])
        for each in info["authenticatedUserPrivileges"]
    }
    lacking = [
        f"the role {each['role']}"
        for each in grants["roles"]
        if (each["role"], each.get("db", database)) not in roles
    ]
    for wanted in grants["privileges"]:
        collection = wanted["collection"]
        has = actions.get((database, ""), set()) | actions.get((database, collection), set())
        where = f"{database}.{collection}".rstrip(".")
        lacking += [f"{action} on {where}" for action in wanted["actions"] if action not in has]
    return lacking
