"""The quality of the data: the ledger, the quarantine, and what lines lack."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import streamlit as st

from retail_pipeline.adapters.mongo.reads.quality import MOST_SOURCES, Freshness
from retail_pipeline.analytics import quality
from retail_pipeline.dashboard import data, format, panel
from retail_pipeline.dashboard.explain import UNFILTERED, Scope
from retail_pipeline.dashboard.filters import KINDS
from retail_pipeline.dashboard.operations import charts as pipeline_charts
from retail_pipeline.dashboard.operations import quarantine
from retail_pipeline.dashboard.operations.reconciliation import differences, verdict
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.failed_days import PARTS, WHAT_TO_DO
from retail_pipeline.domain.reconciliation import Mode, Reconciliation

_TOTALS = {
    "Rows read": "Rows that the producer read, as its manifests say.",
    "Stored": "Rows that are stored as transactions.",
    "Quarantined or purged": "Rows that break the contract, kept with their text and the reason,"
    " and those that somebody gave up for good with `retail dlq purge`.",
    "Missing": "Rows read that are in no state: on their way, or lost. Read, less stored, less"
    " quarantined, less purged.",
}


def body(view: View) -> None:
    """Draw the page."""
    results = data.reconciled()
    sources = data.sources()
    _verdicts(view, results)
    _unsummarised(view)
    _ledger(view, results, sources)
    _freshness(view, sources)
    quarantine.draw(view)
    if view.total_lines:
        _lacking(view)
        _duplicates(view)


def _verdicts(view: View, results: list[Reconciliation]) -> None:
    by_mode = {result.mode: result for result in results}
    for column, mode in zip(st.columns(2, gap="medium"), Mode, strict=True):
        with column:
            verdict(mode, by_mode.get(mode), view.snapshot.at)
    differences(view, results)


def _unsummarised(view: View) -> None:
    """Draw each part of each day that can't be summarised; nothing if there is none."""
    found = [
        (each, part, why)
        for each in view.snapshot.status.failed_days
        for part, why in each.reasons.items()
    ]
    if not found:
        return
    rows = pd.DataFrame(
        {
            "Day": [each.day.isoformat() for each, _, _ in found],
            "Missing or older": [PARTS.get(part, part) for _, part, _ in found],
            "Why": [why for _, _, why in found],
            "Since (UTC)": [format.second(each.since) for each, _, _ in found],
            "Attempts": [each.attempts for each, _, _ in found],
            "Next attempt (UTC)": [
                "now" if each.changed else format.second(each.next_at) for each, _, _ in found
            ],
        }
    )
    Panel(
        view,
        "unsummarised",
        "Days that can't be summarised",
        "The figures lack these days, or have an older state of them.",
        rows,
        scope=UNFILTERED,
    ).table()
    st.caption(format.plain(f"Of each of them: {WHAT_TO_DO}."))


def _ledger(view: View, results: list[Reconciliation], sources: list[Freshness]) -> None:
    accounts = quality.ledger(results)
    _totals(view, accounts)
    reads = data.reads().quality
    Panel(
        view,
        "ledger",
        "The ledger",
        "Each source's rows as the last reconciliation counted them: read = stored +"
        " quarantined + purged + missing. What is missing may be on its way. Kinds come"
        " from the last full reconciliation, while the number of stored rows is the same;"
        " otherwise they are empty.",
        _ledger_rows(accounts, sources),
        scope=UNFILTERED,
        every_row=lambda: _ledger_rows(accounts, reads.sources(0)),
    ).table(placeholder=format.NOTHING)


def _ledger_rows(accounts: list[quality.Account], sources: list[Freshness]) -> pd.DataFrame:
    """Return a row for each account, and for each source that was not reconciled yet."""
    reconciled = {each.account.source for each in accounts}
    later = [each.manifest for each in sources if each.manifest.source not in reconciled]
    begun = pd.DataFrame(
        {
            "File": [each.name for each in later],
            "Read": pd.array([each.rows_read for each in later], "Int64"),
            "State": ["not reconciled yet"] * len(later),
        }
    )
    return pd.concat([_accounts(accounts), begun], ignore_index=True)


def _accounts(accounts: list[quality.Account]) -> pd.DataFrame:
    columns: dict[str, list[int | None]] = {
        "Read": [each.account.read for each in accounts],
        "Stored": [each.account.stored for each in accounts],
        **{
            label: [each.kinds.get(kind, 0) if each.kinds else None for each in accounts]
            for label, kind in KINDS.items()
        },
        "Quarantined": [each.account.quarantined for each in accounts],
        "Purged": [each.account.purged for each in accounts],
        "Missing": [each.missing for each in accounts],
    }
    return pd.DataFrame(
        {
            "File": [each.account.name for each in accounts],
            **{name: pd.array(values, "Int64") for name, values in columns.items()},
            "State": [_state(each) for each in accounts],
        }
    )


def _state(account: quality.Account) -> str:
    if not account.account.complete:
        return "not read to its end"
    if account.missing is None:
        return "not known what was read"
    return "✓ whole" if not account.missing else "✕ differs, or on its way"


def _totals(view: View, accounts: list[quality.Account]) -> None:
    if not accounts:
        return
    read = [each.account.read for each in accounts if each.account.read is not None]
    missing = [each.missing for each in accounts if each.missing is not None]
    given_up = sum(each.account.quarantined + each.account.purged for each in accounts)
    values = {
        "Rows read": format.count(sum(read)),
        "Stored": format.count(sum(each.account.stored for each in accounts)),
        "Quarantined or purged": format.count(given_up),
        "Missing": format.count(sum(missing)),
    }
    meanings = {
        label: f"{meaning} As of the last reconciliation." for label, meaning in _TOTALS.items()
    }
    panel.cards(view, "ledger", values, meanings, UNFILTERED)


def _freshness(view: View, sources: list[Freshness]) -> None:
    reads = data.reads().quality
    Panel(
        view,
        "freshness",
        "Freshness",
        "What the producer reported of each source at its start and at its end;"
        " when the row that stands furthest in the file was stored, and its number there."
        f" The {MOST_SOURCES} sources that were begun last; the CSV has all.",
        _freshness_rows(sources),
        scope=UNFILTERED,
        every_row=lambda: _freshness_rows(reads.sources(0)),
    ).table(placeholder=format.NOTHING)


def _freshness_rows(sources: list[Freshness]) -> pd.DataFrame:
    manifests = [each.manifest for each in sources]
    furthest = [each.last_row for each in sources]
    return pd.DataFrame(
        {
            "File": [each.name for each in manifests],
            "Format": [each.format for each in manifests],
            "Started (UTC)": [format.second(each.started_at) for each in manifests],
            "Finished (UTC)": [
                format.second(each.updated_at) if each.complete else "not yet" for each in manifests
            ],
            "Last row stored (UTC)": [format.second(each.last_stored_at) for each in sources],
            "Furthest row": pd.array(furthest, "Int64"),
            "Read": pd.array([each.rows_read for each in manifests], "Int64"),
            "Rejected": pd.array([each.rows_rejected for each in manifests], "Int64"),
        }
    )


def _lacking(view: View) -> None:
    selection = replace(view.selection, duplicates=True)
    lines, guests, nowhere = quality.lacking(view.orders_of(selection), view.snapshot.dictionaries)
    again = -int(view.snapshot.duplicate_rows(selection)["lines"].sum())
    nameless = data.undescribed(selection, view.snapshot)
    found = {
        "No customer": (guests, "have no customer number: guests bought them"),
        "No description": (nameless, "have no description"),
        "No country": (nowhere, "have no country"),
        "Exact duplicates": (again, "agree with an earlier line in every field"),
    }
    all_of_them = f"{format.count(lines)} of {view.stored}"
    scope = Scope(rows=f"{all_of_them}, exact duplicates counted in", idle=("duplicates",))
    st.subheader("What lines lack")
    values = {label: format.share(count, lines) for label, (count, _) in found.items()}
    meanings = {
        label: f"{format.count(count)} of {format.counted(lines, 'line')} under the filters"
        f" {which}. Exact duplicates are counted in, also where they are left out elsewhere."
        for label, (count, which) in found.items()
    }
    panel.cards(view, "lacking", values, meanings, scope)


def _duplicates(view: View) -> None:
    selection = replace(view.selection, duplicates=True)
    found = quality.by_day(view.snapshot.duplicate_rows(selection))
    days = list(found)
    starts = pd.to_datetime(days, utc=True)
    frame = pd.DataFrame(
        {
            "start": starts,
            "end": starts + timedelta(days=1),
            "lines": list(found.values()),
            "Day": [format.day(day) for day in days],
            "Duplicates": [format.counted(count, "line") for count in found.values()],
        }
    )
    rows = pd.DataFrame({"Day": [day.isoformat() for day in days], "Lines": list(found.values())})
    meaning = "The second and later of lines that agree in every field, by the day of the invoice."
    again = f"{format.count(sum(found.values()))} of {view.stored}"
    scope = Scope(rows=f"{again}, those that repeat an earlier one", idle=("duplicates",))
    shown = Panel(view, "duplicates", "Exact duplicates by day", meaning, rows, scope)
    alt = f"Exact duplicate lines by day, {format.span(view.period)}"
    shown.chart(pipeline_charts.duplicates(view.period), frame, alt=alt)
