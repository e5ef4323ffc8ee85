"""The rows that panels export, and the frames that their charts draw of the same rows.

Rows have the exact values. A frame has some of them as floats, which place what is drawn, and as
the texts of tooltips. Floats begin here and nowhere before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from retail_pipeline.analytics import sums
from retail_pipeline.dashboard import format
from retail_pipeline.domain.figures import Figures
from retail_pipeline.domain.periods import Period, Shift, Unit, following

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def figure_columns(found: Sequence[Figures]) -> dict[str, list[object]]:
    """Return the columns of an export of figures."""
    return {
        "Net sales": [each.net for each in found],
        "Gross sales": [each.gross for each in found],
        "Cancellations": [each.cancelled for each in found],
        "Adjustments": [each.adjusted for each in found],
        "Orders": [each.orders for each in found],
        "Units sold": [each.units for each in found],
        "Customers": [each.customers for each in found],
    }


def floats(values: Iterable[Any]) -> list[float | None]:
    """Return values as floats, to draw."""
    return [None if value is None else float(value) for value in values]


def written(rows: pd.DataFrame, *names: str) -> dict[str, list[str]]:
    """Return columns of the rows as tooltips write them."""
    return {name: [format.written(value) for value in rows[name].tolist()] for name in names}


def drawn(rows: pd.DataFrame, places: Mapping[str, str], *texts: str, **more: Any) -> pd.DataFrame:
    """Return a frame of the rows: ``more`` columns, figures to place what is drawn, and ``texts``.

    ``places`` are the columns of the rows by the names that their floats have in the frame.
    """
    figures = {name: floats(rows[column]) for name, column in places.items()}
    return pd.DataFrame({**more, **figures, **written(rows, *texts)})


def spans(starts: Sequence[datetime], unit: Unit) -> dict[str, Any]:
    """Return the columns of hours, days, weeks or months: their start, their end, their name."""
    return {
        "start": pd.to_datetime(starts, utc=True),
        "end": pd.to_datetime([following(start, unit) for start in starts], utc=True),
        "Period": [format.bucket(start, unit) for start in starts],
    }


def timeline(
    found: sums.Timeline,
    period: Period,
    unit: Unit,
    before: sums.Timeline = (),
    shift: Shift | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row for each hour, day, week or month of the period, also those without sales, and
    the frame of the same rows.

    ``before`` are the figures of the period that ``shift`` leads back to, under the starts of this
    one's units that its days are compared with.
    """
    starts = period.starts(unit)
    rows = pd.DataFrame(
        {
            "Start (UTC)": [format.minute(start) for start in starts],
            **figure_columns(sums.in_each(found, period, unit)),
        }
    )
    texts = ("Net sales", "Gross sales", "Cancellations", "Orders")
    frame = drawn(rows, {"net": "Net sales"}, *texts, **spans(starts, unit))
    frame["whole"] = [period.holds(start, unit) for start in starts]
    if shift is not None:
        days, nets = zip(*sums.beside(before, period, unit, shift), strict=True)
        parts = [
            format.part(each, start, unit) if each else ("", format.NOTHING)
            for start, each in zip(starts, days, strict=True)
        ]
        rows["Compared with (UTC)"] = [exact for exact, _ in parts]
        rows["Net sales then"] = pd.Series(nets, dtype=object)
        frame["before"] = floats(rows["Net sales then"])
        frame["Compared with"] = [
            f"{part}: {format.money(net)}" if each else part
            for each, (_, part), net in zip(days, parts, nets, strict=True)
        ]
    return rows, frame


def country_rows(found: Sequence[tuple[str | None, Figures]]) -> pd.DataFrame:
    """Return a row for each country, in the order given."""
    return pd.DataFrame(
        {
            "Country": [format.country(name) for name, _ in found],
            **figure_columns([each for _, each in found]),
        }
    )


def countries(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of countries, to rank or to draw on a map."""
    texts = ("Net sales", "Orders", "Customers")
    return drawn(rows, {"net": "Net sales"}, *texts, name=rows["Country"])


def hour_rows(found: Mapping[tuple[int, int], Figures]) -> pd.DataFrame:
    """Return a row for each hour of the week between the first and the last hour sold in."""
    hours = [hour for (_, hour), each in found.items() if each.lines] or [0]
    cells = [(day, hour) for day in range(7) for hour in range(min(hours), max(hours) + 1)]
    return pd.DataFrame(
        {
            "Day": [WEEKDAYS[day] for day, _ in cells],
            "Hour (UTC)": [hour for _, hour in cells],
            **figure_columns([found.get(cell, Figures()) for cell in cells]),
        }
    )


def hours(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of the hours of the week."""
    hours = rows["Hour (UTC)"]
    times = [f"{hour:02}:00 to {(hour + 1) % 24:02}:00" for hour in hours]
    of = {"Day": rows["Day"], "Hour": hours, "Time": times}
    return drawn(rows, {"net": "Net sales"}, "Net sales", "Orders", **of)
