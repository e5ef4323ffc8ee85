"""Damaged rows at any stage of the pipeline: reconcile reads all and reports no difference."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from retail_pipeline.adapters.reconcile.file import SourceFile
from retail_pipeline.cli.reconcile.report import show
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.parsing import RowParser
from retail_pipeline.domain.reconciliation import Reconciliation, Verdict
from retail_pipeline.domain.rejection import Rejection, RowError
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.flows.source import RawRow
from tests.fakes import FIELDS, FakeSource, manifest, rejection
from tests.ledger_world import SOURCE, World

# What files of users have in a column that needs something else.
ODD = (
    *("", " ", "\t", "\u00a0", "\x00", "C", "c1", "nan", "inf", "-Infinity", "NULL", "-0"),
    *("1e400", "1e999999", "9" * 5_000, "0x10", "1_0", "6.5", "½", "٣", "-99999999999999999999"),
    *("now", "NaT", "1970", "20101201", "9999-12-31", "0001-01-01", "2262-04-12", "1/1/1600"),
    *("0/0/0000", "2010-02-30", "2010-12-01 24:00", "12/1/2010 8:26 XYZ", "2010-12-01T00:00+25:00"),
)
STORED, IN_KAFKA, MEANWHILE, NOT_SENT = range(4)
Item = Transaction | Rejection


def row(number: int, fields: Sequence[str]) -> RawRow:
    return RawRow(number, fields, ",".join(fields))


def with_odd(column: int, text: str) -> list[str]:
    return [*FIELDS[:column], text, *FIELDS[column + 1 :]]


fields = st.one_of(
    st.just(list(FIELDS)),
    st.builds(with_odd, st.integers(0, len(FIELDS) - 1), st.sampled_from(ODD)),
    st.lists(st.sampled_from(ODD), min_size=8, max_size=8),
    st.lists(st.sampled_from(ODD), max_size=9),
)
arrivals = st.lists(st.tuples(fields, st.integers(STORED, NOT_SENT)), max_size=12)


def published(read: RawRow) -> Item:
    """Return the record that the producer makes of a row."""
    try:
        return RowParser(SOURCE, DateOrder.MONTH_FIRST).parse(read.number, read.fields)
    except RowError as error:
        return rejection(read.number, reason=error.reason, detail=error.detail, raw=read.raw)


def arrived(stages: Sequence[tuple[RawRow, int]], manifest_at: int) -> World:
    """Return a world in which each row has come as far as its stage says."""
    world = World.of([])
    world.read, world.log, world.committed = [], [], {}
    world.at_hand = SourceFile(FakeSource([read for read, _ in stages]))
    items: list[tuple[object, int]] = [(published(read), stage) for read, stage in stages]
    if all(stage <= IN_KAFKA for _, stage in stages):
        # The manifest is complete once all rows are in Kafka, stored or not.
        items.append((manifest(len(stages), complete=True), manifest_at))
    for stage in (STORED, IN_KAFKA):
        for item, reached in items:
            if reached == stage:
                world.send(item)
        if stage == STORED:
            world.store()
    world.meanwhile = [item for item, reached in items if reached == MEANWHILE]
    return world


def checked(result: Reconciliation) -> Verdict:
    """Return the verdict of a result that can be printed in both forms, and names nothing."""
    show(result, Console(file=StringIO()))
    msgspec.json.encode(result)
    assert result.differences == []
    return result.verdict


@given(arrivals, st.integers(STORED, MEANWHILE), st.booleans())
@example([([], NOT_SENT)], STORED, True)
def test_rows_damaged_in_any_way_are_no_difference_at_any_stage(
    rows: list[tuple[list[str], int]], manifest_at: int, with_file: bool
) -> None:
    stages = [(row(number, each), stage) for number, (each, stage) in enumerate(rows, start=2)]
    world = arrived(stages, manifest_at)
    assert checked(world.quick()) is not Verdict.DIFFER
    verdict = checked(world.full(with_file=with_file))
    all_there = all(stage == STORED for _, stage in stages) and manifest_at == STORED
    if with_file or all(stage < NOT_SENT for _, stage in stages):
        assert verdict is (Verdict.AGREE if all_there else Verdict.UNSETTLED)


@pytest.mark.parametrize("column", range(8))
def test_any_text_in_any_column_that_is_in_no_other_place_yet_is_an_unsent_row(column: int) -> None:
    texts = (*ODD, "\ud800")
    stages = [
        (row(number, with_odd(column, text)), NOT_SENT)
        for number, text in enumerate(texts, start=2)
    ]
    result = arrived(stages, NOT_SENT).full()
    assert checked(result) is Verdict.UNSETTLED
    assert f"{len(texts)} rows were not sent yet" in result.notes[0]
