"""``retail dlq``: a wrong command line is reported before anything is changed."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from retail_pipeline.cli.app import app
from retail_pipeline.cli.dlq.edits import Edits
from retail_pipeline.cli.dlq.view import as_line, print_row, print_table, printable
from retail_pipeline.errors import UsageError
from tests.fake_quarantine import quarantined
from tests.fakes import rejection

ROW = quarantined(rejection(3))


def refused(*arguments: str) -> str:
    """Run ``retail dlq``; return why the command line is refused."""
    result = CliRunner().invoke(app, ["dlq", *arguments])
    if isinstance(result.exception, UsageError):
        return str(result.exception)
    assert result.exit_code == 2, result.output
    return result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay"], "replay needs rows: name IDs, filters or --all"),
        (["purge"], "purge needs rows: name IDs, filters or --all"),
        (["replay", "--all", "--stage", "producer"], "--all means every row"),
        (["replay", "--all", "--edited", "x"], "--edited names the rows itself"),
        (["replay", "--edited", "x", "--limit", "3"], "--edited names the rows itself"),
        (["replay", "--edited", "/nowhere/x"], "/nowhere/x: it can't be read"),
        (["purge", "--all"], "add --yes"),
        (["list", "--reason", "bad_mood"], "bad_mood"),
        (["list", "--since", "yesterday"], "yesterday"),
        (["list", "--stage", "kitchen"], "'producer', 'processor'"),
        (["list", "--limit", "0"], "equal to 1"),
    ],
)
def test_a_users_mistake_is_named(arguments: list[str], words: str) -> None:
    assert words in refused(*arguments)


def test_a_file_of_edits_is_checked_whole_before_anything_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(as_line(ROW) + b"\n" + b'{"_id": "x"}\n')
    with pytest.raises(UsageError, match=r"rows.jsonl, line 3: .* `raw`; nothing was replayed"):
        Edits(str(path))


def test_a_file_of_edits_that_has_a_row_twice_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    other = as_line(quarantined(rejection(4)))
    path.write_bytes(as_line(ROW) + other + as_line(ROW).replace(b"{", b" {", 1))
    words = refused("replay", "--edited", str(path))
    assert words == (
        f"{path}, line 3: an earlier line has the row {ROW.id} too: keep one of them;"
        " nothing was replayed"
    )


def test_edits_come_in_chunks_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(as_line(quarantined(rejection(n))) for n in range(5)))
    with Edits(str(path)) as edits:
        assert edits.rows == 5
        assert [len(chunk) for chunk in edits.chunks(2)] == [2, 2, 1]


def test_edits_can_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(as_line(ROW)))
    monkeypatch.setattr("sys.stdin", stdin)
    with Edits("-") as edits:
        assert list(edits.chunks(9)) == [{ROW.id: ROW.raw}]


def shown(print_: Callable[..., None], *arguments: object) -> str:
    printed = io.StringIO()
    print_(Console(file=printed, width=160), *arguments)
    return printed.getvalue()


def test_the_table_names_row_reason_and_totals_and_says_when_there_is_more() -> None:
    text = shown(print_table, [ROW], {"not_a_number": 7, "too_long": 1})
    for words in (
        ROW.id,
        "retail.csv:3",
        "Quantity is 'x'",
        "2026-01-02 00:00:00",
        "8  in quarantine",
    ):
        assert words in text
    assert "1 of 8 rows shown" in text


def test_an_empty_quarantine_is_reported() -> None:
    assert shown(print_table, [], {}) == "No such row is in quarantine.\n"


def test_one_row_is_shown_whole_with_what_to_do() -> None:
    text = shown(print_row, quarantined(rejection(3), truncated=True, claims="a:000000001"))
    for words in (ROW.raw, "a:000000001", "write the whole text into raw", "--edited rows.jsonl"):
        assert words in text


def test_what_a_terminal_would_act_upon_is_written_out() -> None:
    assert printable("a\x1b[31m[red]é").plain == "a\\x1b[31m[red]é"
