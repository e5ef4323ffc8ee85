"""A reconciliation reads well: what was found, where, and what to do."""

from __future__ import annotations

import io

import msgspec
import pytest
from pytest_mock import MockerFixture
from rich.console import Console
from typer.testing import CliRunner

from retail_pipeline.cli.app import app
from retail_pipeline.cli.reconcile.report import show
from retail_pipeline.domain.offsets import PartitionOffsets
from retail_pipeline.domain.reconciliation import (
    Difference,
    Mode,
    PartitionAccount,
    Reconciliation,
    SourceAccount,
    Sum,
    Verdict,
)
from tests.ledger_world import reconciliation
from tests.paths import ROOT


def printed(result: Reconciliation) -> str:
    out = io.StringIO()
    show(result, Console(file=out, width=120))
    return out.getvalue()


@pytest.mark.parametrize(
    "struct", [Reconciliation, SourceAccount, PartitionAccount, PartitionOffsets, Difference, Sum]
)
def test_every_field_of_the_json_is_documented(struct: type[msgspec.Struct]) -> None:
    page = (ROOT / "docs" / "reconciliation.md").read_text("utf-8")
    for field in struct.__struct_fields__:
        assert f"`{field}`" in page, field


def test_what_agrees_is_reported_with_its_rows_and_its_time() -> None:
    text = printed(reconciliation())
    assert (
        "Reconciled: all 3,000 rows are accounted for (manifests and MongoDB's counts; 0.2" in text
    )
    assert "retail.csv" in text and "2,990" in text


def test_what_is_on_its_way_is_reported_apart() -> None:
    text = printed(reconciliation(verdict=Verdict.UNSETTLED, lag=3_000, pending_days=2))
    assert "Not settled yet: 3,000 records still on their way, 2 days still to be summar" in text
    text = printed(reconciliation(verdict=Verdict.UNSETTLED, notes=["retail.csv [x] was stopped"]))
    assert "a source was not read to its end" in text
    assert "Note: retail.csv [x] was stopped" in text


def test_each_difference_is_named_with_what_to_do() -> None:
    difference = Difference(
        what="two_states",
        place="MongoDB",
        name="[odd].csv",
        day="2011-01-02",
        kind="sale",
        detail="rows in both",
        advice="delete one",
        expected=Sum(2, "15.3"),
        found=Sum(1, "-1009.725"),
        ids=("a:1",),
        more=1_234,
    )
    result = reconciliation(
        mode=Mode.FULL,
        verdict=Verdict.DIFFER,
        differences=[difference] * 21,
        difference_count=21,
        sources=[
            msgspec.structs.replace(each, repeated=7, replayed=1, pounds="1234567.8")
            for each in reconciliation().sources
        ],
        partitions=[
            PartitionAccount(
                position=PartitionOffsets(
                    topic="t", partition=0, first=5, end=1_005, committed=905
                ),
                records=998,
            )
        ],
    )
    text = printed(result)
    assert "They differ: 21 two states; 25,935 rows are named. Do what each" in text
    assert "MongoDB · two states · [odd].csv · 2011-01-02 · sale" in text
    assert "expected 2 rows, £15.30, found 1 row, −£1,009.725\n" in text
    assert "a:1 and 1,234 more" in text and "→ delete one" in text
    assert "and 1 more: --json has all of them" in text
    assert "t: 998 records, 100 not stored yet" in text
    assert "7 records came through Kafka again" in text and "1,234,567.8" in text


def test_a_count_from_offsets_alone_names_the_probes_in_it() -> None:
    offsets = [
        PartitionOffsets(topic=topic, partition=0, first=5, end=1_005, committed=905)
        for topic in ("t", "t.dlq")
    ]
    text = printed(reconciliation(partitions=[PartitionAccount(position=each) for each in offsets]))
    assert "t: 1,000 records (probes included), 100 not stored yet" in text
    assert "t.dlq: 1,000 records, 100 not stored yet" in text


def test_a_fault_of_its_own_is_no_difference(mocker: MockerFixture) -> None:
    mocker.patch("retail_pipeline.cli.reconcile._run", side_effect=KeyError("lines"))
    result = CliRunner().invoke(app, ["reconcile"])
    assert result.exit_code == 2 and "unexpected KeyError" in result.stderr
    assert "'lines' (a fault of the program" in result.stderr
