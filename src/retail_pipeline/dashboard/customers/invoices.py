"""One customer's invoices, and the lines of one of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from retail_pipeline.adapters.mongo.reads.filters import StoredLine
from retail_pipeline.analytics import sums
from retail_pipeline.dashboard import data, format, url_state
from retail_pipeline.dashboard.explain import Scope, among
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.view import OneCustomer
from retail_pipeline.domain.contract import CONTRACT
from retail_pipeline.domain.days import moment_of_hour
from retail_pipeline.domain.money import from_micros

MOST_INVOICES, MOST_LINES = 500, 1_000
INVOICE = url_state.text("inv", None, CONTRACT.limit("InvoiceNo", "maxLength"))


def _invoice_rows(shown: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Invoice": shown["number"].tolist(),
            "Hour (UTC)": [format.minute(moment_of_hour(each)) for each in shown["start"]],
            "Lines": shown["lines"].to_numpy(),
            "Units sold": shown["units"].to_numpy(),
            "Gross sales": [from_micros(each) for each in shown["gross"]],
            "Cancellations": [from_micros(each) for each in shown["cancelled"]],
            "Adjustments": [from_micros(each) for each in shown["adjusted"]],
            "Net sales": [from_micros(each) for each in shown["net"]],
        }
    )


def draw(own: OneCustomer, invoices: pd.DataFrame) -> None:
    """Draw the invoices, and the lines of the one that is chosen."""
    shown = invoices.head(MOST_INVOICES)
    numbers = shown["number"].tolist()
    meaning = (
        "The customer's invoices, the newest first, with the hour of the first line; those whose"
        " number starts with C are cancellations. A click on one shows its lines."
    )
    title, scope = f"Invoices of {own.number}", among(invoices, "of the customer's invoices")
    Panel(
        own,
        "customer-invoices",
        title,
        meaning,
        _invoice_rows(shown),
        scope,
        every_row=lambda: _invoice_rows(invoices),
    ).table(pick_invoice, numbers)
    _note("The newest", len(shown), len(invoices))
    invoice = st.selectbox(
        "Lines of invoice",
        numbers,
        index=None,
        placeholder="Choose an invoice",
        width=420,
        **url_state.widget(INVOICE, options=[None, *numbers]),
    )
    if invoice in numbers:
        _lines(own, invoice)


def pick_invoice(number: str | None) -> None:
    """Show the lines of the invoice whose row was chosen; called when one was."""
    url_state.put(inv=number)


def _lines(own: OneCustomer, invoice: str) -> None:
    snapshot = own.snapshot
    mine = own.orders[(own.orders["invoice"] == snapshot.dictionaries.invoices[invoice]).to_numpy()]
    hours = tuple(map(moment_of_hour, np.unique(sums.starts(mine, "hour"))))
    asked = own.selection, own.number, invoice, hours
    found = data.lines_of_invoice(*asked, MOST_LINES, snapshot)
    lines, reads = int(mine["lines"].sum()), data.reads().customers
    meaning = f"The lines of this customer on the invoice that count: the first {MOST_LINES:,}."
    Panel(
        own,
        f"invoice-{invoice}",
        f"Invoice {invoice} of {own.number}",
        f"{meaning} The CSV has all.",
        _line_rows(found),
        Scope(lines, "of this invoice"),
        every_row=lambda: _line_rows(reads.lines(*asked)),
    ).table()
    _note("The first", len(found), lines, " lines")


def _note(which: str, shown: int, of: int, things: str = "") -> None:
    """Say how much of it is shown, if that is not all."""
    if of > shown:
        st.caption(f"{which} {format.count(shown)} of {format.count(of)}{things}; the CSV has all.")


def _line_rows(found: Sequence[StoredLine]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Time (UTC)": [format.minute(line.invoiced_at) for line in found],
            "Product": [line.product for line in found],
            "Description": [line.description for line in found],
            "Quantity": [line.units for line in found],
            "Unit price": [line.price for line in found],
            "Amount": [line.amount for line in found],
            "Kind": [line.kind for line in found],
            "Country": [format.country(line.country) for line in found],
        }
    )
