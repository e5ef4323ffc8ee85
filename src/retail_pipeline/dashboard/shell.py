"""What surrounds every page: the filter bar, the part that refreshes itself, and its messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from retail_pipeline.analytics import sums
from retail_pipeline.dashboard import data, explain, filters, format, states, url_state
from retail_pipeline.dashboard.filters import Choice
from retail_pipeline.dashboard.process import recorder
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.periods import Period
from retail_pipeline.errors import RetailError
from retail_pipeline.operations import metrics

# A refresh costs 0.1 s of CPU a viewer, which the processor beside the dashboard lacks.
REFRESH_SECONDS = 10
# What each cleaning choice does changes slowly. A change of a filter computes it again.
_EFFECTS_SECONDS = 30
_RETRYING = "retrying"
# What is shown stays as bright while new figures are read: no flicker at each refresh.
# A panel's button shows its icon alone; its name, and what it opens, are for screen readers.
# What a card is compared with takes a second line, rather than being cut off.
# A table's own CSV says nothing of its filters; the one of its panel does.
# As many cards in a row as there is room for; two on a telephone, where figures shrink to fit.
_STYLE = """<style>
.stMainBlockContainer {padding-top: 3.5rem;}
.st-key-url-state {display: none;}
[data-stale="true"] {opacity: 1 !important; transition: none !important;}
[class*="st-key-cards"] {display: grid; gap: .75rem; margin-bottom: 1.25rem;
  grid-template-columns: repeat(auto-fit, minmax(12.5rem, 1fr));}
[data-testid="stMetricDeltaDescription"] p {white-space: normal !important;}
[data-testid="stElementToolbarButton"]:has([aria-label="Download as CSV"]) {display: none;}
[class*="st-key-head-"] [data-testid="stPopoverButton"] [data-testid="stMarkdownContainer"] {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);}
[class*="st-key-head-"] [data-testid="stPopoverButton"] div[aria-hidden="true"] {
  display: none;}
@media (max-width: 640px) {
  [class*="st-key-cards"] {grid-template-columns: 1fr 1fr;}
  [data-testid="stMetric"] > div {padding: .6rem .75rem;}
  [data-testid="stMetricValue"] {font-size: 1.1rem;}
  div:has(> [data-testid="stMetricDeltaDescription"]) {flex-wrap: wrap; row-gap: .25rem;}
  [data-testid="stMetricDeltaDescription"] p {font-size: .75rem; line-height: 1.3;}
  [data-testid="stMetricDeltaDescription"] {flex-basis: 100%;}
  [data-testid="stMetricLabel"] p {font-size: .8rem; letter-spacing: -.01em;}
}
</style>"""

Body = Callable[[View], None]


def show(title: str, body: Body, *, every: float = REFRESH_SECONDS, bare: bool = False) -> None:
    """Draw a page: its title, the filter bar, and ``body``, which refreshes itself.

    ``every`` is in seconds. A ``bare`` page's body is drawn also where no row is left or none came
    yet: it shows more than figures.
    """
    st.html(_STYLE)
    url_state.load()
    st.title(title)
    choice, effects = filters.bar(_preload())
    # While nothing can be shown the page keeps trying, also with live refresh off.
    refreshing = choice.live or st.session_state.get(_RETRYING, False)
    st.fragment(_refreshed, run_every=every if refreshing else None)(title, body, choice, bare)
    with effects:
        st.fragment(_effects, run_every=_EFFECTS_SECONDS if choice.live else None)(choice)


def _preload() -> Period | None:
    """Return the data's days, and let the filter bar know the options, if MongoDB is there."""
    try:
        snapshot = data.snapshot()
        filters.known(snapshot)
        return snapshot.days
    except RetailError:
        return None  # The body meets the same error, and shows it.


def _refreshed(title: str, body: Body, choice: Choice, bare: bool) -> None:
    began = time.perf_counter()
    if filters.moved():
        st.rerun()
    url_state.script()
    states.left_out(url_state.rejected())
    try:
        snapshot = data.snapshot()
        if snapshot.days is None:
            states.empty(snapshot.status)
            if bare:
                today = snapshot.at.date()
                body(View(snapshot, choice, Period(today, today)))
            _retry(choice, wanted=True)
            return
        if not filters.known(snapshot):
            st.rerun()
        _draw(View(snapshot, choice, snapshot.days), body, bare)
        recorder().observe(metrics.DRAW_SECONDS, time.perf_counter() - began, title)
        _retry(choice, wanted=False)
    except RetailError as error:
        recorder().add(metrics.DRAW_FAILURES)
        states.failed(error)
        _retry(choice, wanted=True)


def _draw(view: View, body: Body, bare: bool) -> None:
    _heading(view)
    if bare or (view.period.days > 0 and view.figures.lines):
        body(view)
    else:
        states.no_rows(view)


def _retry(choice: Choice, *, wanted: bool) -> None:
    """With live refresh off, have the page refresh for as long as there is nothing to show."""
    before = st.session_state.get(_RETRYING, False)
    st.session_state[_RETRYING] = wanted
    if before != wanted and not choice.live:
        st.rerun()


def _heading(view: View) -> None:
    """Show the filters, the time of the data, and whether days are still to be summarised."""
    st.caption(f"{format.plain(explain.shown(view.choice, view.period))}. As of {view.as_of}.")
    if view.snapshot.status.sample:
        st.warning(
            "**These figures are made up.** They are of the sample, which is shown while there is"
            " no data of your own. Your data replaces it: `make demo DATA=path/to/file.csv`, or"
            " with Docker Compose a file in `data/`.",
            icon=":material/science:",
        )
    since = view.snapshot.since
    if since is not None:
        st.warning(
            f"Days before {format.day(since)} are not shown: they don't fit into the"
            " DASHBOARD_MEMORY_MB that the dashboard may hold.",
            icon=":material/memory:",
        )
    states.unsummarised(view.snapshot.status)
    pending = view.snapshot.status.pending_days
    if pending and not view.snapshot.status.summaries_error:
        st.info(
            f"{format.counted(pending, 'day')} being summarised: the figures are catching up with"
            " the rows that came in.",
            icon=":material/sync:",
        )


def _effects(choice: Choice) -> None:
    """Show what each cleaning choice does to net sales, under the other filters."""
    try:
        snapshot = data.snapshot()
        lines = _changes(View(snapshot, choice, snapshot.days)) if snapshot.days else []
    except RetailError:
        return  # The body meets the same error, and shows it.
    if lines:
        st.caption("Of net sales:  \n" + "  \n".join(format.plain(line) for line in lines))


def _changes(view: View) -> list[str]:
    choice, lines = view.choice, []
    for name, (label, _) in filters.CLEANING.items():
        counted = getattr(choice, name)
        switched: dict[str, Any] = {name: not counted}
        other = replace(view.selection, **switched)
        change = sums.net(view.orders) - sums.net(view.orders_of(other))
        change = change if counted else -change
        lines.append(f"{label}{'' if counted else ', left out'}: {format.signed_money(change)}")
    return lines
