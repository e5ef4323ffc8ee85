"""Where two places' books say different things of the same source, day and kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from retail_pipeline.reconcile.state import FILE, KAFKA, MONGODB, ReconciliationState
from retail_pipeline.reconcile.tally import NOT_IN_KAFKA, PLAIN, REPLAYED, Line, Tally, pounds

_WORDS = {
    "invoice": "InvoiceNo",
    "stock": "StockCode",
    "description": "Description",
    "quantity": "Quantity",
    "moment": "InvoiceDate",
    "price": "UnitPrice",
    "customer": "CustomerID",
    "country": "Country",
    "total": "TotalAmount",
    "kind": "kind",
}
_NOTHING = Tally()


@dataclass(frozen=True)
class BucketDifference:
    """``place`` has a bucket's rows otherwise than ``against``, which is taken to be right."""

    place: str
    against: str
    source: str
    day: int
    kind: str
    expected: Tally
    found: Tally


@dataclass
class BucketRows:
    """The rows that make a gap; ``changed`` says for each row what is otherwise."""

    missing: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    changed: dict[int, str] = field(default_factory=dict)


ReadDetails = Callable[[Sequence[BucketDifference]], list[BucketRows]]


def find_bucket_differences(state: ReconciliationState, unsent: set[str]) -> list[BucketDifference]:
    """Return every bucket in which a place differs, leaving out what is on its way.

    ``unsent`` are the sources of which not every row of the file was sent yet.
    """
    stored, kafka, files = state.stored, state.kafka, state.files
    with_file = files.rows.keys() - unsent - state.moving_undated
    buckets: list[BucketDifference] = []
    every = (PLAIN, PLAIN + NOT_IN_KAFKA)
    for place, book, standings in ((MONGODB, stored, every), (KAFKA, kafka, (PLAIN,))):
        if place == MONGODB or state.kafka_is_whole:
            found, expected = book.sums(standings), files.sums((PLAIN,))
            buckets += [
                bucket
                for bucket in _compared(state, place, FILE, expected, found)
                if bucket.source in with_file
            ]
    told = {(bucket.source, bucket.day, bucket.kind) for bucket in buckets}
    for standing in (PLAIN, REPLAYED):
        found, expected = stored.sums((standing,)), kafka.sums((standing,))
        buckets += [
            bucket
            for bucket in _compared(state, MONGODB, KAFKA, expected, found)
            if (bucket.source, bucket.day, bucket.kind) not in told
        ]
    return sorted(
        buckets, key=lambda bucket: (bucket.day, bucket.source, bucket.kind, bucket.place)
    )


def _compared(
    state: ReconciliationState,
    place: str,
    against: str,
    expected: dict[tuple[str, int, str], Tally],
    found: dict[tuple[str, int, str], Tally],
) -> Iterator[BucketDifference]:
    for key in expected.keys() | found.keys():
        source, day, kind = key
        right, real = expected.get(key, _NOTHING), found.get(key, _NOTHING)
        if right != real and (source, day) not in state.moving_days:
            yield BucketDifference(place, against, source, day, kind, right, real)


def changed_fields(expected: Line, found: Line) -> str:
    """Return which fields differ, and how: TotalAmount is 15.301, 15.3 is right."""
    parts = []
    for name, word in _WORDS.items():
        right, real = getattr(expected, name), getattr(found, name)
        if right != real:
            if name in ("price", "total"):
                right, real = pounds(right), pounds(real)
            parts.append(f"{word} is {real}, {right} is right")
    return "; ".join(parts)
