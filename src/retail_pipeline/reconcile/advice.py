"""The texts of differences: what is wrong, and what to do about it."""

from __future__ import annotations

from retail_pipeline.domain.collections import RETURNS
from retail_pipeline.domain.failed_days import WHAT_TO_DO
from retail_pipeline.reconcile.state import KAFKA

DETAIL = {
    "missing": "rows that {place} does not have",
    "unknown": "rows that only {place} has",
    "changed": "rows that differ in {place}",
    "doubled": "documents whose _id is not that of their source and row, or can't be read",
    "two_states": "rows that are stored, quarantined or purged at once",
    "rollup": "{place} does not add up to the stored rows of the day",
    "rollup_entries": "{place} has the right sums, but its entries don't follow from the rows",
    "not_summarised": "the day can't be summarised: {why} ({attempts} since"
    " {since:%Y-%m-%d %H:%M} UTC); {place} has no document of it, or an older one",
    "rollup_rows": "{place} has another number of rows for the day than are stored",
}
OF_RETURNS = {
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
    "unknown": "read the documents; delete those that nobody can explain, and their days'"
    f" rollup documents, then {_AGAIN}",
    "changed": f"delete these documents, then {_AGAIN} stores them again and rebuilds"
    " their days",
    "doubled": "delete these documents and their days' rollup documents, then send a file with"
    " rows of those days again: `retail produce --again FILE`",
    "two_states": "delete the quarantine documents of rows that are stored",
    "rollup": "delete the day's document and send a file with rows of that day again, which"
    " rebuilds it: `retail produce --again FILE`",
}
NOT_SUMMARISED = WHAT_TO_DO
_REBUILT = "`retail produce --again FILE`, of a file with rows of that day,"
_IN_RETURNS = {
    "missing": f"{_REBUILT} matches the day's cancellations again",
    "unknown": "delete these documents of the collection `returns`",
    "changed": "delete these documents of the collection `returns`, all of that day where none is"
    f" named; then {_REBUILT} matches the day's cancellations again",
}
_IN_KAFKA = f"{_AGAIN} puts the right records into Kafka; no row is stored twice"


def of(what: str, place: str, name: str) -> str:
    """Return what to do about a difference of the source called ``name``."""
    if place == RETURNS:
        return _IN_RETURNS[what]
    text = _IN_KAFKA if place == KAFKA else _ADVICE[what]
    return text.format(name=name or "FILE")
