"""The texts of differences: what is wrong, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from retail_pipeline.domain.collections import RETURNS
from retail_pipeline.domain.days import date_of_number
from retail_pipeline.domain.failed_days import WHAT_TO_DO, FailedDay
from retail_pipeline.domain.reconciliation import Difference, Sum
from retail_pipeline.domain.words import counted

MONGODB, KAFKA, FILE = "MongoDB", "Kafka", "file"
# Of many ids the first ones are named, and the others counted.
SHOWN = 20

_DETAIL = {
    "missing": "rows that {place} does not have",
    "unknown": "rows that only {place} has",
    "changed": "rows that differ in {place}",
    "doubled": "documents whose _id is not that of their source and row, or can't be read",
    "two_states": "rows in two states at the same time (stored, in quarantine, purged)",
    "rollup": "{place} does not add up to the stored rows of the day",
    "rollup_entries": "{place} has the right sums, but its entries don't follow from the rows",
    "rollup_rows": "{place} has another number of rows for the day than are stored",
}
_DETAIL_IN_RETURNS = {
    "missing": "cancellations of goods without a document in `returns`",
    "unknown": "documents in `returns` without a stored cancellation of goods",
    "changed": "documents in `returns` that do not follow from the stored rows",
}
INCOMPLETE = (
    "{name} was not read to its end ({rows:,} rows so far): its producer is running or was"
    " stopped; `retail produce {name}` resumes where it stopped"
)
_AGAIN = "`retail produce --again {name}`"
_ADVICE = {
    "missing": f"{_AGAIN} sends them again; a running processor stores them",
    "count": f"`retail reconcile {{name}}` names the rows; {_AGAIN} stores what is missing",
    "lost": "is `MONGO_DATABASE` the database that it was stored in? If so, it was deleted there:"
    f" {_AGAIN} sends the file again; a running processor stores it",
    "unknown": "look at these documents. If they come from no file of yours, delete them and their"
    f" days' rollup documents, then {_AGAIN}",
    "changed": f"delete these documents, then {_AGAIN} stores them again and rebuilds"
    " their days",
    "doubled": "delete these documents and their days' rollup documents, then send a file with"
    " rows of those days again: `retail produce --again FILE`",
    "two_states": "a row that is stored needs no document in `quarantine` or `purged`, and one in"
    " quarantine none in `purged`: delete it",
    "rollup": "delete the day's document and send a file with rows of that day again, which"
    " rebuilds it: `retail produce --again FILE`",
}
_REBUILT = "`retail produce --again FILE`, of a file with rows of that day,"
_ADVICE_IN_RETURNS = {
    "missing": f"{_REBUILT} matches the day's cancellations again",
    "unknown": "delete these documents of the collection `returns`",
    "changed": "delete these documents of the collection `returns`, all of that day where none is"
    f" named; then {_REBUILT} matches the day's cancellations again",
}
_IN_KAFKA = f"{_AGAIN} puts the right records into Kafka; no row is stored twice"


def difference(
    what: str,
    place: str,
    *,
    source: str | None = None,
    name: str | None = None,
    day: int | None = None,
    kind: str | None = None,
    detail: str | None = None,
    advice: str | None = None,
    expected: Sum | None = None,
    found: Sum | None = None,
    ids: Sequence[str] = (),
    count: int = 0,
) -> Difference:
    """Return a difference with its text and advice; the first of its ``ids`` are named.

    ``name`` is that of the source's file, ``day`` in days since 1970. ``count`` is the number of
    rows, where ``ids`` are not all of them.
    """
    return Difference(
        what=what,
        place=place,
        source=source,
        name=name,
        day=None if day is None else date_of_number(day).isoformat(),
        kind=kind,
        detail=detail or text(what, place),
        advice=advice or advice_for(what, place, name or "FILE"),
        expected=expected,
        found=found,
        ids=tuple(ids[:SHOWN]),
        more=max(count, len(ids)) - len(ids[:SHOWN]),
    )


def text(what: str, place: str) -> str:
    """Return what is wrong in ``place``."""
    texts = _DETAIL_IN_RETURNS if place == RETURNS else _DETAIL
    return texts[what].format(place=place)


def advice_for(what: str, place: str, name: str) -> str:
    """Return what to do about it; ``name`` is that of the file."""
    if place == RETURNS:
        return _ADVICE_IN_RETURNS[what]
    advice = _IN_KAFKA if place == KAFKA else _ADVICE[what]
    return advice.format(name=name)


def missing_manifest(source: str, name: str) -> Difference:
    """Return the difference that MongoDB lacks the manifest of a source that Kafka has."""
    return difference(
        "count",
        MONGODB,
        source=source,
        name=name,
        detail="its manifest is in Kafka, but not in MongoDB",
        advice=advice_for("lost", MONGODB, name),
    )


def of_failed_days(failed: Iterable[FailedDay]) -> Iterator[Difference]:
    """Yield each part of each day that can't be summarised."""
    for each in failed:
        attempts = counted(each.attempts, "attempt")
        for part, why in each.reasons.items():
            yield difference(
                "not_summarised",
                part,
                day=each.number,
                detail=f"the day can't be summarised: {why} ({attempts} since"
                f" {each.since:%Y-%m-%d %H:%M} UTC); {part} has no document of it, or an older one",
                advice=WHAT_TO_DO,
            )
