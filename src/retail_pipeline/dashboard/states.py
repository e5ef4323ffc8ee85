"""What the page shows when there is nothing to draw: the cause, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from retail_pipeline.dashboard import explain, format
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.figures import Status
from retail_pipeline.errors import (
    AccessError,
    FiguresError,
    PermanentError,
    RetailError,
    UsageError,
)

_DAYS_NAMED = 5
_REASONS_NAMED = 2
_PARTS_NAMED, _SHORT = 5, 40


def left_out(rejected: Mapping[str, list[str]]) -> None:
    """Name the parts of the link that are left out: unknown keys and impossible values."""
    parts = list(_parts(rejected))
    if parts:
        others = len(parts) - _PARTS_NAMED
        named = format.plain(", ".join(parts[:_PARTS_NAMED]))
        more = f" and {format.count(others)} more" if others > 0 else ""
        st.warning(
            f"**Part of the link is left out:** {named}{more}. The figures are those of the filters"
            " that are named here and in the sidebar.",
            icon=":material/link_off:",
        )


def _parts(rejected: Mapping[str, list[str]]) -> Iterator[str]:
    for key, texts in rejected.items():
        for text in texts:
            short = text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
            yield f"{key[:_SHORT]} “{short}”"


def failed(error: RetailError) -> None:
    """Show why there are no figures, and what to do."""
    if isinstance(error, UsageError):
        st.error(f"**A setting is wrong.** {format.plain(str(error))}", icon=":material/settings:")
        st.markdown("Correct it in the environment or in `.env`, and start the dashboard again.")
    elif isinstance(error, AccessError):
        st.error("**MongoDB refuses the dashboard's user.**", icon=":material/lock:")
        _advise(
            error,
            "Give the user in `MONGO_READER_URI` the right to read the database (`init-mongo.js`"
            " makes such a user), or correct its name and password. This page tries again by"
            " itself.",
        )
    elif isinstance(error, PermanentError):
        st.error("**MongoDB can't answer.**", icon=":material/database_off:")
        _advise(
            error,
            "It says why below. After an upgrade, run `retail setup`; if the address in"
            " `MONGO_READER_URI` is wrong, correct it and start the dashboard again.",
        )
    elif isinstance(error, FiguresError):
        st.error("**The figures can't be worked out.**", icon=":material/calculate:")
        _advise(
            error,
            "What is summarised is not as this release of the dashboard expects it. Run the"
            " processors and the dashboard of the same release; the dashboard's log has the whole"
            " error. This page tries again by itself.",
        )
    else:
        st.warning("**MongoDB is away.**", icon=":material/cloud_off:")
        _advise(
            error,
            "No figure can be shown until it is back; nothing stored is lost. Start it with"
            " `make demo` or `docker compose up`, or correct `MONGO_READER_URI` if it runs"
            " somewhere else. This page comes back by itself, with your filters.",
        )


def _advise(error: RetailError, what_to_do: str) -> None:
    st.markdown(what_to_do)
    st.code(str(error), language=None, wrap_lines=True)


def unsummarised(status: Status) -> None:
    """Name the days that can't be summarised, which the figures lack, and why."""
    if status.summaries_error:
        st.error(
            f"**No day can be summarised:** {format.plain(status.summaries_error)}. Rows are stored"
            " all the same, but the figures lack what came in since. The processor tries again"
            " by itself; its log tells more.",
            icon=":material/sync_problem:",
        )
    failed = status.failed_days
    if failed:
        several = len(failed) > 1
        st.error(
            f"**{'These days' if several else 'This day'} can't be summarised:**"
            f" {format.plain(_named(failed))}. {'Their' if several else 'Its'} rows are stored,"
            " but the figures and exports of every page lack some or all of them."
            f" Why: {format.plain(_why(failed))}. The page Data quality says what to do.",
            icon=":material/sync_problem:",
        )


def _named(failed: Sequence[FailedDay]) -> str:
    """Return the days, the first ones by their dates, and what of each can't be made."""
    named = [f"{format.day(each.day)} ({each.parts})" for each in failed[:_DAYS_NAMED]]
    more = len(failed) - len(named)
    return ", ".join(named) + (f" and {format.counted(more, 'more day')}" if more else "")


def _why(failed: Sequence[FailedDay]) -> str:
    """Return the different reasons, the first ones."""
    reasons = list(dict.fromkeys(each.why for each in failed))
    return "; ".join(reasons[:_REASONS_NAMED]) + (
        "; and others" if reasons[_REASONS_NAMED:] else ""
    )


def empty(status: Status) -> None:
    """Show that nothing is summarised yet, and how to send data."""
    unsummarised(status)
    if status.failed_days or status.summaries_error:
        st.info(
            f"**{format.counted(status.stored, 'row')} stored, and none summarised.**",
            icon=":material/inbox:",
        )
    elif status.stored:
        st.info(
            f"**The first {format.counted(status.stored, 'row')} arrived** and"
            f" {'is' if status.stored == 1 else 'are'} being summarised. The figures appear here"
            " in a few seconds.",
            icon=":material/hourglass_top:",
        )
    else:
        st.info("**No transactions yet.**", icon=":material/inbox:")
        st.markdown(
            "Stream some, and the figures appear here by themselves:\n\n"
            "- on this machine: `make demo DATA=path/to/file.csv`, or `make demo` for a sample;\n"
            "- with Docker Compose: drop a file into `data/`;\n"
            "- to a stack that runs: `retail produce path/to/file.csv`."
        )
    if status.quarantined:
        st.caption(f"{format.counted(status.quarantined, 'row')} in quarantine.")


def no_rows(view: View) -> None:
    """Show that no row matches the filters, and which days have data."""
    period = view.period
    if period.days < 1:
        st.info(
            f"**The dates are the wrong way round:** from {format.day(period.first)} to"
            f" {format.day(period.last)}. Swap them in the filters.",
            icon=":material/event_busy:",
        )
        return
    chosen = format.plain(explain.shown(view.choice, period).rstrip("."))
    st.info(
        f"**No transactions** for: {chosen}. There is data from {format.span(view.days)}; choose"
        " another period, or set a filter back.",
        icon=":material/filter_alt_off:",
    )
