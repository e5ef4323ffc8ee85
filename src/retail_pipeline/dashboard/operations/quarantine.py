"""The quarantine: rows by reason, samples of them, and an export of all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from retail_pipeline.adapters.mongo.reads.quality import MongoQuality, QuarantineGroup
from retail_pipeline.dashboard import data, format, panel, url_state
from retail_pipeline.dashboard.explain import UNFILTERED, Scope
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.quarantined import Quarantined

SAMPLES = 20
# What one file of an export holds at most; ``retail dlq list`` gives everything.
MOST_EXPORTED = 10_000
_MOST_LETTERS = 100
REASON = url_state.text("reason", None, _MOST_LETTERS)
_FILES_NAMED = 3


def draw(view: View) -> None:
    """Draw the quarantine's counts, and samples of the reason that the viewer chooses."""
    groups = data.quarantine()
    counts = by_reason(groups, _FILES_NAMED)
    Panel(
        view,
        "quarantine",
        "Quarantine by reason",
        "Rows that break the contract, each kept with its text: the producer refused them"
        " while reading, or a processor what it took from Kafka.",
        counts,
        scope=UNFILTERED,
        every_row=lambda: by_reason(groups),
    ).table()
    if not len(counts):
        st.caption("No row is in quarantine.")
        return
    # The last row of the reason chosen may have been replayed meanwhile.
    reason = url_state.dropdown("Reason", REASON, list(counts["Reason"]))
    total = int(counts.loc[counts["Reason"] == reason, "Rows"].iloc[0])
    _samples(view, reason, total)


def by_reason(groups: Sequence[QuarantineGroup], files: int | None = None) -> pd.DataFrame:
    """Return a row for each reason: rows, their share, stages, files, and when the last came.

    At most so many ``files`` are named, and the others counted; None names them all.
    """
    found: dict[str, list[QuarantineGroup]] = {}
    for each in groups:
        found.setdefault(each.reason, []).append(each)
    counts = {reason: sum(each.rows for each in same) for reason, same in found.items()}
    reasons = sorted(counts, key=lambda reason: (-counts[reason], reason))
    total = sum(counts.values())
    return pd.DataFrame(
        {
            "Reason": reasons,
            "Rows": pd.array([counts[reason] for reason in reasons], "Int64"),
            "Share": [counts[reason] / total for reason in reasons],
            "Refused by": [
                ", ".join(sorted({each.stage for each in found[reason]})) for reason in reasons
            ],
            "Files": [_named(found[reason], files) for reason in reasons],
            "Last (UTC)": [
                format.second(max(each.last_at for each in found[reason])) for reason in reasons
            ],
        }
    )


def _named(group: Sequence[QuarantineGroup], most: int | None) -> str:
    names = list(dict.fromkeys(each.name for each in group))
    more = len(names[most:]) if most is not None else 0
    return ", ".join(names[:most]) + (f" and {more} more" if more else "")


def _samples(view: View, reason: str, total: int) -> None:
    reads = data.reads().quality
    found = reads.quarantined(reason, SAMPLES)
    exported = format.count(min(total, MOST_EXPORTED))
    Panel(
        view,
        "samples",
        f"Samples: {reason}",
        f"The newest {SAMPLES} rows in quarantine for this reason: where they stand, what is"
        f" wrong, and their text to the letter. The CSV has {exported} of"
        f" {format.counted(total, 'row')}, read when you ask for it.",
        _shown(found),
        scope=Scope(
            rows=f"the newest {len(found)} of {total} in quarantine for {reason}",
            filtered=False,
        ),
        every_row=lambda: _shown(reads.quarantined(reason, MOST_EXPORTED)),
    ).table()
    panel.offer(
        f"Download {exported} of {format.counted(total, 'row')}",
        partial(export, reads, reason),
        f"quarantine-{reason}.csv",
        "csv-reason",
        f"All rows of this reason, the newest {format.count(MOST_EXPORTED)} at most, read"
        " when you ask. `retail dlq list` gives any number.",
    )


def _shown(found: Sequence[Quarantined]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "File": [each.name for each in found],
            "Row": pd.array([each.row for each in found], "Int64"),
            "What is wrong": [each.detail for each in found],
            "Text": [each.raw for each in found],
            "Refused by": [each.stage for each in found],
            "In quarantine since (UTC)": [format.minute(each.quarantined_at) for each in found],
        }
    )


def export(reads: MongoQuality, reason: str) -> str:
    """Return the file of a reason's rows."""
    found = reads.quarantined(reason, MOST_EXPORTED)
    columns = {
        "id": [each.id for each in found],
        "file": [each.name for each in found],
        "source": [each.source for each in found],
        "row": [each.row for each in found],
        "refused by": [each.stage for each in found],
        "reason": [each.reason for each in found],
        "what is wrong": [each.detail for each in found],
        "text": [each.raw for each in found],
        "cut": [each.truncated for each in found],
        "replays": [each.replays for each in found],
        "in quarantine since": [each.quarantined_at.isoformat() for each in found],
    }
    return panel.csv_text(pd.DataFrame(columns))
