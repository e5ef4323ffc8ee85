"""What is wrong, and what to do about it, in words."""

from __future__ import annotations

from retail_pipeline.domain.collections import RETURNS
from retail_pipeline.domain.failed_days import WHAT_TO_DO
from retail_pipeline.reconcile.state import KAFKA

DETAIL = {
    "missing": "rows that {place} does not have",
    "unknown": "rows that {place} has, and nothing else knows",
    "changed": "rows that {place} has otherwise",
    "doubled": "documents whose _id is not that of the row they say they are (or that can't be"
    " read)",
    "two_states": "rows that are stored, quarantined or purged at once",
    "rollup": "{place} does not add up to the stored rows of the day",
    "rollup_entries": "{place} adds up, but its entries are not those of the stored rows",
    "not_summarised": "the day can't be summarised: {why} ({attempts} since"
    " {since:%Y-%m-%d %H:%M} UTC); {place} lacks it, or has an older state of it",
    "rollup_rows": "{place} says that its day was made of another number of rows",
}
OF_RETURNS = {
    "missing": "cancellations of goods that the returns have no document of",
    "unknown": "documents of the returns that stand for no stored cancellation of goods",
    "changed": "documents of the returns that are not as the stored rows make them",
}
INCOMPLETE = (
    "{name} was not read to its end ({rows:,} rows so far): its producer is at work, or was"
    " stopped; `retail produce {name}` goes on where it stopped"
)
_AGAIN = "`retail produce --again {name}`"
_ADVICE = {
    "missing": f"{_AGAIN} sends them again; a running processor stores them",
    "count": f"`retail reconcile {{name}}` names the rows; {_AGAIN} stores what is missing",
    "lost": "is `MONGO_DATABASE` the database that it was stored in? If so, it was deleted there:"
    f" {_AGAIN} sends the file again; a running processor stores it",
    "unknown": "look at the documents; delete those that nobody can explain, and their days'"
    f" rollup documents, then {_AGAIN}",
    "changed": f"delete these documents, then {_AGAIN} stores them as they were and rebuilds"
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
    "missing": f"{_REBUILT} matches the day's cancellations anew",
    "unknown": "delete these documents of the collection `returns`",
    "changed": "delete these documents of the collection `returns`, all of that day where none is"
    f" named; then {_REBUILT} matches the day's cancellations anew",
}
_IN_KAFKA = f"{_AGAIN} puts the right records into Kafka; no row is stored twice"


def of(what: str, place: str, name: str) -> str:
    """Return what to do about a difference of the source called ``name``."""
    if place == RETURNS:
        return _IN_RETURNS[what]
    text = _IN_KAFKA if place == KAFKA else _ADVICE[what]
    return text.format(name=name or "FILE")
