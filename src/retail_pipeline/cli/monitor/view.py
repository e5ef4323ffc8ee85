"""A report as text."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

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
