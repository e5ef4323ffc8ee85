"""The full reconciliation names whatever is damaged, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.probe import Probe
from retail_pipeline.domain.reconciliation import Reconciliation, Verdict
from retail_pipeline.domain.transaction import Transaction, row_id
from retail_pipeline.reconcile import counts
from retail_pipeline.reconcile.records import as_line
from tests.fakes import FakeMessage, manifest, rejection, transaction
from tests.ledger_world import SOURCE, TOPICS, World, rows

DAYS = st.integers(1, 28).map(lambda day: datetime(2011, 1, day, 9, tzinfo=UTC))
TRANSACTIONS = st.builds(
    transaction,
    row=st.integers(2, 400),
    InvoiceNo=st.sampled_from(["1", "22", "C3"]),
    Quantity=st.integers(-5, 5),
    UnitPrice=st.sampled_from(["0", "2.55", "0.001", "1000"]),
    InvoiceDate=DAYS,
    Country=st.sampled_from(["EIRE", None]),
    Description=st.sampled_from(["LANTERN", "A LANTERN", None]),
    CustomerID=st.sampled_from(["17850", None]),
)
GOOD = st.lists(TRANSACTIONS, min_size=1, max_size=30, unique_by=lambda each: each.row)
BROKEN = st.lists(st.integers(401, 500), max_size=5, unique=True)


def named(result: Reconciliation, *what: str) -> set[str]:
    """Return the ids that the differences name, of some sorts only if they are given."""
    wanted = [each for each in result.differences if not what or each.what in what]
    return {identity for each in wanted for identity in each.ids}


@given(GOOD, BROKEN, st.booleans())
def test_what_agrees_is_reported_to_agree(
    good: list[Transaction], broken: list[int], with_file: bool
) -> None:
    world = World.of(good, broken)
    result = world.full(with_file=with_file)
    assert (result.verdict, result.differences) == (Verdict.AGREE, [])
    [source] = result.sources
    assert (source.read, source.stored, source.quarantined) == (
        len(good) + len(broken),
        len(good),
        len(broken),
    )
    pounds = sum((each.Quantity * Decimal(each.UnitPrice) for each in good), Decimal(0))
    assert Decimal(source.pounds or "0") == pounds
    assert world.quick().verdict is Verdict.AGREE


@given(GOOD, BROKEN, st.booleans(), st.data())
def test_rows_that_are_deleted_are_named_and_no_other(
    good: list[Transaction], broken: list[int], with_file: bool, data: st.DataObject
) -> None:
    world = World.of(good, broken)
    ids = [*world.documents, *world.quarantine]
    lost = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=20, unique=True))
    for identity in lost:
        world.documents.pop(identity, None)
        world.quarantine.pop(identity, None)
    result = world.full(with_file=with_file)
    assert result.verdict is Verdict.DIFFER
    assert named(result, "missing") == named(result) == set(lost)
    assert world.quick().verdict is Verdict.DIFFER


@given(GOOD, st.booleans(), st.data())
def test_any_field_that_is_changed_is_named_with_its_row(
    good: list[Transaction], with_file: bool, data: st.DataObject
) -> None:
    world = World.of(good)
    identity = data.draw(st.sampled_from(sorted(world.documents)))
    line = world.documents[identity]
    field: str
    value: Any
    field, value = data.draw(
        st.sampled_from(
            [
                ("InvoiceNo", "9999"),
                ("StockCode", "OTHER"),
                ("Description", None if line.Description else "OTHER"),
                ("Quantity", line.Quantity + 1),
                ("InvoiceDate", line.InvoiceDate + 1),
                ("InvoiceDate", line.InvoiceDate + 40 * 86_400_000),
                ("UnitPrice", line.UnitPrice + 1),
                ("CustomerID", "1"),
                ("Country", "Japan"),
                ("TotalAmount", line.TotalAmount - 1_000),
                ("kind", "gift"),
            ]
        )
    )
    world.documents[identity] = line._replace(**{field: value})
    result = world.full(with_file=with_file)
    assert result.verdict is Verdict.DIFFER
    assert named(result, "changed") == {identity}


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=6).filter(any))
def test_changes_that_cancel_each_other_out_are_seen(changes: list[int]) -> None:
    changes[-1] -= sum(changes)
    world = World.of([transaction(row) for row in range(2, 2 + len(changes))])
    for (identity, line), change in zip(list(world.documents.items()), changes, strict=True):
        world.documents[identity] = line._replace(TotalAmount=line.TotalAmount + change)
    expected = {row_id(SOURCE, row) for row, change in enumerate(changes, start=2) if change}
    assert named(world.full(), "changed") == expected


def test_minus_one_and_minus_two_are_distinguished() -> None:
    world = World.of([transaction(2, Quantity=-1), transaction(3, Quantity=-2)])
    for row, quantity in ((2, -2), (3, -1)):
        line = world.documents[row_id(SOURCE, row)]
        world.documents[row_id(SOURCE, row)] = line._replace(Quantity=quantity)
    assert named(world.full(), "changed") == {row_id(SOURCE, 2), row_id(SOURCE, 3)}


def test_of_very_many_rows_the_first_are_named_and_the_others_counted() -> None:
    world = World.of(rows(3), list(range(10, 110)))
    world.quarantine.clear()
    [lost] = world.full().differences
    assert lost.ids == tuple(row_id(SOURCE, row) for row in range(10, 30))
    assert lost.more == 80
    world = World.of(rows(3))
    for number in range(30):
        world.documents[f"copy{number}"] = as_line(transaction(2))
    [doubled] = [each for each in world.full().differences if each.what == "doubled"]
    assert (len(doubled.ids), doubled.more) == (20, 10)


def test_a_document_under_another_id_is_named() -> None:
    world = World.of(rows(5))
    world.documents["copy"] = world.documents[row_id(SOURCE, 3)]
    result = world.full()
    assert named(result, "doubled") == {"copy"}
    assert {each.what for each in result.differences} == {"doubled"}


def test_a_row_of_no_source_is_unknown() -> None:
    world = World.of(rows(5))
    stranger = as_line(transaction(99))
    world.documents[row_id(SOURCE, 99)] = stranger
    for with_file in (True, False):
        assert named(world.full(with_file=with_file), "unknown") == {row_id(SOURCE, 99)}


@pytest.mark.parametrize("second", ["quarantine", "purged"])
def test_a_row_in_two_states_is_named(second: str) -> None:
    world = World.of(rows(5))
    if second == "quarantine":
        world.quarantine[row_id(SOURCE, 3)] = rejection(3)
    else:
        world.tombstones.add(row_id(SOURCE, 3))
    assert row_id(SOURCE, 3) in named(world.full(), "two_states")


def test_a_purged_row_is_accounted_for_and_stated_apart() -> None:
    world = World.of(rows(5), [9])
    del world.quarantine[row_id(SOURCE, 9)]
    world.tombstones.add(row_id(SOURCE, 9))
    for result in (world.full(), world.full(with_file=False), world.quick()):
        assert (result.verdict, result.differences) == (Verdict.AGREE, [])
        [source] = result.sources
        assert (source.stored, source.quarantined, source.purged) == (5, 0, 1)


def test_a_replayed_row_is_stored_and_counted_as_replayed() -> None:
    world = World.of(rows(5), [9])
    world.send(transaction(9, Quantity=3))
    world.store()
    for with_file in (True, False):
        result = world.full(with_file=with_file)
        assert (result.verdict, result.differences) == (Verdict.AGREE, [])
        assert (result.sources[0].stored, result.sources[0].replayed) == (6, 1)
    world.documents[row_id(SOURCE, 9)] = as_line(transaction(9, Quantity=4))
    assert named(world.full(), "changed") == {row_id(SOURCE, 9)}


def test_records_sent_again_are_counted_and_harmless() -> None:
    world = World.of(rows(5))
    for each in rows(5):
        world.send(each)
    world.store()
    result = world.full()
    assert (result.verdict, result.sources[0].repeated) == (Verdict.AGREE, 5)


def unusable(world: World, row: int, *, claims: bool = True) -> None:
    """Send a record of ``row`` that no processor can use, and what a processor does with it."""
    body = msgspec.json.encode(transaction(row)).replace(b'"2.55"', b"2.55")
    world.send(body, partition=1)
    offset = world.positions()[1].end - 1
    place: dict[str, Any] = {
        "source": f"{TOPICS.transactions}-1",
        "row": offset,
        "stage": "processor",
    }
    dead = rejection(**place, claims=row_id(SOURCE, row) if claims else None)
    world.send(dead)
    world.quarantine[dead.id] = dead
    world.commit()


def test_an_unusable_record_counts_for_the_row_that_it_claims_to_be() -> None:
    world = World.of(rows(5))
    world.file.good[7] = as_line(transaction(7))
    world.read = [manifest(6, complete=True)]
    unusable(world, 7)
    for result in (world.full(), world.full(with_file=False), world.quick()):
        source = result.sources[0]
        assert (source.stored, source.quarantined) == (5, 1)
    assert world.full().differences == []
    world.quarantine.clear()
    assert named(world.full(), "missing") == {row_id(SOURCE, 7)}


def test_an_unusable_record_that_no_processor_has_met_yet_is_on_its_way() -> None:
    world = World.of(rows(5))
    world.file.good[7] = as_line(transaction(7))
    world.read = [manifest(6, complete=True)]
    world.send(msgspec.json.encode(transaction(7)).replace(b'"2.55"', b"2.55"), partition=1)
    for with_file in (True, False):
        result = world.full(with_file=with_file)
        assert (result.verdict, result.differences) == (Verdict.UNSETTLED, [])


def test_a_claim_on_a_stored_row_is_no_second_state() -> None:
    world = World.of(rows(5))
    unusable(world, 3)
    result = world.full()
    assert result.differences == []
    assert result.sources[0].quarantined == 0


def test_a_text_that_was_changed_in_quarantine_is_seen() -> None:
    world = World.of(rows(5), [9])
    world.quarantine[row_id(SOURCE, 9)] = rejection(9, raw="something else")
    [difference] = world.full().differences
    assert (difference.what, difference.place) == ("changed", "MongoDB")
    world.quarantine[row_id(SOURCE, 9)] = rejection(9)
    world.file.broken[9] = "the file says this"
    [difference] = world.full().differences
    assert (difference.what, difference.place) == ("changed", "Kafka")


def test_records_not_yet_stored_are_on_their_way() -> None:
    world = World.of(rows(5))
    for each in rows(3, first=50):
        world.send(each)
        world.file.good[each.row] = as_line(each)
    world.read = [manifest(5)]
    world.log = [each for each in world.log if each.topic != TOPICS.manifests]
    world.send(world.read[0])
    result = world.full()
    assert (result.verdict, result.differences) == (Verdict.UNSETTLED, [])
    assert (result.lag, result.sources[0].on_their_way) == (3, 3)
    assert world.quick().verdict is Verdict.UNSETTLED
    del world.documents[row_id(SOURCE, 4)]
    assert named(world.full(), "missing") == {row_id(SOURCE, 4)}


def test_rows_that_arrive_while_it_reads_are_no_difference() -> None:
    world = World.of(rows(5))
    late = transaction(6, InvoiceNo="55")
    world.documents[late.id] = as_line(late)
    world.meanwhile = [late]
    result = world.full(with_file=False)
    assert (result.verdict, result.differences) == (Verdict.UNSETTLED, [])


@pytest.mark.parametrize("processed", [True, False])
def test_a_probe_changes_nothing_but_offsets(processed: bool) -> None:
    world = World.of(rows(9), [20])
    quiet = [_without_offsets(each) for each in (world.full(), world.quick())]
    ends = {
        each.partition: each.end for each in world.positions() if each.topic == TOPICS.transactions
    }
    for partition, end in ends.items():
        value = msgspec.json.encode(Probe.new())
        world.log.append(FakeMessage(TOPICS.transactions, partition, end, value, [("probe", b"1")]))
    if processed:
        world.commit()
    probed = [_without_offsets(each) for each in (world.full(), world.quick())]
    if not processed:
        assert {(each.verdict, each.lag) for each in probed} == {(Verdict.UNSETTLED, 2)}
        probed = [msgspec.structs.replace(each, verdict=Verdict.AGREE, lag=0) for each in probed]
    assert probed == quiet


def _without_offsets(result: Reconciliation) -> Reconciliation:
    partitions = [
        msgspec.structs.replace(
            each,
            position=msgspec.structs.replace(each.position, end=0, committed=0),
        )
        for each in result.partitions
    ]
    return msgspec.structs.replace(
        result, at=datetime(2026, 1, 1, tzinfo=UTC), seconds=0.0, partitions=partitions
    )


def test_pending_days_are_not_compared_and_not_settled() -> None:
    world = World.of(rows(5))
    world.summarised = {}
    assert {each.what for each in world.full().differences} == {"rollup"}
    world.pending = {as_line(transaction()).day}
    for result in (world.full(), world.quick()):
        assert (result.verdict, result.differences) == (Verdict.UNSETTLED, [])
        assert result.pending_days == 1


def test_a_file_that_was_never_sent_is_not_settled_and_a_note_names_it() -> None:
    world = World.of([])
    world.read, world.log, world.committed = [], [], {}
    world.file.good = {each.row: as_line(each) for each in rows(4)}
    result = world.full()
    assert (result.verdict, result.differences) == (Verdict.UNSETTLED, [])
    assert "4 rows were not sent yet" in result.notes[0]


def test_kafka_cut_by_retention_is_compared_as_far_as_it_goes() -> None:
    world = World.of(rows(9), [20])
    world.first = {(TOPICS.transactions, 0): 2, (TOPICS.transactions, 1): 2}
    for with_file in (True, False):
        result = world.full(with_file=with_file)
        assert (result.verdict, result.differences) == (Verdict.AGREE, [])
        assert "no longer holds the oldest records" in result.notes[-1]
    identity = next(iter(world.documents))
    line = world.documents.pop(identity)
    assert named(world.full()) == {identity}
    [lost] = world.full(with_file=False).differences
    assert (lost.what, lost.more) == ("count", 1)
    world.documents[identity] = line._replace(TotalAmount=line.TotalAmount + 1)
    assert named(world.full(), "changed") == {identity}


def test_records_deleted_before_they_were_stored_are_reported() -> None:
    world = World.of(rows(9))
    world.documents.clear()
    world.summarised = {}
    world.committed = {(TOPICS.manifests, 0): 1}
    world.first = {(TOPICS.transactions, number): each for number, each in ((0, 3), (1, 6))}
    result = world.full()
    assert named(result, "missing") == {row_id(SOURCE, row) for row in range(2, 11)}
    assert "9 records were deleted from Kafka before they were stored" in result.notes


def test_a_row_that_kafka_never_got_is_missing_there_and_in_mongodb() -> None:
    world = World.of(rows(5))
    world.file.good[50] = as_line(transaction(50))
    places = {each.place for each in world.full().differences if each.ids}
    assert places == {"Kafka", "MongoDB"}
    assert named(world.full()) == {row_id(SOURCE, 50)}


def test_a_record_that_differs_from_the_file_is_named_in_both() -> None:
    world = World.of(rows(5))
    world.file.good[3] = world.file.good[3]._replace(Country="Japan")
    result = world.full()
    assert named(result, "changed") == {row_id(SOURCE, 3)}
    assert {each.place for each in result.differences} == {"Kafka", "MongoDB"}


def test_a_topic_that_was_made_again_is_no_reason_to_doubt_what_is_stored() -> None:
    world = World.of(rows(5))
    world.log, world.committed = [], {}
    result = world.full()
    assert (result.verdict, result.differences) == (Verdict.AGREE, [])


def test_of_too_many_differing_days_only_the_sums_are_reported() -> None:
    good = [
        transaction(row, InvoiceDate=datetime(2011, 1, row, tzinfo=UTC)) for row in range(2, 20)
    ]
    world = World.of(good)
    world.documents = {
        identity: line._replace(TotalAmount=line.TotalAmount + 1)
        for identity, line in world.documents.items()
    }
    result = world.full()
    changed = [each for each in result.differences if each.what == "changed"]
    assert len(changed) == 18
    assert [bool(each.ids) for each in changed] == [True] * 10 + [False] * 8
    assert all(each.expected != each.found for each in changed)


def test_the_count_check_counts_what_is_too_much() -> None:
    world = World.of(rows(5))
    world.documents[row_id(SOURCE, 99)] = as_line(transaction(99))
    [difference] = world.quick().differences
    assert "1 rows too many: 5 read, 6 there" in difference.detail
    world = World.of(rows(5))
    world.summarised = {}
    assert {each.what for each in world.quick().differences} == {"rollup"}


OTHER = "0123456789abcdef"


@pytest.mark.parametrize(
    "came",
    [
        transaction(2, source=OTHER),
        rejection(3, source=OTHER),
        pytest.param(transaction(2), id="of the same source"),
        pytest.param(b"unusable", id="unusable"),
    ],
)
def test_the_count_check_sees_a_lost_row_while_rows_of_another_source_come(came: Any) -> None:
    world = World.of(rows(5))
    del world.documents[row_id(SOURCE, 4)]
    world.send(came)
    found = [each.detail for each in world.quick().differences]
    may_be_it = getattr(came, "source", SOURCE) == SOURCE
    assert found == ([] if may_be_it else ["1 rows missing: 5 read, 4 there"])


def test_a_lost_row_may_be_one_of_many_that_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "_MOST_READ", 1)
    world = World.of(rows(5))
    del world.documents[row_id(SOURCE, 4)]
    world.send(transaction(2, source=OTHER))
    assert len(world.quick().differences) == 1
    world.send(transaction(3, source=OTHER))
    assert world.quick().differences == []


def test_a_database_that_was_emptied_differs_from_what_kafka_has_committed() -> None:
    world = World.of(rows(5), broken=[9])
    world.documents, world.quarantine, world.read, world.summarised = {}, {}, [], {}
    for result in (world.quick(), world.full(with_file=False)):
        assert result.verdict is Verdict.DIFFER
        [source] = result.sources
        assert (source.name, source.stored, source.quarantined) == ("retail.csv", 0, 0)
    [difference] = world.quick().differences
    assert difference.detail == "6 rows missing: 6 read, 0 there"
    assert "MONGO_DATABASE" in difference.advice and "retail.csv" in difference.advice


@pytest.mark.parametrize("left", [[], [manifest(2)]], ids=["lost", "older"])
def test_a_manifest_that_only_kafka_has_is_a_difference(left: list[Manifest]) -> None:
    world = World.of(rows(5))
    world.read = left
    for result in (world.quick(), world.full(with_file=False)):
        [difference] = result.differences
        assert difference.detail == "its manifest is in Kafka, but not in MongoDB"
        assert (difference.source, difference.name) == (SOURCE, "retail.csv")


def test_a_source_whose_rows_kafka_has_no_more_is_still_known_by_its_manifest() -> None:
    world = World.of(rows(5))
    world.documents, world.read, world.summarised = {}, [], {}
    world.log = [each for each in world.log if each.topic == TOPICS.manifests]
    assert world.quick().verdict is world.full(with_file=False).verdict is Verdict.DIFFER


def test_a_manifest_that_is_not_stored_yet_is_on_its_way() -> None:
    world = World.of(rows(5))
    world.send(manifest(7, source="0123456789abcdef", complete=True))
    for result in (world.quick(), world.full(with_file=False)):
        assert (result.verdict, result.differences) == (Verdict.UNSETTLED, [])
