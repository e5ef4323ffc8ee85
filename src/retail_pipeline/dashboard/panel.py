"""A chart or a table with its title, its explanation, and its rows to take away."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from types import MappingProxyType
from typing import Any

import pandas as pd
import streamlit as st

from retail_pipeline.dashboard import explain, format, picks
from retail_pipeline.dashboard.charts import GREY, PICK, Spec
from retail_pipeline.dashboard.explain import EVERYTHING, Scope
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.contract import CONTRACT
from retail_pipeline.domain.money import format_digits

# The contract's prices, and so all sums of them, have no more decimals; only quotients do.
_SMALLEST = Decimal(1).scaleb(-CONTRACT.limit("UnitPrice", "scale"))
# Below each chart, so that a picture of it carries its filters; as wide as a telephone has room.
_FOOTNOTE: Spec = {
    **{"orient": "bottom", "anchor": "start", "offset": 6},
    **{"fontSize": 10, "lineHeight": 12, "fontWeight": "normal", "color": GREY},
}
_FOOTNOTE_WIDTH = 60
_FRAME: Spec = {"padding": 0, "config": {"view": {"strokeWidth": 0}}}
# What a table's cells are, by the type of its values.
# The pound sign is in the column's head: before a number, it would come before a minus too.
_MONEY = st.column_config.NumberColumn(format="%,.2f")
_COUNT = st.column_config.NumberColumn(format="%,d")
# The preset "percent" drops zeros: 1% beside 0.95%.
_RATIO = st.column_config.NumberColumn(format="%.2f%%")
TENTHS = st.column_config.NumberColumn(format="%,.1f")
# A spreadsheet takes text that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Panel:
    """What a chart or a table of a view shows, and how it is explained.

    ``key`` is its name within the page and of its file. ``rows`` is what is shown and exported:
    money as Decimal, ratios as float, counts as int, the rest as text or dates. ``scope`` says
    which rows it counts. ``every_row`` makes the rows of the export where only the first of them
    are shown; it is called when the file is asked for.
    """

    view: View
    key: str
    title: str
    meaning: str
    rows: pd.DataFrame
    scope: Scope = EVERYTHING
    every_row: Callable[[], pd.DataFrame] | None = None

    def chart(
        self,
        spec: Spec,
        frame: pd.DataFrame | None = None,
        *,
        alt: str,
        picked: Callable[[str], None] | None = None,
    ) -> None:
        """Draw a chart of ``frame``; its own tool bar saves it as a picture.

        A ``spec`` that has its data in it needs no frame. A click calls ``picked`` with
        the panel's key.
        """
        self.head()
        st.vega_lite_chart(
            frame,
            _framed(spec, explain.footnote(self.view, self.title, self.scope)),
            width="stretch",
            alt=alt,
            key=picks.chart_key(self.key),
            selection_mode=PICK,
            on_select=partial(picked, self.key) if picked else "ignore",
        )

    def table(
        self,
        picked: Callable[[str | None], None] | None = None,
        values: Sequence[str] = (),
        **options: Any,
    ) -> None:
        """Draw a table, to sort and search; ``options`` are those of ``st.dataframe``.

        A click or a key that picks a row calls ``picked`` with the row's one of the ``values``.
        """
        self.head()
        rows, own = self.rows, options.pop("column_config", {})
        kinds = {name: _kind(rows[name]) for name in rows.columns if name not in own}
        config = {name: kind for name, kind in kinds.items() if kind is not None}
        money = [name for name, kind in kinds.items() if kind is _MONEY]
        config |= {name: {**_MONEY, "label": f"{name} (£)"} for name in money}
        percents = {name: rows[name] * 100 for name, kind in kinds.items() if kind is _RATIO}
        st.dataframe(
            rows.astype(dict.fromkeys(money, float)).assign(**percents),
            hide_index=True,
            width="stretch",
            column_config={**config, **own},
            key=f"table-{self.key}",
            selection_mode=picks.ROW,
            on_select=partial(picks.row, self.key, values, picked) if picked else "ignore",
            **options,
        )

    def head(self) -> None:
        """Draw the title, and the button behind which the explanation and the export are."""
        row = st.container(
            horizontal=True,
            horizontal_alignment="distribute",
            vertical_alignment="center",
            gap="small",
            key=f"head-{self.key}",
        )
        # Kept until the file is asked for, and so without the view: its snapshot is large.
        make = partial(_csv, self.rows, self.every_row)
        with row:
            st.subheader(format.plain(self.title), width="content")
            # The frame's style hides the name, which tells the buttons apart where they are read
            # out.
            with st.popover(
                f"About {format.bare(self.title)}",
                icon=":material/info:",
                type="tertiary",
                help="What this is, and CSV",
            ):
                st.markdown(explain.explained(self.view, self.meaning, self.scope))
                name = explain.file_name(self.view, self.title, self.scope)
                offer("Download CSV", make, f"{name}.csv", f"csv-{self.key}")
                about = explain.about(self.view, self.title, self.meaning, self.scope)
                offer("About this export", lambda: about, f"{name}.txt", f"about-{self.key}")


def _framed(spec: Spec, footnote: str) -> Spec:
    """Return the chart without a frame of its own, with words below it, and as much higher, so
    that no mark gets smaller."""
    lines = textwrap.wrap(footnote, _FOOTNOTE_WIDTH)
    height = spec["height"] + len(lines) * _FOOTNOTE["lineHeight"] + _FOOTNOTE["offset"]
    return {**_FRAME, **spec, "title": {**_FOOTNOTE, "text": lines}, "height": height}


def offer(
    label: str, make: Callable[[], str], name: str, key: str, help_: str | None = None
) -> None:
    """Draw the button for the file ``name``, which ``make`` writes when it is asked for."""
    st.download_button(
        label,
        make,
        file_name=name,
        mime="text/csv" if name.endswith(".csv") else "text/plain",
        on_click="ignore",
        icon=":material/download:",
        key=key,
        help=help_,
    )


def _csv(rows: pd.DataFrame, every_row: Callable[[], pd.DataFrame] | None) -> str:
    return csv_text(every_row() if every_row else rows)


def csv_text(rows: pd.DataFrame) -> str:
    """Return the rows as CSV: the names of the columns, then the rows, and nothing else."""
    out = io.StringIO()
    writer = csv.writer(out)  # with CRLF, as RFC 4180 has it: a CR in a text is quoted, too
    writer.writerow(rows.columns)
    columns = [[_cell(value) for value in rows[name]] for name in rows.columns]
    writer.writerows(zip(*columns, strict=True))
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, Decimal):
        return format_digits(value.quantize(_SMALLEST, ROUND_HALF_UP) + 0)  # no minus before zero
    if value is None or value is pd.NA or value != value:  # nothing, or a ratio of nothing
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _kind(column: pd.Series) -> Any:
    if pd.api.types.is_bool_dtype(column):
        return None
    if pd.api.types.is_integer_dtype(column):
        return _COUNT
    if pd.api.types.is_float_dtype(column):
        return _RATIO
    return _MONEY if any(isinstance(value, Decimal) for value in column) else None


def card(
    view: View,
    label: str,
    value: str,
    *,
    meaning: str = "",
    scope: Scope = EVERYTHING,
    **options: Any,
) -> None:
    """Draw one figure with its explanation; ``options`` are those of ``st.metric``."""
    text = explain.explained(view, meaning or format.HELP[label], scope)
    st.metric(label, value, help=text, border=True, **options)


def cards(
    view: View,
    key: str,
    values: Mapping[str, str],
    meanings: Mapping[str, str] = MappingProxyType({}),
    scope: Scope = EVERYTHING,
    scopes: Mapping[str, Scope] = MappingProxyType({}),
) -> None:
    """Draw figures side by side: ``values`` by their labels.

    ``meanings`` are those that :data:`format.HELP` lacks; ``scopes`` those that are not ``scope``.
    """
    with st.container(key=f"cards-{key}"):
        for label, value in values.items():
            meaning, about = meanings.get(label, ""), scopes.get(label, scope)
            card(view, label, value, meaning=meaning, scope=about)
