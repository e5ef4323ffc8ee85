"""A report as text, and the pages of the live screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from retail_pipeline.operations.history import FIGURES, POINTS, History
from retail_pipeline.operations.report import PartitionReport, Report
from retail_pipeline.operations.verdict import State, Verdict

HELP = "1 partitions, 2 pipeline, 3 services, 4 history, p pause, ? hide, q quit"
PAGES = ("1", "2", "3", "4")
_STYLES = {
    State.CAUGHT_UP: "bold green",
    State.DRAINING: "bold yellow",
    State.WAITING: "bold yellow",
}
_UNKNOWN = "unknown"
_NAMED = 3
# All processors' names begin so.
_OWNER_PREFIX = "retail-processor-"
# Verdict, figures, heading, problems and help; the rest of the screen is a page's rows.
_OTHER_LINES = 10
_FEWEST_ROWS = 3


def as_text(report: Report) -> RenderableType:
    """Return the verdict line, the figures, the partitions, and the reasons of what is unknown."""
    parts: list[RenderableType] = [_headline(report), _figures(report)]
    if report.partitions:
        parts.append(_partitions(report.partitions))
    return Group(*parts, *_problems(report))


@dataclass(frozen=True)
class Screen:
    """The live screen, of ``width`` and ``height`` letters, or of ASCII letters only."""

    width: int
    height: int
    ascii_only: bool = False

    def drawn(self, page: str, history: History, report: Report, note: str) -> RenderableType:
        """Return the verdict, the figures, one of the ``PAGES``, the problems, and ``note``."""
        rows = max(_FEWEST_ROWS, self.height - _OTHER_LINES - len(_problems(report)))
        bodies: dict[str, Callable[[], RenderableType]] = {
            "1": lambda: _partitions_page(report, rows),
            "2": lambda: _pipeline_page(report),
            "3": lambda: _services_page(report),
            "4": lambda: _history_page(history, self.width, self.ascii_only),
        }
        parts = [_headline(report), _figures(report), Text(), bodies[page](), Text()]
        return Group(*parts, *_problems(report), Text(note, "dim"))


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
        f"reconciliation {_reconciliation(report)}",
    )
    return Text(", ".join(figures))


def _reconciliation(report: Report) -> str:
    if "reconciliation" in report.problems:
        return _UNKNOWN
    if report.reconciliation is None or report.reconciled_at is None:
        return "not made yet"
    return f"{report.reconciliation} ({_ago(report.at, report.reconciled_at)})"


def _problems(report: Report) -> list[Text]:
    """Return a line for each reason, with everything that is unknown because of it."""
    names: dict[str, list[str]] = {}
    for name, why in report.problems.items():
        names.setdefault(why, []).append(name.replace("_", " "))
    return [Text(f"{', '.join(each)} unknown: {why}", "red") for why, each in names.items()]


def _table(*names: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(*names, box=None, pad_edge=False)
    for name in right:
        table.add_column(name, justify="right")
    return table


def _partitions(partitions: tuple[PartitionReport, ...], rows: int | None = None) -> Table:
    """Return a row for each partition; if there are too many, those with the largest lag."""
    shown = partitions
    if rows is not None and len(partitions) > rows:
        shown = tuple(sorted(partitions, key=lambda each: -each.lag)[: rows - 1])
    table = _table("partition", "owner", right=("committed", "end", "lag", "age", ""))
    for each in shown:
        table.add_row(
            escape(f"{each.topic}[{each.partition}]"),
            escape((each.owner or "nobody").removeprefix(_OWNER_PREFIX)),
            f"{each.committed:,}",
            f"{each.end:,}",
            f"{each.lag:,}",
            _seconds(each.age_s) if each.lag else "-",
            "hot" if each.hot else "",
        )
    if len(shown) < len(partitions):
        table.add_row(f"and {len(partitions) - len(shown)} with no more lag")
    return table


def _partitions_page(report: Report, rows: int) -> RenderableType:
    if "group" in report.problems:
        return Text("The partitions are unknown.")
    return _partitions(report.partitions, rows)


def _pipeline_page(report: Report) -> RenderableType:
    found = report.database
    stored, quarantined = (found.stored, found.quarantined) if found else (None, None)
    table = _table("rows", right=("in all", "each second"))
    table.add_row("stored", _count(stored), _rate(report.rows_stored))
    table.add_row("in quarantine", _count(quarantined), _rate(report.rows_quarantined))
    lines = [
        f"latency of the last rows stored: {_latency(report)}",
        f"last row stored: {_last_stored(report)}",
        f"days: {_count(report.dirty_days)} to be summarised,"
        f" {_count(found.failed_days if found else None)} can't be",
        f"consumer group: {_count(report.members)} members,"
        f" {_count(report.processors)} processors with a recent heartbeat",
    ]
    return Group(table, Text("\n".join(lines)), _sources(report))


def _latency(report: Report) -> str:
    if report.database is None:
        return _UNKNOWN
    if report.database.latencies_s is None:
        return "no row yet"
    median, slow, slowest = report.database.latencies_s
    return f"p50 {median:.2f} s, p95 {slow:.2f} s, p99 {slowest:.2f} s"


def _last_stored(report: Report) -> str:
    if report.database is None:
        return _UNKNOWN
    if report.database.last_stored_at is None:
        return "no row yet"
    return _ago(report.at, report.database.last_stored_at)


def _sources(report: Report) -> RenderableType:
    if report.sources is None:
        return Text("sources: unknown")
    table = _table("source", right=("rows read", "to quarantine", "state"))
    for each in report.sources:
        state = "read to its end" if each.complete else "being read"
        table.add_row(
            escape(each.name),
            f"{each.rows_read:,}",
            f"{each.rows_rejected:,}",
            f"{state}, {_ago(report.at, each.updated_at)}",
        )
    return table


def _services_page(report: Report) -> RenderableType:
    host = report.host
    if host is None:
        return Text("The machine's load is unknown.")
    lines = [
        f"CPU {_percent(host.cpu)} of {host.cores * 100} % (100 % = one core)",
        f"memory {size(host.memory_used)} of {size(host.memory_total)} in use",
        f"disk {size(host.disk_free)} of {size(host.disk_total)} free",
        f"network {_bytes_rate(host.received)} received, {_bytes_rate(host.sent)} sent",
    ]
    machine = Text("\n".join(lines))
    if not host.services:
        return Group(machine, Text("No service's process can be seen from here."))
    table = _table("service", right=("process", "CPU", "memory", "restarts"))
    for each in host.services:
        table.add_row(
            each.name, str(each.pid), _percent(each.cpu), size(each.memory), str(each.restarts)
        )
    return Group(machine, table)


_BLOCKS, _ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_NAMES = {
    "lag": "lag, records",
    "oldest_s": "oldest, s",
    "arriving": "in, records/s",
    "storing": "out, records/s",
    "rows_stored": "stored, rows/s",
    "dirty_days": "days to summarise",
}
# What the names and numbers beside a sparkline take.
_BESIDE = 52


def _history_page(history: History, width: int, ascii_only: bool) -> Table:
    table = _table("figure", "oldest to newest", right=("minimum", "mean", "maximum", "now"))
    points = max(10, min(POINTS, width - _BESIDE))
    for figure in FIGURES:
        series = history.series(figure)
        found = series.summary()
        numbers = [f"{value:,.1f}" for value in found] if found else [_UNKNOWN] * 3
        last = series.points[-1] if series.points else None
        now = _UNKNOWN if last is None else f"{last:,.1f}"
        line = sparkline(series.points[-points:], ascii_only)
        table.add_row(_NAMES[figure], line, *numbers, now)
    return table


def sparkline(points: tuple[float | None, ...], ascii_only: bool = False) -> str:
    """Return one letter a point, by its height; a blank where the figure was unknown."""
    blocks = _ASCII_BLOCKS if ascii_only else _BLOCKS
    most = max((point for point in points if point is not None), default=0.0)
    return "".join(
        " " if point is None else blocks[int(point / most * 7) if most else 0] for point in points
    )


def duration(seconds: float) -> str:
    """Return a time in the unit in which people say it: 45 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"


def size(count: float) -> str:
    """Return a number of bytes in the unit in which people say it: 640 MB, 1.5 GB."""
    for unit, bytes_ in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= bytes_:
            return f"{count / bytes_:,.1f} {unit}"
    return f"{count:.0f} B"


def _ago(now: datetime, at: datetime) -> str:
    return f"{duration(max(0.0, (now - at).total_seconds()))} ago"


def _count(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"


def _seconds(seconds: float | None) -> str:
    return _UNKNOWN if seconds is None else duration(seconds)


def _rate(rate: float | None) -> str:
    return _UNKNOWN if rate is None else f"{rate:,.0f}/s"


def _bytes_rate(rate: float | None) -> str:
    return _UNKNOWN if rate is None else f"{size(rate)}/s"


def _percent(percent: float | None) -> str:
    return _UNKNOWN if percent is None else f"{percent:.0f} %"
