"""What MongoDB refuses for a while is tried again; what it refuses for good ends the process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from bson.errors import InvalidBSON
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    CursorNotFound,
    DocumentTooLarge,
    OperationFailure,
)

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.errors import limit_met, translated
from retail_pipeline.errors import AccessError, PermanentError, SettingsError, TransientError


@pytest.fixture
def client() -> Iterator[MongoClient[Any]]:
    with connect("mongodb://127.0.0.1:1", name="tests") as nobody:
        yield nobody


def bulk(codes: list[int], late: list[int] | None = None) -> BulkWriteError:
    """Return the error of a bulk in which writes failed with ``codes``."""
    return BulkWriteError(
        {
            "writeErrors": [{"code": code, "errmsg": f"code {code}"} for code in codes],
            "writeConcernErrors": [{"code": code, "errmsg": f"code {code}"} for code in late or []],
        }
    )


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("connection closed"),
        OperationFailure("the cache is full", 365),
        OperationFailure("killed by an operator", 11601),
        CursorNotFound("gone with the server", 43),
        bulk([], late=[64]),
        bulk([14031, 11600]),
        bulk([11000]),
        bulk([11000], late=[64]),
    ],
    ids=str,
)
def test_what_passes_is_tried_again(client: MongoClient[Any], error: Exception) -> None:
    with pytest.raises(TransientError, match="127.0.0.1:1"), translated(client):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        OperationFailure("not allowed", 13),
        OperationFailure("no such operator", 9),
        bulk([2]),
        bulk([14031, 2], late=[64]),
    ],
    ids=str,
)
def test_what_stays_ends_the_process(client: MongoClient[Any], error: Exception) -> None:
    with pytest.raises(PermanentError, match="127.0.0.1:1"), translated(client):
        raise error


@pytest.mark.parametrize("code", [13, 18])
def test_a_refused_user_is_an_error_of_its_own(client: MongoClient[Any], code: int) -> None:
    with pytest.raises(AccessError, match="127.0.0.1:1"), translated(client):
        raise OperationFailure("not allowed", code)


def test_a_missing_index_says_what_makes_it(client: MongoClient[Any]) -> None:
    text = "error processing query: planner returned error :: caused by :: hint provided does not"
    with pytest.raises(PermanentError, match="run `retail setup`") as raised, translated(client):
        raise OperationFailure(text, 2)
    assert not isinstance(raised.value, AccessError)


@pytest.mark.parametrize("uri", ["http://here", "mongodb://a:b:c/", "mongodb://here:99999999"])
def test_an_address_that_is_none_is_a_wrong_setting(uri: str) -> None:
    with pytest.raises(SettingsError, match="MONGO_URI .* can't be used"):
        connect(uri, name="tests")


def test_the_driver_leaves_second_tries_to_the_flows_whatever_the_address_says() -> None:
    # It would repeat a write as a transaction of a replica set, which mongod alone refuses.
    with connect("mongodb://127.0.0.1:1/?retryWrites=true", name="tests") as nobody:
        assert not nobody.options.retry_writes


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        (OperationFailure("BSONObj size: 20008965 is invalid", 10334), "larger than 16 MB"),
        (OperationFailure("$push used too much memory", 146), "more memory"),
        (DocumentTooLarge("update command document too large"), "larger than 16 MB"),
        (bulk([17419]), "larger than 16 MB"),
    ],
    ids=str,
)
def test_a_limit_of_mongodb_is_a_permanent_error_in_plain_words(
    client: MongoClient[Any], error: Exception, limit: str
) -> None:
    with pytest.raises(PermanentError, match="127.0.0.1:1") as raised, translated(client):
        raise error
    assert limit in str(limit_met(error)) and raised.value.__cause__ is error


def test_what_cannot_be_read_as_bson_is_a_permanent_error(client: MongoClient[Any]) -> None:
    with pytest.raises(PermanentError, match="year 99999"), translated(client):
        raise InvalidBSON("year 99999 is out of range")


def test_what_is_for_the_drivers_developers_is_left_out(client: MongoClient[Any]) -> None:
    with pytest.raises(TransientError) as raised, translated(client):
        client.admin.command("ping")
    assert str(raised.value) == (
        "MongoDB at 127.0.0.1:1 is away: 127.0.0.1:1: [Errno 111] Connection refused"
    )
