"""Prints rows in quarantine: as a table, one row in full, or a line of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from retail_pipeline.domain.quarantined import Quarantined
from retail_pipeline.domain.rejection import Stage

_WIDTH = 160  # columns, where the output is no terminal
_HINTS: dict[str, str] = {
    Stage.PRODUCER: (
        "To correct it: retail dlq list --json > rows.jsonl, keep this line, correct its raw, then"
        " retail dlq replay --edited rows.jsonl."
    ),
    Stage.PROCESSOR: (
        "If a newer release can read it, deploy that, then retail dlq replay {id}. To correct it:"
        " retail dlq list --json > rows.jsonl, keep this line, correct the JSON in its raw, then"
        " retail dlq replay --edited rows.jsonl."
    ),
}


def printable(text: str) -> Text:
    """Return ``text`` without markup, with control characters as escape sequences."""
    return Text("".join(each if each.isprintable() else repr(each)[1:-1] for each in text))


def as_line(row: Quarantined) -> bytes:
    """Return a row as a line of JSON."""
    return msgspec.json.encode(row) + b"\n"


def print_table(console: Console, rows: Sequence[Quarantined], totals: Mapping[str, int]) -> None:
    """Print rows, and below them the totals by reason."""
    if not totals:
        console.print("No such row is in quarantine.")
        return
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "row", "reason", "detail", "since (UTC)"):
        table.add_column(name, overflow="fold")
    table.add_column("replays", justify="right")
    for row in rows:
        table.add_row(
            *map(printable, (row.id, f"{row.name}:{row.row}", row.reason, row.detail)),
            _moment(row.quarantined_at),
            str(row.replays or ""),
        )
    console.print(table)
    console.print()
    console.print(_totals(totals))
    total = sum(totals.values())
    if len(rows) < total:
        console.print(f"\n{len(rows):,} of {total:,} rows shown: --limit N or --json show more.")


def print_row(console: Console, row: Quarantined) -> None:
    """Print everything about a row, and how to correct it."""
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    for name, value in (
        ("id", row.id),
        ("row", f"{row.name}:{row.row}"),
        ("source", row.source),
        ("claims to be", row.claims or ""),
        ("reason", row.reason),
        ("detail", row.detail),
        ("refused by", f"the {row.stage}, {_moment(row.rejected_at)}"),
        ("in quarantine", f"since {_moment(row.quarantined_at)}"),
        ("replays", _replays(row)),
        ("encoding", row.encoding),
        ("raw", row.raw),
    ):
        if value:
            facts.add_row(name, printable(value))
    console.print(facts)
    if row.truncated:
        console.print("\nOnly the start of its text is stored: write the whole text into raw.")
    hint = _HINTS.get(row.stage, _HINTS[Stage.PRODUCER]).format(id=row.id)
    console.print(f"\n{hint}", markup=False, highlight=False)


def _replays(row: Quarantined) -> str:
    if row.last_replayed_at is None:
        return str(row.replays)
    return f"{row.replays}, the last {_moment(row.last_replayed_at)}"


def _totals(totals: Mapping[str, int]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for reason, rows in totals.items():
        table.add_row(f"{rows:,}", printable(reason))
    table.add_row(f"{sum(totals.values()):,}", "in quarantine", style="bold")
    return table


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
