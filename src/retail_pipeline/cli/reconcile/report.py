"""Prints a reconciliation: a row a source, the verdict, and each difference."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from retail_pipeline.domain.money import format_pounds
from retail_pipeline.domain.reconciliation import (
    Difference,
    Mode,
    Reconciliation,
    SourceAccount,
    Sum,
    Verdict,
)
from retail_pipeline.domain.words import counted

_MOST_SHOWN = 20
_TITLE = {Mode.QUICK: "Count check", Mode.FULL: "Full reconciliation"}
_COLOUR = {Verdict.AGREE: "green", Verdict.UNSETTLED: "yellow", Verdict.DIFFER: "red"}


def show(result: Reconciliation, console: Console) -> None:
    """Print the result."""
    console.print(_table(result))
    _show_topics(result, console)
    _show_oddities(result, console)
    colour = _COLOUR[result.verdict]
    console.print(f"[{colour}]{escape(verdict_line(result))}[/]", highlight=False)
    for difference in result.differences[:_MOST_SHOWN]:
        _show_difference(difference, console)
    if len(result.differences) > _MOST_SHOWN:
        console.print(
            f"… and {len(result.differences) - _MOST_SHOWN:,} more: --json has all of them"
        )
    for note in result.notes:
        console.print(f"Note: {note}", markup=False, highlight=False)


def verdict_line(result: Reconciliation) -> str:
    """Return the whole result in one sentence."""
    places = "manifests and MongoDB's counts"
    if result.mode is Mode.FULL:
        files = any(source.file for source in result.sources)
        places = f"{'file, ' if files else ''}Kafka, MongoDB, rollups and returns"
    if result.verdict is Verdict.AGREE:
        rows = f"all {result.accounted:,} rows are accounted for"
        return f"Reconciled: {rows} ({places}; {result.seconds:.1f} s)."
    if result.verdict is Verdict.UNSETTLED:
        waits = []
        if result.lag:
            waits.append(f"{result.lag:,} records still on their way")
        if result.pending_days:
            waits.append(f"{result.pending_days:,} days still to be summarised")
        if not waits:
            waits.append("a source was not read to its end")
        return (
            f"Not settled yet: {', '.join(waits)}; nothing wrong was found. Run it again with"
            " --wait 60; if that changes nothing, check that a processor runs."
        )
    kinds = Counter(each.what.replace("_", " ") for each in result.differences)
    found = ", ".join(f"{number:,} {what}" for what, number in kinds.items())
    rows = f"; {result.wrong_rows:,} rows are named" if result.wrong_rows > 1 else ""
    return f"They differ: {found}{rows}. Do what each → says, then run `retail reconcile` again."


def _table(result: Reconciliation) -> Table:
    table = Table(title=f"{_TITLE[result.mode]}, {result.at:%Y-%m-%d %H:%M:%S} UTC")
    full = result.mode is Mode.FULL
    table.add_column("source", overflow="fold")
    columns = ["read", "stored", "quarantined", "purged"]
    if full:
        columns.append("net £")
    for column in columns:
        table.add_column(column, justify="right")
    for source in result.sources:
        table.add_row(escape(source.name), *_cells(source, full))
    return table


def _cells(source: SourceAccount, full: bool) -> list[str]:
    read = "?" if source.read is None else f"{source.read:,}"
    numbers = (source.stored, source.quarantined, source.purged)
    cells = [read + ("" if source.complete or source.read is None else " so far")]
    cells += [f"{number:,}" for number in numbers]
    if full:
        cells.append(f"{Decimal(source.pounds or 0):,}")
    return cells


def _show_topics(result: Reconciliation, console: Console) -> None:
    """Print how many records each topic holds, and what of them is not stored yet.

    Probes are left out where the records were read; from offsets alone nobody can tell them apart.
    """
    full = result.mode is Mode.FULL
    records, lag = Counter[str](), Counter[str]()
    for account in result.partitions:
        position = account.position
        records[position.topic] += account.records if full else position.end - position.first
        lag[position.topic] += position.lag
    # The names of the other topics, which have no probes, begin with that of the transactions.
    main = min(records, key=len, default="")
    for topic, number in records.items():
        what = "records (probes included)" if topic == main and not full else "records"
        text = f"{topic}: {number:,} {what}, {lag[topic]:,} not stored yet"
        console.print(text, markup=False, highlight=False)


def _show_oddities(result: Reconciliation, console: Console) -> None:
    """Print what is good to know, though it is no fault."""
    repeated = sum(source.repeated for source in result.sources)
    replayed = sum(source.replayed for source in result.sources)
    if repeated:
        console.print(f"{repeated:,} records came through Kafka again: harmless", highlight=False)
    if replayed:
        console.print(f"{replayed:,} rows were in quarantine and are stored now", highlight=False)


def _show_difference(difference: Difference, console: Console) -> None:
    where = [difference.place, difference.what.replace("_", " ")]
    where += [each for each in (difference.name, difference.day, difference.kind) if each]
    console.print(f"\n[bold]{escape(' · '.join(where))}[/]", highlight=False)
    console.print(f"  {difference.detail}", markup=False, highlight=False)
    if difference.expected and difference.found:
        text = f"  expected {_sum(difference.expected)}, found {_sum(difference.found)}"
        console.print(text, markup=False, highlight=False)
    if difference.ids:
        more = f" and {difference.more:,} more" if difference.more else ""
        text = f"  {', '.join(difference.ids)}{more}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print(f"  → {difference.advice}", markup=False, highlight=False)


def _sum(total: Sum) -> str:
    money = "" if total.pounds is None else f", {format_pounds(Decimal(total.pounds))}"
    return counted(total.rows, "row") + money
