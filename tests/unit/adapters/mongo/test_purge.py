"""A purge deletes a row's text only once the note of it is durable."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from pymongo.errors import BulkWriteError
from pytest_mock import MockerFixture

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.quarantine import MongoQuarantine
from retail_pipeline.domain.quarantined import Quarantined
from retail_pipeline.errors import TransientError
from tests.fakes import rejection


def test_nothing_is_deleted_while_the_notes_are_not_journaled(mocker: MockerFixture) -> None:
    late = {"writeErrors": [], "writeConcernErrors": [{"code": 64, "errmsg": "timed out"}]}
    mocker.patch("pymongo.collection.Collection.insert_many", side_effect=BulkWriteError(late))
    delete = mocker.patch("pymongo.collection.Collection.delete_many")
    broken = rejection()
    fields = msgspec.structs.asdict(broken) | {"reason": broken.reason.value}
    row = Quarantined(**fields, id=broken.id, quarantined_at=datetime(2026, 1, 1, tzinfo=UTC))
    with connect("mongodb://127.0.0.1:1", name="tests") as nobody:
        with pytest.raises(TransientError, match="did not confirm the write to its journal"):
            MongoQuarantine(nobody, "retail_db").purge([row])
    delete.assert_not_called()
