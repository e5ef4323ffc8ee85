"""Reconciliation on real servers: clean is clean, and each damage done by hand is named."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128
from bson.datetime_ms import DatetimeMS
from kafka import KafkaProducer, TopicPartition
from pymongo.database import Database

from retail_pipeline.adapters.kafka.topics import kafka_admin
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.sample.writer import write_sample
from tests.conftest import RunningStack
from tests.pipeline import HEADER, ROW, Pipeline

ROWS = 4_000
Documents = Database[dict[str, Any]]


def reconcile(pipeline: Pipeline, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Return the exit status and the result."""
    status, output = pipeline.try_to("reconcile", "--json", *arguments)
    assert output.startswith("{"), output
    return status, json.loads(output[: output.rindex("\n}") + 2])


def differences(result: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["what"], each["place"]) for each in result["differences"]}


@dataclass
class Sold:
    """A pipeline that has taken in one file whole."""

    pipeline: Pipeline
    file: Path

    def database(self) -> Documents:
        client = connect(self.pipeline.stack.root_uri, name="tests")
        return client[self.pipeline.settings.mongo_database]


@pytest.fixture(scope="module")
def sold(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sold]:
    """A dirty sample, sent twice, so that there are rejected rows and repeated records."""
    folder = tmp_path_factory.mktemp("sold")
    settings = stack.names(folder)
    pipeline = Pipeline(stack, settings, folder)
    pipeline.run("setup")
    path = folder / "sample.csv"
    write_sample(path, ROWS, 11, dirty=0.01)
    pipeline.run("produce", str(path))
    pipeline.run("produce", "--again", str(path))
    pipeline.drain()
    yield Sold(pipeline, path)
    stack.forget(settings)


def test_a_dirty_file_sent_twice_reconciles_clean(sold: Sold) -> None:
    for arguments in ((), ("--quick",), (str(sold.file),)):
        status, result = reconcile(sold.pipeline, *arguments)
        assert (status, result["verdict"], result["differences"]) == (0, "agree", [])
        [source] = result["sources"]
        found = source["stored"] + source["quarantined"] + source["purged"]
        assert source["read"] == found >= ROWS
        assert source["quarantined"] > 10
    assert source["file"] and source["repeated"] == source["stored"]
    totals = [each for each in result["partitions"] if each["in_kafka"]]
    assert len(totals) == 3
    assert all(each["in_kafka"] == each["in_mongodb"] for each in totals)
    assert sum(Decimal(each["in_kafka"]["pounds"]) for each in totals) == Decimal(source["pounds"])


Undo = Callable[[], object]
Damage = Callable[[Documents], tuple[str, Undo]]


def delete_a_document(database: Documents) -> tuple[str, Undo]:
    document = database.transactions.find_one({"kind": "sale"})
    assert document
    database.transactions.delete_one({"_id": document["_id"]})
    return document["_id"], lambda: database.transactions.insert_one(document)


def change_amounts(database: Documents, *cents: str) -> tuple[str, Undo]:
    """Change the amounts of rows of one day and kind, by so much each."""
    first = database.transactions.find_one({"kind": "sale"}, sort=[("_id", 1)])
    assert first
    day = first["InvoiceDate"].replace(hour=0, minute=0)
    of_day = {"kind": "sale", "InvoiceDate": {"$gte": day, "$lt": day.replace(hour=23)}}
    found = list(database.transactions.find(of_day, sort=[("_id", 1)], limit=len(cents)))
    for document, change in zip(found, cents, strict=True):
        amount = document["TotalAmount"].to_decimal() + Decimal(change)
        set_amount(database, document["_id"], Decimal128(amount))

    def undo() -> None:
        for document in found:
            set_amount(database, document["_id"], document["TotalAmount"])

    return found[0]["_id"], undo


def set_amount(database: Documents, identity: str, amount: Decimal128) -> None:
    change = {"$set": {"TotalAmount": amount}}
    database.transactions.update_one({"_id": identity}, change)


def change_one_amount(database: Documents) -> tuple[str, Undo]:
    return change_amounts(database, "0.001")


def change_two_amounts_to_the_same_sum(database: Documents) -> tuple[str, Undo]:
    return change_amounts(database, "0.001", "-0.001")


def double_a_document(database: Documents) -> tuple[str, Undo]:
    document = database.transactions.find_one({"kind": "sale"})
    assert document
    document["_id"] += "0"
    database.transactions.insert_one(document)
    return document["_id"], lambda: database.transactions.delete_one({"_id": document["_id"]})


def put_a_row_into_both_states(database: Documents) -> tuple[str, Undo]:
    rejected, stored = database.quarantine.find_one(), database.transactions.find_one()
    assert rejected and stored
    rejected |= {name: stored[name] for name in ("_id", "source", "row")}
    database.quarantine.insert_one(rejected)
    return rejected["_id"], lambda: database.quarantine.delete_one({"_id": rejected["_id"]})


def lose_a_quarantined_row(database: Documents) -> tuple[str, Undo]:
    rejected = database.quarantine.find_one()
    assert rejected
    database.quarantine.delete_one({"_id": rejected["_id"]})
    return rejected["_id"], lambda: database.quarantine.insert_one(rejected)


def change_rollup(database: Documents, name: str, field: str, value: Any) -> tuple[str, Undo]:
    before = database[name].find_one()
    assert before
    changed = {f"entries.0.{field}": value}
    database[name].update_one({"_id": before["_id"]}, {"$set": changed})
    undo = partial(database[name].replace_one, {"_id": before["_id"]}, before)
    return before["_id"].date().isoformat(), undo


def change_an_orders_rollup(database: Documents) -> tuple[str, Undo]:
    return change_rollup(database, "rollup_orders_daily", "amount", Decimal128("1.001"))


def change_an_orders_customer(database: Documents) -> tuple[str, Undo]:
    return change_rollup(database, "rollup_orders_daily", "CustomerID", "99999")


def change_a_products_rollup(database: Documents) -> tuple[str, Undo]:
    return change_rollup(database, "rollup_products_daily", "lines", 1_000)


DAMAGES: list[tuple[Damage, tuple[str, str]]] = [
    (delete_a_document, ("missing", "MongoDB")),
    (change_one_amount, ("changed", "MongoDB")),
    (change_two_amounts_to_the_same_sum, ("changed", "MongoDB")),
    (double_a_document, ("doubled", "MongoDB")),
    (put_a_row_into_both_states, ("two_states", "MongoDB")),
    (lose_a_quarantined_row, ("missing", "MongoDB")),
    (change_an_orders_rollup, ("rollup", "rollup_orders_daily")),
    (change_an_orders_customer, ("rollup", "rollup_orders_daily")),
    (change_a_products_rollup, ("rollup", "rollup_products_daily")),
]


@pytest.mark.parametrize("with_file", [True, False], ids=["with the file", "without it"])
@pytest.mark.parametrize(
    ("damage", "expected"), DAMAGES, ids=lambda each: getattr(each, "__name__", "")
)
def test_each_damage_done_by_hand_is_found_and_named(
    sold: Sold, damage: Damage, expected: tuple[str, str], with_file: bool
) -> None:
    name, undo = damage(sold.database())
    try:
        status, result = reconcile(sold.pipeline, *([str(sold.file)] if with_file else []))
    finally:
        undo()
    assert (status, result["verdict"]) == (1, "differ")
    what, place = expected
    [first, *_] = [
        each for each in result["differences"] if (each["what"], each["place"]) == (what, place)
    ]
    assert name in (*first["ids"], first["day"])
    assert first["advice"]


def test_documents_that_no_row_can_be_are_named_and_end_nothing(sold: Sold) -> None:
    changes: list[dict[str, Any]] = [
        {"InvoiceNo": None},
        {"StockCode": ["21730"], "kind": "cancellation", "CustomerID": "17850"},
        {"CustomerID": ["17850"], "kind": "cancellation"},
        {"Description": 5},
        {"row": "two"},
        {"InvoiceDate": DatetimeMS(10**15)},
        {"InvoiceDate": datetime(9999, 12, 31)},
    ]
    transactions = sold.database().transactions
    found = list(transactions.find({"kind": "sale"}, sort=[("_id", 1)], limit=len(changes)))
    for document, change in zip(found, changes, strict=True):
        transactions.update_one(
            {"_id": document["_id"]}, {"$set": change}, bypass_document_validation=True
        )
    try:
        status, result = reconcile(sold.pipeline)
    finally:
        for document in found:
            transactions.replace_one({"_id": document["_id"]}, document)
    assert status == 1
    named = {identity for each in result["differences"] for identity in each["ids"]}
    assert {document["_id"] for document in found} <= named


def test_a_changed_amount_is_named_in_pounds(sold: Sold) -> None:
    name, undo = change_one_amount(sold.database())
    try:
        _, output = sold.pipeline.try_to("reconcile", str(sold.file))
    finally:
        undo()
    words = " ".join(output.split())
    assert name in words and "TotalAmount is" in words and "They differ" in words
    assert "retail produce --again sample.csv" in words


def test_the_count_check_finds_a_deleted_document(sold: Sold) -> None:
    _, undo = delete_a_document(sold.database())
    try:
        status, result = reconcile(sold.pipeline, "--quick")
    finally:
        undo()
    assert status == 1
    assert ("count", "MongoDB") in differences(result)


def test_a_database_that_was_emptied_is_no_agreement(
    stack: RunningStack, pipeline: Pipeline
) -> None:
    path = pipeline.folder / "small.csv"
    path.write_text(HEADER + ROW * 5)
    pipeline.run("produce", str(path))
    pipeline.drain()
    assert reconcile(pipeline, "--quick")[0] == 0
    with connect(stack.root_uri, name="tests") as client:
        client.drop_database(pipeline.settings.mongo_database)
    for arguments in (("--quick",), ()):
        status, result = reconcile(pipeline, *arguments)
        assert (status, result["verdict"]) == (1, "differ")
        assert "small.csv" in {each["name"] for each in result["differences"]}
    [source] = reconcile(pipeline, "--quick")[1]["sources"]
    assert (source["read"], source["stored"]) == (5, 0)


def test_what_was_found_is_kept_for_the_dashboard(sold: Sold) -> None:
    reconcile(sold.pipeline)
    reconcile(sold.pipeline, "--quick")
    kept = {
        each["_id"]: each["result"]["verdict"] for each in sold.database().reconciliations.find()
    }
    assert kept == {"quick": "agree", "full": "agree"}


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1", "Kafka at 127.0.0.1:1 does not answer"),
        ("MONGO_MONITOR_URI", "mongodb://127.0.0.1:1", "MongoDB at 127.0.0.1:1 is away"),
    ],
)
def test_a_server_that_is_away_makes_the_reconciliation_fail(
    sold: Sold, variable: str, value: str, words: str
) -> None:
    pipeline = Pipeline(sold.pipeline.stack, sold.pipeline.settings, sold.pipeline.folder)
    pipeline.env[variable] = value
    status, output = pipeline.try_to("reconcile")
    assert status == 2
    assert "reconciliation failed" in output and words in output and "Traceback" not in output
    assert pipeline.try_to("reconcile", "absent.csv")[0] == 2


def test_a_manifest_that_no_producer_wrote_makes_the_reconciliation_fail(sold: Sold) -> None:
    manifests = sold.database().manifests
    manifests.insert_one({"_id": "odd", "source": "odd"})
    try:
        status, output = sold.pipeline.try_to("reconcile", "--quick")
    finally:
        manifests.delete_one({"_id": "odd"})
    assert status == 2 and "a document that no producer wrote" in output
    assert "Traceback" not in output


def test_records_on_their_way_are_no_loss(pipeline: Pipeline) -> None:
    path = pipeline.folder / "small.csv"
    path.write_text(HEADER + ROW * 30)
    status, result = reconcile(pipeline, str(path))
    assert (status, result["verdict"]) == (1, "unsettled")
    assert "30 rows were not sent yet" in result["notes"][0]
    pipeline.run("produce", str(path))
    for arguments in ((), ("--quick",), (str(path),)):
        status, result = reconcile(pipeline, *arguments)
        assert (status, result["verdict"], result["differences"]) == (1, "unsettled", [])
        assert result["lag"] >= 30
    processor = pipeline.start("process")
    assert reconcile(pipeline, "--wait", "60", str(path))[0] == 0
    processor.terminate()
    processor.wait(20)


def test_rows_that_were_replayed_and_purged_reconcile_clean(pipeline: Pipeline) -> None:
    path = pipeline.folder / "small.csv"
    broken = [ROW.replace(",6,", f",{word},") for word in ("six", "ten", "two")]
    path.write_text(HEADER + ROW * 5 + "".join(broken))
    pipeline.run("produce", str(path))
    pipeline.drain()
    listed = pipeline.run("dlq", "list", "--json").splitlines()
    first, second, third = (json.loads(line) for line in listed if line.startswith("{"))
    first["raw"] = ROW.strip()
    (pipeline.folder / "edited.jsonl").write_text(json.dumps(first) + "\n")
    processor = pipeline.start("process")
    pipeline.run("dlq", "replay", "--edited", "edited.jsonl", "--wait", "60")
    pipeline.run("dlq", "purge", "--yes", second["_id"])
    for arguments in ((), ("--quick",), (str(path),)):
        status, result = reconcile(pipeline, "--wait", "60", *arguments)
        assert (status, result["differences"]) == (0, [])
        [source] = result["sources"]
        assert (source["stored"], source["quarantined"], source["purged"]) == (6, 1, 1)
    assert source["replayed"] == 1
    assert third["_id"] in {row["_id"] for row in pipeline.quarantined()}
    processor.terminate()
    processor.wait(20)


def test_an_unusable_record_counts_for_the_row_that_it_claims_to_be(
    pipeline: Pipeline,
) -> None:
    path = pipeline.folder / "small.csv"
    path.write_text(HEADER + ROW * 5)
    pipeline.run("produce", str(path))
    pipeline.drain()
    with pipeline.database() as database:
        source = database.manifests.find_one()
        assert source
    bodies = [b"no JSON", b'{"source": "%s", "row": 3}' % source["_id"].encode()]
    with closing(KafkaProducer(bootstrap_servers=pipeline.settings.kafka_bootstrap_servers)) as out:
        for body in bodies:
            out.send(pipeline.settings.kafka_topic, body).get(60)
    pipeline.drain()
    for arguments in ((), ("--quick",), (str(path),)):
        status, result = reconcile(pipeline, *arguments)
        assert (status, result["differences"]) == (0, [])
    by_source = {each["source"]: each for each in result["sources"]}
    assert by_source.pop(source["_id"])["quarantined"] == 0, "row 3 is stored"
    [unread] = by_source.values()
    assert (unread["read"], unread["quarantined"]) == (None, 1)


def test_the_processors_reconcile_by_themselves(pipeline: Pipeline) -> None:
    path = pipeline.folder / "small.csv"
    path.write_text(HEADER + ROW * 5)
    pipeline.env["RECONCILE_EVERY_S"] = "0.5"
    pipeline.run("produce", str(path))
    for _ in range(2):
        pipeline.start("process")

    def last() -> dict[str, Any]:
        with pipeline.database() as database:
            found = database.reconciliations.find_one({"_id": "quick"}) or {}
            result: dict[str, Any] = found.get("result", {})
            return result

    until = time.monotonic() + 90
    while last().get("verdict") != "agree":
        assert time.monotonic() < until, last()
        time.sleep(0.1)
    assert last()["by"].startswith("retail-processor-")
    with connect(pipeline.stack.root_uri, name="tests") as client:
        client[pipeline.settings.mongo_database].transactions.delete_one({})
    while last().get("verdict") != "differ":
        assert time.monotonic() < until, last()
        time.sleep(0.1)
    for processor in pipeline.started:
        processor.terminate()
        assert processor.wait(30) == 0


def test_records_deleted_from_kafka_are_named_and_sending_again_stores_them(
    pipeline: Pipeline,
) -> None:
    path = pipeline.folder / "small.csv"
    path.write_text(HEADER + ROW * 20)
    pipeline.run("produce", str(path))
    topic = pipeline.settings.kafka_topic
    with closing(kafka_admin(pipeline.settings.kafka_bootstrap_servers)) as admin:
        admin.delete_records({TopicPartition(topic, number): -1 for number in range(3)})
    pipeline.drain()
    for arguments in ((str(path),), (), ("--quick",)):
        status, result = reconcile(pipeline, *arguments)
        assert (status, result["verdict"]) == (1, "differ")
    status, result = reconcile(pipeline, str(path))
    [missing] = result["differences"]
    assert missing["what"] == "missing"
    assert len(missing["ids"]) + missing["more"] == 20
    assert any("deleted from Kafka before they were stored" in note for note in result["notes"])

    pipeline.run("produce", "--again", str(path))
    pipeline.drain()
    assert reconcile(pipeline, str(path))[0] == 0
