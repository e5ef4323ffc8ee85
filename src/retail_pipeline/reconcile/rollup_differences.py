"""The differences in summaries: entries of the rollups, documents of the returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from retail_pipeline.domain.collections import ORDERS_ROLLUP, RETURNS, ROLLUPS
from retail_pipeline.domain.days import date_of_number
from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.reconciliation import Difference, Sum
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.reconcile import advice
from retail_pipeline.reconcile.differences import as_sum
from retail_pipeline.reconcile.state import SHOWN, ReconciliationState
from retail_pipeline.reconcile.tally import Tally


@dataclass
class ReturnRows:
    """The returns behind a day's difference, by id; ``changed`` has the fields that differ."""

    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)


ReadReturnDetails = Callable[[Sequence[int]], dict[int, ReturnRows]]


def of_failed_days(failed: Iterable[FailedDay]) -> Iterator[Difference]:
    """Yield each part of each day that can't be summarised."""
    for each in failed:
        for part, why in each.reasons.items():
            detail = advice.DETAIL["not_summarised"].format(
                why=why, attempts=_attempts(each), since=each.since, place=part
            )
            yield Difference(
                what="not_summarised",
                place=part,
                day=each.day.isoformat(),
                detail=detail,
                advice=advice.NOT_SUMMARISED,
            )


def _attempts(failed: FailedDay) -> str:
    return f"{failed.attempts:,} attempt{'' if failed.attempts == 1 else 's'}"


def of_rollups(state: ReconciliationState) -> Iterator[Difference]:
    """Yield each day and kind whose rollup does not follow from the stored rows."""
    right, real = state.expected_rollups.tallies, state.rollups.tallies
    unsettled = {rollup: state.unsettled_days(rollup) for rollup in ROLLUPS}
    named = set[tuple[str, int]]()
    for rollup, day, kind in sorted(right.keys() | real.keys()):
        key = (rollup, day, kind)
        expected, found = right.get(key, Tally()), real.get(key, Tally())
        if day in unsettled[rollup] or expected == found:
            continue
        named.add((rollup, day))
        same = (expected.rows, expected.units, expected.micros) == (
            found.rows,
            found.units,
            found.micros,
        )
        what = "rollup_entries" if same else "rollup"
        yield _of_rollup(rollup, day, what, as_sum(expected), as_sum(found), kind)
    yield from _of_documents(state, named, unsettled)


def _of_documents(
    state: ReconciliationState, named: set[tuple[str, int]], unsettled: dict[str, set[int]]
) -> Iterator[Difference]:
    """Yield each day's document that is missing, or names another number of rows than are stored.

    Its entries need not show it: most days have no duplicates. ``named`` are reported already.
    """
    stored: Counter[int] = Counter()
    for (rollup, day, _), tally in state.expected_rollups.tallies.items():
        if rollup == ORDERS_ROLLUP:
            stored[day] += tally.rows
    documents = state.rollups.documents
    right = {(rollup, day): rows for day, rows in stored.items() for rollup in ROLLUPS}
    for rollup, day in sorted(right.keys() | documents.keys()):
        expected, found = right.get((rollup, day), 0), documents.get((rollup, day), 0)
        if expected != found and day not in unsettled[rollup] and (rollup, day) not in named:
            sums = Sum(expected), Sum(found)
            yield _of_rollup(rollup, day, "rollup_rows", *sums)


def _of_rollup(
    rollup: str, day: int, what: str, expected: Sum, found: Sum, kind: str | None = None
) -> Difference:
    return Difference(
        what="rollup",
        place=rollup,
        day=date_of_number(day).isoformat(),
        kind=kind,
        detail=advice.DETAIL[what].format(place=rollup),
        advice=advice.of("rollup", rollup, ""),
        expected=expected,
        found=found,
    )


def of_returns(state: ReconciliationState, read_details: ReadReturnDetails) -> Iterator[Difference]:
    """Yield a difference for each day and way in which returns do not follow from stored rows.

    Rows of a day may change how cancellations of later days are matched: days from the first
    unsettled one on are not compared. Documents found wrong are read once more before that.
    """
    right, real = state.expected_returns.days, state.returns.days
    first = min(state.unsettled_days(RETURNS), default=None)
    differing = [
        day
        for day in sorted(right.keys() | real.keys())
        if right.get(day) != real.get(day) and (first is None or day < first)
    ]
    named = read_details(differing) if differing else {}
    for day in differing:
        rows = named.get(day)
        ways: dict[str, list[str]] = {"changed": []}
        if rows is not None:
            ways = {"missing": rows.missing, "unknown": rows.unknown, "changed": [*rows.changed]}
            ways = {what: ids for what, ids in ways.items() if ids}
        for what, ids in ways.items():
            detail = advice.OF_RETURNS[what]
            if rows is not None and what == "changed":
                detail = rows.changed[ids[0]]
            yield Difference(
                what=what,
                place=RETURNS,
                day=date_of_number(day).isoformat(),
                kind=Kind.CANCELLATION.value,
                detail=detail,
                advice=advice.of(what, RETURNS, ""),
                expected=as_sum(right.get(day, Tally())),
                found=as_sum(real.get(day, Tally())),
                ids=tuple(ids[:SHOWN]),
                more=len(ids) - len(ids[:SHOWN]),
            )
