"""The local stack on real servers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy

import pytest
from pymongo.errors import OperationFailure

from retail_devstack.environment import settings_of
from retail_devstack.state import new_state
from retail_devstack.users import ensure_stack_users
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.errors import AccessError, PermanentError
from retail_pipeline.settings import Role, Settings
from tests.conftest import RunningStack


def _may(settings: Settings, role: Role, verb: str, collection: str) -> bool:
    with connect(settings.mongo(role), name="tests") as client:
        things = client[settings.mongo_database][collection]
        try:
            attempts: dict[str, Callable[[], object]] = {
                "find": lambda: things.find_one(),
                "insert": lambda: things.insert_one({"a": 1}),
                "update": lambda: things.update_one({"a": 1}, {"$set": {"b": 1}}, upsert=True),
                "remove": lambda: things.delete_many({"a": 1}),
                "index": lambda: things.create_index("a"),
                "drop": lambda: things.drop(),
                "list": lambda: things.database.list_collection_names(),
            }
            attempts[verb]()
        except OperationFailure as error:
            assert error.code == 13, error
            return False
        return True


@pytest.mark.parametrize(
    ("role", "collection", "allowed"),
    [
        ("writer", "transactions", {"find", "insert", "update", "remove", "list"}),
        ("writer", "rollup_orders_daily", {"find", "insert", "update", "list"}),
        ("writer", "sample", {"find", "insert", "update", "list"}),
        ("writer", "dirty_buckets", {"find", "insert", "update", "remove", "list"}),
        ("writer", "quarantine", {"find", "insert", "update", "remove", "list"}),
        ("writer", "purged", {"find", "insert", "update", "remove", "list"}),
        ("reader", "transactions", {"find", "list"}),
        ("monitor", "transactions", {"find", "list"}),
        ("setup", "transactions", {"find", "index", "list"}),
    ],
)
def test_each_user_may_do_its_own_work_and_nothing_else(
    fresh: Settings, role: Role, collection: str, allowed: set[str]
) -> None:
    verbs = ("find", "insert", "update", "remove", "index", "list", "drop")
    assert {verb for verb in verbs if _may(fresh, role, verb, collection)} == allowed


def test_making_the_users_again_leaves_them_as_they_are(
    stack: RunningStack, fresh: Settings
) -> None:
    ensure_stack_users(stack.stack.state, fresh.mongo_database)
    assert _may(fresh, "writer", "insert", "transactions")
    assert not _may(fresh, "writer", "remove", "reconciliations")


def test_nobody_comes_in_without_a_password(fresh: Settings) -> None:
    address = fresh.mongo("reader").split("@")[1].split("/")[0]
    with connect(f"mongodb://{address}", name="tests") as client:
        with pytest.raises(OperationFailure, match="requires authentication"):
            client[fresh.mongo_database]["transactions"].find_one()


def test_a_password_of_any_characters_lets_its_user_in_and_only_where_it_lives(
    stack: RunningStack, fresh: Settings
) -> None:
    password = "+ /@%41:?#[]&$'\"\\é"
    with connect(stack.root_uri, name="tests") as root:
        root[fresh.mongo_database].command("updateUser", "retail_reader", pwd=password)
    host = fresh.mongo("reader").split("@")[1].split("/")[0]
    own = {"MONGO_DATABASE": fresh.mongo_database, "MONGO_READER_PASSWORD": password}
    for source, lets_in in ((fresh.mongo_database, True), ("admin", False)):
        uri = f"mongodb://retail_reader@{host}/?authSource={source}"
        address = settings_of({**own, "MONGO_READER_URI": uri}).mongo("reader")
        with connect(address, name="tests") as client:
            with nullcontext() if lets_in else pytest.raises(AccessError, match="authSource"):
                with translated(client):
                    client[fresh.mongo_database]["transactions"].find_one()


def test_lost_passwords_are_reported_and_open_no_door(stack: RunningStack, fresh: Settings) -> None:
    other = deepcopy(stack.stack.state)
    other.passwords = new_state().passwords
    with pytest.raises(PermanentError, match="another stack.json"):
        ensure_stack_users(other, fresh.mongo_database)
