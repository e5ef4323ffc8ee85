"""A report as text, and the pages of the live view."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from retail_pipeline.operations.history import FIGURES, History
from retail_pipeline.operations.report import Report
from retail_pipeline.operations.verdict import State, Verdict

_STYLES = {
    State.CAUGHT_UP: "bold green",
    State.DRAINING: "bold yellow",
    State.WAITING: "bold yellow",
}
_UNKNOWN = "unknown"
_NAMED = 3


def as_text(report: Report) -> RenderableType:
    """Return the verdict line, the figures, the partitions, and the reasons of what is unknown."""
    parts: list[RenderableType] = [_headline(report), _figures(report)]
    if report.partitions:
        parts.append(_partitions(report))
    parts += [Text(f"{name}: {why}", style="red") for name, why in report.problems.items()]
    return Group(*parts)


def _headline(report: Report) -> Text:
    verdict = report.verdict
    text = Text(f"{report.at:%H:%M:%S}Z  ")
    text.append(verdict.state.upper(), style=_STYLES.get(verdict.state, "bold red"))
    text.append(f": {_detail(verdict)}")
    if verdict.partitions:
        text.append(f"; {_some(verdict.partitions)}")
    if verdict.owners:
        text.append(f" of {_some(verdict.owners)}")
    if verdict.advice:
        text.append(f". To do: {verdict.advice}")
    return text


def _some(names: tuple[str, ...]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _detail(verdict: Verdict) -> str:
    if verdict.seconds_left is None:
        return verdict.detail
    return f"{verdict.detail}; done in about {duration(verdict.seconds_left)}"


def _figures(report: Report) -> Text:
    figures = (
        f"lag {_count(report.lag)} records",
        f"oldest {_seconds(report.oldest_s)}",
        f"in {_rate(report.arriving)}",
        f"out {_rate(report.storing)}",
        f"processors {_count(report.processors)}",
        f"summaries to rebuild {_count(report.dirty_days)}",
        f"reconciliation {report.reconciliation or _UNKNOWN}",
    )
    return Text(", ".join(figures))


def _partitions(report: Report) -> Table:
    table = Table("partition", "owner", box=None, pad_edge=False)
    for name in ("committed", "end", "lag", "age"):
        table.add_column(name, justify="right")
    for each in report.partitions:
        table.add_row(
            escape(f"{each.topic}[{each.partition}]"),
            escape(each.owner or "nobody"),
            f"{each.committed:,}",
            f"{each.end:,}",
            f"{each.lag:,}",
            _seconds(each.age_s) if each.lag else "-",
        )
    return table


def duration(seconds: float) -> str:
    """Return a time in the unit in which people say it: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


def _count(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"


def _seconds(seconds: float | None) -> str:
    return _UNKNOWN if seconds is None else duration(seconds)


def _rate(rate: float | None) -> str:
    return _UNKNOWN if rate is None else f"{rate:,.0f}/s"


_BLOCKS, _ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_NAMES = {
    "lag": "lag, records",
    "oldest_s": "oldest, s",
    "arriving": "in, records/s",
    "storing": "out, records/s",
    "dirty_days": "summaries to rebuild",
}
HELP = "q quits, p pauses, 1 partitions, 2 history, 3 problems, ? this line"


def page(number: str, report: Report, history: History, *, ascii_only: bool) -> RenderableType:
    """Return one page of the live view: 1 partitions, 2 history, 3 problems."""
    if number == "2":
        return _history(history, ascii_only)
    if number == "3":
        lines = [Text(f"{name}: {why}") for name, why in report.problems.items()]
        return Group(*lines) if lines else Text("Everything could be read.")
    return _partitions(report)


def frame(
    number: str, report: Report, history: History, *, note: str, ascii_only: bool
) -> RenderableType:
    """Return the whole live view: verdict, figures, a page, and a line about the keys."""
    body = page(number, report, history, ascii_only=ascii_only)
    return Group(_headline(report), _figures(report), Text(), body, Text(), Text(note, "dim"))


def _history(history: History, ascii_only: bool) -> Table:
    table = Table("figure", "last", box=None, pad_edge=False)
    for name in ("minimum", "mean", "maximum"):
        table.add_column(name, justify="right")
    for figure in FIGURES:
        series = history.series(figure)
        found = series.summary()
        numbers = [f"{value:,.1f}" for value in found] if found else [_UNKNOWN] * 3
        table.add_row(_NAMES[figure], sparkline(series.points[-40:], ascii_only), *numbers)
    return table


def sparkline(points: tuple[float | None, ...], ascii_only: bool = False) -> str:
    """Return one letter a point, by its height; a blank where the figure was unknown."""
    blocks = _ASCII_BLOCKS if ascii_only else _BLOCKS
    most = max((point for point in points if point is not None), default=0.0)
    return "".join(
        " " if point is None else blocks[int(point / most * 7) if most else 0] for point in points
    )
