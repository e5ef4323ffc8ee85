"""What a reconciliation found: the verdict, and a table of differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from retail_pipeline.dashboard import format
from retail_pipeline.dashboard.explain import UNFILTERED
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.money import format_pounds
from retail_pipeline.domain.reconciliation import Difference, Mode, Reconciliation, Sum, Verdict

_NAMES = {Mode.QUICK: "Count check", Mode.FULL: "Full reconciliation"}
_COMPARES = {
    Mode.QUICK: "compares the counts; the processors do so by themselves",
    Mode.FULL: "compares every row and every penny: `retail reconcile`",
}


def verdict(mode: Mode, result: Reconciliation | None, now: datetime) -> None:
    """Draw what the last reconciliation of a mode found, its age, and who ran it."""
    name = _NAMES[mode]
    if result is None:
        st.info(f"**{name}: none yet.** It {_COMPARES[mode]}.", icon=":material/pending:")
        return
    rows = format.counted(result.accounted, "row")
    if result.verdict is Verdict.AGREE:
        st.success(f"**{name}: all agrees.** {rows} accounted for.", icon=":material/check_circle:")
    elif result.verdict is Verdict.UNSETTLED:
        st.info(
            f"**{name}: nothing wrong, not settled.** {rows} accounted for;"
            f" {format.counted(result.lag, 'record')} on the way,"
            f" {format.counted(result.pending_days, 'day')} to be summarised.",
            icon=":material/sync:",
        )
    else:
        wrong = f" ({format.counted(result.wrong_rows, 'row')})" if result.wrong_rows else ""
        found = format.counted(result.difference_count, "difference")
        st.error(f"**{name}: {found}{wrong}.** They are below.", icon=":material/error:")
    by = format.plain(f"{format.ago(result.at, now)}, in {result.seconds:.1f} s, by {result.by}")
    st.caption(f"{format.second(result.at)} UTC, {by}. It {_COMPARES[mode]}.")
    for note in result.notes:
        st.caption(format.plain(note))


def differences(view: View, results: list[Reconciliation]) -> None:
    """Draw the differences of the last reconciliations, with what to do; nothing if all agrees."""
    found = [(result, each) for result in results for each in result.differences]
    if not found:
        return
    sides = {
        "Expected": [each.expected for _, each in found],
        "Found": [each.found for _, each in found],
    }
    hidden = sum(result.difference_count for result in results) - len(found)
    more = f"{format.counted(hidden, 'difference')} more: `retail reconcile` names each."
    meaning = "What differs between places, by the last count check and full reconciliation."
    Panel(
        view,
        "differences",
        "Differences",
        f"{meaning} {more}" if hidden > 0 else meaning,
        _rows(found, {name: list(map(_sum, sums)) for name, sums in sides.items()}),
        scope=UNFILTERED,
        every_row=lambda: _rows(found, _numbers(sides)),
    ).table()
    if hidden > 0:
        st.caption(more)


def _rows(
    found: Sequence[tuple[Reconciliation, Difference]], sums: Mapping[str, Any]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Check": [result.mode.value for result, _ in found],
            "What": [each.what for _, each in found],
            "Where": [each.place for _, each in found],
            "File": [each.name or each.source or "" for _, each in found],
            "Day": [each.day or "" for _, each in found],
            "Kind": [each.kind or "" for _, each in found],
            **sums,
            "What is wrong": [each.detail for _, each in found],
            "What to do": [each.advice for _, each in found],
            "Rows": [", ".join(each.ids) for _, each in found],
            "More rows": [each.more for _, each in found],
        }
    )


def _numbers(sides: Mapping[str, Sequence[Sum | None]]) -> dict[str, Any]:
    """Return columns of numbers, to export: how many rows, and their money if it was compared."""
    columns: dict[str, Any] = {}
    for name, sums in sides.items():
        columns[f"{name} rows"] = pd.Series(
            [each.rows if each else None for each in sums], dtype="Int64"
        )
        columns[f"{name} net"] = [
            Decimal(each.pounds) if each and each.pounds else None for each in sums
        ]
    return columns


def _sum(value: Sum | None) -> str:
    if value is None:
        return ""
    money = f", {format_pounds(Decimal(value.pounds))}" if value.pounds else ""
    return format.counted(value.rows, "row") + money
