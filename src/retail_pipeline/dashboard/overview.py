"""The overview: how much was sold, when, where and what, and what came in last."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import streamlit as st

from retail_pipeline.dashboard import charts, data, filters, states, words
from retail_pipeline.dashboard.data import Source
from retail_pipeline.dashboard.filters import Choice
from retail_pipeline.domain.periods import Period
from retail_pipeline.domain.reconciliation import Verdict
from retail_pipeline.domain.report import Figures, Selection, Status
from retail_pipeline.errors import RetailError

REFRESH_SECONDS = 5
_AUTO = "Auto"
_RETRYING = "retrying"
# What is shown stays as bright while new figures are read: no flicker at each refresh.
# As many cards in a row as there is room for; two on a telephone, where figures shrink to fit.
_STYLE = """<style>
.stMainBlockContainer {padding-top: 3.5rem;}
[data-stale="true"] {opacity: 1 !important; transition: none !important;}
.st-key-money, .st-key-counts {display: grid; gap: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr));}
.st-key-money {grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr));}
.st-key-counts {margin-bottom: 1.25rem;}
@media (max-width: 640px) {
  .st-key-money, .st-key-counts {grid-template-columns: 1fr 1fr;}
  .st-key-counts > :last-child {grid-column: span 2;}
  [data-testid="stMetric"] > div {padding: .6rem .75rem;}
  [data-testid="stMetricValue"] {font-size: 1.1rem;}
  [data-testid="stMetricLabel"] p {font-size: .8rem; letter-spacing: -.01em;}
}
</style>"""


def page() -> None:
    """Draw the page: title, filters, and the part that refreshes itself."""
    st.title("Retail overview")
    st.html(_STYLE)
    choice = filters.bar(_look_ahead())
    # While nothing can be shown the page keeps trying, also with live refresh off.
    refreshing = choice.live or st.session_state.get(_RETRYING, False)
    st.fragment(_body, run_every=REFRESH_SECONDS if refreshing else None)(choice)


def _look_ahead() -> Period | None:
    """Return the data's days, and let the filter bar know the countries, if MongoDB is there."""
    try:
        source, status = _status()
        period = _days(status)
        if period:
            filters.known(data.contents(source).countries)
        return period
    except RetailError:
        return None  # The body meets the same error, and says it.


def _status() -> tuple[Source, Status]:
    source = data.source_of_settings()
    status = data.status(source)
    return Source(source.uri, source.database, status.version), status


def _days(status: Status) -> Period | None:
    return Period(status.first, status.last) if status.first and status.last else None


def _body(choice: Choice) -> None:
    try:
        source, status = _status()
        period = _days(status)
        if period is None:
            states.empty(status)
            _retry(choice, wanted=True)
            return
        if not filters.known(data.contents(source).countries):
            st.rerun()
        _report(source, status, period, choice)
        _retry(choice, wanted=False)
    except RetailError as error:
        states.failed(error)
        _retry(choice, wanted=True)


def _retry(choice: Choice, *, wanted: bool) -> None:
    """With live refresh off, have the page refresh for as long as there is nothing to show."""
    before = st.session_state.get(_RETRYING, False)
    st.session_state[_RETRYING] = wanted
    if before != wanted and not choice.live:
        st.rerun()


def _report(source: Source, status: Status, days: Period, choice: Choice) -> None:
    period = choice.period(days)
    _heading(status, period, choice)
    if period.days < 1:
        states.no_rows(period, days, choice.countries)
        return
    selection = choice.selection(days)
    figures = data.figures(source, selection)
    if figures.lines:
        _cards(figures)
        _over_time(source, selection, period)
        _rankings(source, selection)
        _latest(source, selection)
    else:
        states.no_rows(period, days, choice.countries)
    _holdings(source, status)


def _heading(status: Status, period: Period, choice: Choice) -> None:
    shown = f"{words.span(period)}, {words.plain(states.countries(choice.countries))}"
    st.caption(f"{shown}. As of {datetime.now(UTC):%H:%M:%S} UTC.")
    if status.pending_days:
        st.info(
            f"{words.counted(status.pending_days, 'day')} being summarised: the figures are"
            " catching up with the rows that came in.",
            icon=":material/sync:",
        )


def _cards(figures: Figures) -> None:
    with st.container(key="money"):
        for label, amount in (
            ("Net sales", figures.net),
            ("Gross sales", figures.gross),
            ("Cancellations", figures.cancelled),
            ("Adjustments", figures.adjusted),
        ):
            st.metric(label, words.money(amount), help=words.HELP[label], border=True)
    with st.container(key="counts"):
        for label, value in (
            ("Orders", words.count(figures.orders)),
            ("Average order value", words.money(figures.average_order_value)),
            ("Units sold", words.count(figures.units)),
            ("Customers", words.count(figures.customers)),
            ("Cancellation rate", words.percent(figures.cancellation_rate)),
        ):
            st.metric(label, value, help=words.HELP[label], border=True)


def _over_time(source: Source, selection: Selection, period: Period) -> None:
    choices = [_AUTO, *(unit.capitalize() for unit in period.units)]
    if st.session_state.get("by") not in choices:
        st.session_state.pop("by", None)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.subheader("Revenue over time", width="content")
        by = st.segmented_control(
            "Shown by",
            choices,
            default=_AUTO,
            required=True,
            key="by",
            bind="query-params",
            persist_state="session",
            label_visibility="collapsed",
        )
    unit = next((each for each in period.units if each.capitalize() == by), period.best_unit)
    frame = charts.timeline_frame(data.timeline(source, selection, unit), period, unit)
    st.vega_lite_chart(
        frame,
        charts.timeline(frame, period, unit),
        width="stretch",
        alt=f"Net sales by {unit}, {words.span(period)}",
    )
    if not frame["whole"].all():
        st.caption(f"Paler: a {unit} of which only some days are in the period.")


def _rankings(source: Source, selection: Selection) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Top countries", help="By net sales.")
        rows = data.countries(source, selection)
        _ranking(charts.countries_frame(rows[: data.TOP]), "countries")
        if len(rows) > data.TOP:
            rest = sum((each.net for _, each in rows[data.TOP :]), Decimal(0))
            others = words.counted(len(rows) - data.TOP, "other country", "other countries")
            st.caption(f"{others}: {words.plain(words.money(rest))}")
    with right:
        st.subheader(
            "Top products",
            help="By net sales, named as last sold. Postage and fees are lines like others.",
        )
        _ranking(charts.products_frame(data.products(source, selection)), "products")


def _ranking(frame: pd.DataFrame, things: str) -> None:
    st.vega_lite_chart(
        frame,
        charts.ranking(frame),
        width="stretch",
        alt=f"Net sales of the top {things}",
    )


def _latest(source: Source, selection: Selection) -> None:
    st.subheader("Latest transactions")
    lines = data.latest(source, selection)
    frame = pd.DataFrame(
        {
            "Time (UTC)": [
                f"{words.day(line['InvoiceDate'])} {line['InvoiceDate']:%H:%M}" for line in lines
            ],
            "Invoice": [line["InvoiceNo"] for line in lines],
            "Product": [(line["Description"] or line["StockCode"]).strip() for line in lines],
            "Kind": [line["kind"].capitalize() for line in lines],
            "Quantity": [words.count(line["Quantity"]) for line in lines],
            "Price": [words.money(line["UnitPrice"]) for line in lines],
            "Amount": [words.money(line["TotalAmount"]) for line in lines],
            "Customer": [line["CustomerID"] or "Guest" for line in lines],
            "Country": [words.country(line["Country"]) for line in lines],
        }
    )
    right = st.column_config.TextColumn(alignment="right")
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        height="content",
        column_config=dict.fromkeys(("Quantity", "Price", "Amount"), right),
    )


def _holdings(source: Source, status: Status) -> None:
    lines = data.contents(source).lines
    kinds = ", ".join(
        words.counted(lines.get(kind, 0), kind) for kind in ("sale", "cancellation", "adjustment")
    )
    stored = status.last_stored_at
    last = f" Last stored {words.ago(stored, datetime.now(UTC))}." if stored else ""
    st.caption(
        f"{words.counted(status.stored, 'row')} stored: {kinds}."
        f" {words.count(status.quarantined)} in quarantine.{last}"
    )
    results = data.reconciled(source.uri, source.database)
    line = words.reconciled(results, datetime.now(UTC))
    if any(result.verdict is Verdict.DIFFER for result in results):
        st.warning(line, icon=":material/rule:")
    else:
        st.caption(line)
