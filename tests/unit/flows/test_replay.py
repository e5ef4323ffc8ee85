"""A replay sends what is good by now, counts what is not, and can be killed at any moment."""

from __future__ import annotations

from threading import Event
from typing import Any

import msgspec
import pytest

from retail_pipeline.adapters.sources.registry import reparse
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.quarantined import Quarantined
from retail_pipeline.domain.rejection import Reason
from retail_pipeline.domain.topics import Topics
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.flows import replay as flow
from retail_pipeline.flows.reparse import QuarantineReparser, StillInvalid
from retail_pipeline.flows.replay import Replay, ReplayCounts
from retail_pipeline.flows.retry import retrying
from tests.fake_quarantine import FakeQuarantine, quarantined
from tests.fakes import FIELDS, FakePublisher, manifest, rejection, transaction

TOPICS = Topics("tx", "tx.dlq", "tx.manifests")
GOOD = ",".join(FIELDS)
SOURCE = rejection().source
KNOWN: dict[str, Any] = {"columns": tuple(range(8)), "width": 8}


class World:
    def __init__(self) -> None:
        self.quarantine = FakeQuarantine()
        self.quarantine.manifests[SOURCE] = manifest(**KNOWN)
        self.publisher = FakePublisher()
        self.stop = Event()
        self.reparser = QuarantineReparser(self.quarantine.manifest, reparse, TOPICS)

    def replay(
        self, edits: dict[str, str] | None = None, most: int | None = 3, dry: bool = False
    ) -> ReplayCounts:
        replay = Replay(
            self.quarantine,
            self.reparser,
            None if dry else lambda: self.publisher,
            retrying(self.stop, give_up_after_s=0),
            self.stop,
            most,
        )
        rows = list(self.quarantine.rows.values())
        return replay.run((row, (edits or {}).get(row.id)) for row in rows)

    def reparse(self, row: Quarantined, edited: str | None = None) -> Any:
        return self.reparser.reparse(row, edited)


@pytest.fixture
def world() -> World:
    return World()


def row(number: int = 3, **changes: Any) -> Quarantined:
    return quarantined(rejection(number), **changes)


def record(value: object, **changes: Any) -> Quarantined:
    """Return the quarantined record ``value``, at offset 7."""
    raw = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    record = {"source": "tx-0", "stage": "processor", "name": "tx", "raw": raw}
    return quarantined(rejection(7, **record), **changes)


def test_an_edited_row_is_sent_under_its_identity_and_counted(world: World) -> None:
    world.quarantine.put(row(3), row(4))
    report = world.replay({row(3).id: GOOD})
    [sent] = world.publisher.of(Transaction)
    assert (sent.id, sent.StockCode) == (row(3).id, "85123A")
    assert world.publisher.replays == {sent.id: row(3).id}
    assert (report.replayed, report.broken) == (1, {"wrong_field_count": 1})
    assert [item.replays for item in world.quarantine.rows.values()] == [1, 1]
    assert list(world.quarantine.sent) == [row(3).id]


def test_a_dry_run_writes_nothing(world: World) -> None:
    world.quarantine.put(row(3), row(4))
    report = world.replay({row(3).id: GOOD}, dry=True)
    assert (report.replayed, report.broken.total()) == (1, 1)
    assert world.publisher.acknowledged == world.publisher.queued == []
    assert {item.replays for item in world.quarantine.rows.values()} == {0}


def test_a_row_that_was_replayed_too_often_stays_unless_forced(world: World) -> None:
    world.quarantine.put(row(3, replays=3, raw=GOOD))
    assert world.replay().skipped == 1 and world.publisher.of(Transaction) == []
    assert world.replay(most=None).replayed == 1


@pytest.mark.parametrize("step", ["send", "acknowledge", "count"])
def test_killed_at_any_step_and_run_again_it_sends_every_row(
    world: World, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "CHUNK_ROWS", 2)
    world.quarantine.put(*(row(number, raw=GOOD) for number in range(2, 9)))
    faults = world.publisher.faults = world.quarantine.faults
    faults.plan(step, PermanentError("killed"))
    with pytest.raises(PermanentError):
        world.replay()
    assert world.publisher.closed
    world.replay()
    assert {item.row for item in world.publisher.of(Transaction)} == set(range(2, 9))


def test_a_broker_that_is_away_is_tried_again(world: World) -> None:
    world.quarantine.put(row(3, raw=GOOD))
    world.publisher.faults.plan("send", TransientError("away"))
    retry = retrying(Event()).copy(wait=lambda state: 0)
    Replay(world.quarantine, world.reparser, lambda: world.publisher, retry, world.stop, 3).run(
        [(row(3, raw=GOOD), None)]
    )
    assert len(world.publisher.of(Transaction)) == 1


def test_a_stop_ends_it_in_good_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "CHUNK_ROWS", 2)
    world.quarantine.put(*(row(number, raw=GOOD) for number in range(2, 9)))
    world.stop.set()
    assert world.replay().replayed == 1


@pytest.mark.parametrize(
    ("item", "edited", "words"),
    [
        (row(truncated=True, raw=GOOD), None, "only the start of its text was kept"),
        (row(raw="é€", encoding="latin-1"), None, "can't be turned into bytes"),
        (row(raw=GOOD, encoding="klingon"), None, "can't be turned into bytes"),
        (row(raw=GOOD, source="unknown"), None, "produce retail.csv --again"),
        (row(), "", "the text is no row"),
        (row(), f"{GOOD}\n{GOOD}", "the text is more than one row"),
        (row(), GOOD.replace("LANTERN", '"LANTERN'), "a quote is opened"),
        (row(), GOOD.replace("2010-12-01", "2010-12-99"), "2010-12-99"),
        (record([]), None, "no JSON object"),
        (record("{"), None, "truncated"),
        (record(transaction(3, schema_version=9)), None, "schema_version"),
    ],
)
def test_what_is_still_broken_says_why(
    world: World, item: Quarantined, edited: str | None, words: str
) -> None:
    verdict = world.reparse(item, edited)
    assert isinstance(verdict, StillInvalid) and words in verdict.detail


@pytest.mark.parametrize(
    "changes",
    [{"columns": ()}, {"width": 7}, {"date_order": "sideways"}, {"encoding": "klingon"}],
)
def test_a_manifest_of_an_older_or_another_writer_is_no_help(
    world: World, changes: dict[str, Any]
) -> None:
    world.quarantine.manifests[SOURCE] = manifest(**{**KNOWN, **changes})
    assert isinstance(world.reparse(row(raw=GOOD)), StillInvalid)


def test_an_edit_restores_what_was_cut_off(world: World) -> None:
    assert isinstance(world.reparse(row(truncated=True), GOOD), Transaction)


def test_a_row_is_read_with_its_files_delimiter_columns_dates_and_encoding(world: World) -> None:
    world.quarantine.manifests[SOURCE] = manifest(
        columns=(1, 2, 3, 4, 5, 6, 7, 8),
        width=9,
        delimiter=";",
        date_order="day-first",
        encoding="cp1252",
    )
    raw = "x;536365;85123A;CAFÉ\u0080;6;2/12/2010 8:26;2.55;17850;EIRE"
    reparsed = world.reparse(row(raw=raw, encoding="latin-1"))
    assert (reparsed.Description, reparsed.InvoiceDate.day) == ("CAFÉ€", 2)


def test_a_row_of_a_workbook_is_read_as_it_was_written_down(world: World) -> None:
    world.quarantine.manifests[SOURCE] = manifest(**KNOWN, format="xlsx")
    reparsed = world.reparse(row(), GOOD.replace("LANTERN", '"A ""RED""\nLANTERN"'))
    assert reparsed.Description == 'A "RED"\nLANTERN'
    assert isinstance(world.reparse(row(), GOOD.replace("LANTERN", '"LANTERN')), StillInvalid)


def test_a_record_is_stored_as_the_row_that_it_claims_to_be_whatever_an_edit_says(
    world: World,
) -> None:
    item = record(transaction(3, source="other"), claims=transaction(3).id)
    assert world.reparse(item).id == transaction(3).id


def test_a_record_that_claims_no_row_is_stored_under_its_place(world: World) -> None:
    assert world.reparse(record(transaction(3))).id == "tx-0:000000007"


def test_a_dead_letter_that_nobody_could_read_gives_its_row_back(world: World) -> None:
    letter = msgspec.to_builtins(rejection(5, raw=GOOD))
    item = record(letter, source="tx.dlq-0", name="tx.dlq", claims=rejection(5).id)
    assert world.reparse(item).id == rejection(5).id
    newer = record({**letter, "reason": "bad_mood"}, source="tx.dlq-0", name="tx.dlq")
    assert world.reparse(newer).reason == Reason.BROKEN_CONTRACT


def test_a_manifest_goes_to_its_topic_and_leaves_quarantine(world: World) -> None:
    world.quarantine.put(record(manifest(3), name="tx.manifests"))
    assert world.replay().replayed == 1
    assert world.publisher.of(Manifest) == [manifest(3)]
    assert world.quarantine.rows == {}
