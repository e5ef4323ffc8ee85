"""Where the tallies of two places differ, by source, day and kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from retail_pipeline.domain.money import from_micros, plain_text
from retail_pipeline.reconcile.state import FILE, KAFKA, MONGODB, ReconciliationState
from retail_pipeline.reconcile.tally import NOT_IN_KAFKA, PLAIN, REPLAYED, Line, Tally

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
    """A bucket whose tally in ``place`` is not that in ``against``, which is taken as right."""

    place: str
    against: str
    source: str
    day: int
    kind: str
    expected: Tally
    found: Tally


@dataclass
class BucketRows:
    """The rows behind a bucket's difference; ``changed`` has the fields that differ, by row."""

    missing: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    changed: dict[int, str] = field(default_factory=dict)


ReadDetails = Callable[[Sequence[BucketDifference]], list[BucketRows]]


def find_bucket_differences(state: ReconciliationState, unsent: set[str]) -> list[BucketDifference]:
    """Return every bucket in which a place differs, leaving out rows in flight.

    ``unsent`` are the sources whose files were not sent whole yet.
    """
    stored, kafka, files = state.stored, state.kafka, state.files
    with_file = files.rows.keys() - unsent - state.in_flight_undated
    buckets: list[BucketDifference] = []
    every = (PLAIN, PLAIN + NOT_IN_KAFKA)
    for place, tally, origins in ((MONGODB, stored, every), (KAFKA, kafka, (PLAIN,))):
        if place == MONGODB or state.kafka_is_whole:
            found, expected = tally.sums(origins), files.sums((PLAIN,))
            buckets += [
                bucket
                for bucket in _compared(state, place, FILE, expected, found)
                if bucket.source in with_file
            ]
    named = {(bucket.source, bucket.day, bucket.kind) for bucket in buckets}
    for origin in (PLAIN, REPLAYED):
        found, expected = stored.sums((origin,)), kafka.sums((origin,))
        buckets += [
            bucket
            for bucket in _compared(state, MONGODB, KAFKA, expected, found)
            if (bucket.source, bucket.day, bucket.kind) not in named
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
        if right != real and (source, day) not in state.in_flight_days:
            yield BucketDifference(place, against, source, day, kind, right, real)


def changed_fields(expected: Line, found: Line) -> str:
    """Return the fields that differ, with both values: TotalAmount is 15.301, 15.3 is right."""
    parts = []
    for name, word in _WORDS.items():
        right, real = getattr(expected, name), getattr(found, name)
        if right != real:
            if name in ("price", "total"):
                right, real = plain_text(from_micros(right)), plain_text(from_micros(real))
            parts.append(f"{word} is {real}, {right} is right")
    return "; ".join(parts)
