"""The pipeline at work: its speed, its lag, its processors, and the newest rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import streamlit as st

from retail_pipeline.adapters.mongo.reads.filters import StoredLine
from retail_pipeline.analytics import live
from retail_pipeline.dashboard import data, format, panel
from retail_pipeline.dashboard.explain import UNFILTERED, Scope
from retail_pipeline.dashboard.operations import charts as pipeline_charts
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.heartbeat import StoredHeartbeat, is_recent
from retail_pipeline.domain.periods import WHOLE
from retail_pipeline.operations.latency import LATENCY_ROWS, percentile

REFRESH_SECONDS = 2
NEWEST = 20
AMONG = 500
# With a sign before each, as no meaning hangs on a colour alone.
KINDS = {"sale": "● Sale", "cancellation": "↩ Cancellation", "adjustment": "± Adjustment"}

_LATENCY = (
    f"Of the {LATENCY_ROWS} rows stored last: the time from when the producer read a row to when a"
    " processor handed it to MongoDB, by the clocks of their machines."
)
_HELP = {
    "Rows per second": "Rows that all processors stored, per second, over the last ten seconds"
    " that they reported. A row that arrives again counts, too.",
    "Stored in 10 minutes": "Rows that all processors stored in the last ten minutes.",
    "Records waiting": "Records of the transactions' topic in Kafka that no processor has stored"
    " and committed: each partition's end, from its processor's last fetch, less the committed"
    " offset. A partition that nobody reads counts with its last known lag, or not at all: the"
    " figure is then a minimum.",
    "Median latency": f"{_LATENCY} Half of them took no longer.",
    "95th percentile": f"{_LATENCY} 95 % of them took no longer.",
    "Processors alive": "Processors that have not stopped and whose last heartbeat is less than ten"
    " seconds old; each writes one to MongoDB every two seconds.",
    "Rows stored": "Rows in the database, by its own counter.",
    "Last row stored": "How long ago a row was stored last.",
}


def body(view: View) -> None:
    """Draw the page."""
    processors = data.processors()
    parts = live.partitions(processors)
    _warnings(processors, parts)
    _cards(view, processors, parts)
    _speed(view, processors)
    left, right = st.columns(2, gap="large")
    with left:
        _partitions(view, parts)
    with right:
        _processors(view, processors)
    _newest(view)


def _warnings(processors: Sequence[StoredHeartbeat], parts: Sequence[live.Partition]) -> None:
    if not any(each.alive for each in processors):
        st.warning(
            "**No processor is alive:** what comes in waits in Kafka, and is stored once one runs."
            " Start one with `retail process`, `make demo` or `docker compose up`.",
            icon=":material/heart_broken:",
        )
        return
    for each in processors:
        if each.stalled:
            st.warning(
                f"**{format.plain(short_name(each.name))} waits for a server** for"
                f" {round(each.quiet_s)} seconds; its log says which.",
                icon=":material/hourglass_top:",
            )
    for each in processors:
        if each.alive and each.summaries_error:
            st.warning(
                f"**{format.plain(short_name(each.name))} can't summarise any day:**"
                f" {format.plain(each.summaries_error)}.",
                icon=":material/sync_problem:",
            )
    orphans = [each.number for each in parts if each.owner is None]
    if orphans:
        st.warning(
            f"**Nobody reads {partition_names(orphans)}.** Kafka gives what a processor leaves"
            " to the others within seconds; until then nobody knows how much waits there.",
            icon=":material/link_off:",
        )


def _cards(
    view: View, processors: Sequence[StoredHeartbeat], parts: Sequence[live.Partition]
) -> None:
    delays = data.delays(LATENCY_ROWS)
    status = view.snapshot.status
    stored_at = status.last_stored_at
    values = {
        "Rows per second": format.count(round(live.rate_now(processors))),
        "Stored in 10 minutes": format.count(live.stored_lately(processors)),
        "Records waiting": lag_text(parts),
        "Median latency": format.seconds(percentile(delays, 0.5)),
        "95th percentile": format.seconds(percentile(delays, 0.95)),
        "Processors alive": format.count(sum(each.alive for each in processors)),
        "Rows stored": format.count(status.stored),
        "Last row stored": format.ago(stored_at, view.snapshot.at) if stored_at else format.NOTHING,
    }
    panel.cards(view, "live", values, _HELP, UNFILTERED)


def _speed(view: View, processors: Sequence[StoredHeartbeat]) -> None:
    rates = live.throughput(processors)
    rows = pd.DataFrame(
        {
            "Start (UTC)": [format.second(start) for start in rates["start"]],
            "Rows per second": [round(rate) for rate in rates["rate"]],
        }
    )
    Panel(
        view,
        "speed",
        "Rows stored per second",
        f"Rows that all processors stored in each {live.STEP_SECONDS} seconds of the last"
        f" {live.MINUTES} minutes, per second, as their heartbeats report every two seconds.",
        rows,
        scope=UNFILTERED,
    ).chart(
        pipeline_charts.speed(),
        pipeline_charts.speed_frame(rates),
        alt=f"Rows stored per second over the last {live.MINUTES} minutes",
    )


def _partitions(view: View, parts: Sequence[live.Partition]) -> None:
    stored = [each.last.committed if each.last else None for each in parts]
    rows = pd.DataFrame(
        {
            "Partition": [each.number for each in parts],
            "Waiting": pd.array([each.lag for each in parts], "Int64"),
            "Processor": [short_name(each.owner) if each.owner else "nobody" for each in parts],
            "Stored up to": pd.array(stored, "Int64"),
            "End": pd.array([each.last.end if each.last else None for each in parts], "Int64"),
            "As of": [as_of(each) for each in parts],
            "Last known": pd.array([each.last_known_lag for each in parts], "Int64"),
        }
    )
    Panel(
        view,
        "lag",
        "Lag by partition",
        "Records of each partition that wait to be stored: its end less what is committed."
        " Where nobody reads it, that is unknown, and empty in the CSV; what was known last is"
        " the least.",
        rows,
        scope=UNFILTERED,
    ).table(placeholder="unknown")


def _processors(view: View, processors: Sequence[StoredHeartbeat]) -> None:
    rows = pd.DataFrame(
        {
            "Processor": [short_name(each.name) for each in processors],
            "State": [state(each) for each in processors],
            "Partitions": [own_partitions(each) for each in processors],
            "Rows/s": [round(live.rate_now([each])) for each in processors],
            "Stored": [each.stored for each in processors],
            "Quarantined": [each.quarantined for each in processors],
            "Started (UTC)": [format.second(each.started_at) for each in processors],
        }
    )
    Panel(
        view,
        "processors",
        "Processors",
        "The last heartbeat of each processor of the last day: rows since it started,"
        " those included that were stored already. Gone: its heartbeats ended."
        " Stopped: it reported its stop.",
        rows,
        scope=UNFILTERED,
    ).table()


def _newest(view: View) -> None:
    reads, selection = data.reads().live, _selection(view)
    found = reads.newest(selection, AMONG, NEWEST)
    Panel(
        view,
        "newest",
        "What came in last",
        f"Of the {AMONG} rows that were stored last, the newest {NEWEST} that count under the"
        " filters, in the order in which they were stored: a line that is invoiced later can"
        " be stored before one that is older. Exact duplicates are among them in any case. The"
        f" CSV has all of the {AMONG} that count, read when you ask for it.",
        _lines(found),
        scope=_scope(view, len(found)),
        every_row=lambda: _lines(reads.newest(selection, AMONG, AMONG)),
    ).table(placeholder="–")
    if not found:
        st.caption(f"None of the {AMONG} rows stored last counts under the filters.")


def _scope(view: View, found: int) -> Scope:
    """Return what does not apply to the newest rows: see the selection."""
    idle = ("duplicates", "period") if view.choice.preset == WHOLE else ("duplicates",)
    return Scope(rows=f"{found} of the {AMONG} stored last", idle=idle)


def _selection(view: View) -> Selection:
    """Return what counts; the whole period has no end here, as its newest day may not be known."""
    if view.choice.preset != WHOLE:
        return view.selection
    return replace(view.selection, first=date.min, last=date(9999, 12, 30))


def _lines(found: Sequence[StoredLine]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Stored (UTC)": [format.second(each.stored_at) for each in found],
            "Kind": [KINDS.get(each.kind, each.kind) for each in found],
            "Invoice": [each.invoice for each in found],
            "Code": [each.product for each in found],
            "Description": [each.description for each in found],
            "Quantity": [each.units for each in found],
            "Price": [each.price for each in found],
            "Amount": [each.amount for each in found],
            "Customer": [each.customer or "guest" for each in found],
            "Country": [format.country(each.country) for each in found],
            "Invoiced (UTC)": [format.minute(each.invoiced_at) for each in found],
        }
    )


def short_name(name: str) -> str:
    """Return a processor's name without the prefix that all of them share."""
    return name.removeprefix("retail-processor-")


def state(record: StoredHeartbeat) -> str:
    """Return what a processor does, with a sign that needs no colour."""
    if record.stalled:
        return "◐ waits for a server"
    if record.alive:
        return "● alive"
    return f"{'■ stopped' if record.stopped else '✕ gone'} {_ago(record.age_s)}"


def own_partitions(record: StoredHeartbeat) -> str:
    """Return the partitions that a processor reads."""
    if not record.alive:
        return format.NOTHING
    return ", ".join(str(each.partition) for each in record.progress) or "none"


def lag_text(parts: Sequence[live.Partition]) -> str:
    """Return how many records wait in all partitions, or at least how many."""
    known, unknown = live.lag(parts)
    if not parts or unknown == len(parts) and not known:
        return "unknown"
    return f"≥ {format.count(known)}" if unknown else format.count(known)


def as_of(part: live.Partition) -> str:
    """Return when a partition's lag was last known; a recent one is always "now"."""
    if part.age_s is None:
        return format.NOTHING
    return "now" if is_recent(part.age_s) else _ago(part.age_s)


def partition_names(numbers: Sequence[int]) -> str:
    """Return partitions by their numbers: partition 3; partitions 0, 2 and 5."""
    *most, last = map(str, numbers)
    return f"partitions {', '.join(most)} and {last}" if most else f"partition {last}"


def _ago(age_s: float) -> str:
    now = datetime.now(UTC)
    return format.ago(now - timedelta(seconds=age_s), now)
