"""Compares two databases of the same file, document by document and field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

Document = Mapping[str, Any]

# Only the times of processing may differ.
MOMENTS: dict[str, frozenset[str]] = {
    "transactions": frozenset({"ingested_at", "stored_at"}),
    "quarantine": frozenset({"rejected_at", "quarantined_at"}),
    "manifests": frozenset({"started_at", "updated_at"}),
    "purged": frozenset({"purged_at"}),
    "rollup_orders_daily": frozenset({"rebuilt_at"}),
    "rollup_products_daily": frozenset({"rebuilt_at"}),
    "rollup_duplicates_daily": frozenset({"rebuilt_at"}),
    "returns": frozenset({"rebuilt_at"}),
}
_ABSENT = "absent"


def differing(expected: Database[Any], found: Database[Any]) -> Iterator[str]:
    """Yield a line for each difference between two databases, collection by collection.

    Both are read once, in the order of their ids; nothing is kept in memory.
    """
    for name, moments in MOMENTS.items():
        yield from differences(name, moments, _in_order(expected, name), _in_order(found, name))


def differences(
    name: str, moments: frozenset[str], expected: Iterable[Document], found: Iterable[Document]
) -> Iterator[str]:
    """Yield a line for each difference between two collections, both in the order of their ids."""
    for left, right in _pairs(iter(expected), iter(found)):
        if left is None or right is None:
            known = left or right or {}
            what = "has too much" if left is None else "lacks"
            yield f"{name} {what} {known['_id']}"
            continue
        for field in sorted((left.keys() | right.keys()) - moments):
            one, other = left.get(field, _ABSENT), right.get(field, _ABSENT)
            if not _same(one, other):
                yield f"{name} {left['_id']} {field}: {_shown(one, other)}"


def _in_order(database: Database[Any], name: str) -> Iterable[Document]:
    return database[name].find().sort("_id", ASCENDING).batch_size(5_000)


def _pairs(
    lefts: Iterator[Document], rights: Iterator[Document]
) -> Iterator[tuple[Document | None, Document | None]]:
    left, right = next(lefts, None), next(rights, None)
    while left is not None or right is not None:
        if right is None or left is not None and left["_id"] < right["_id"]:
            yield left, None
            left = next(lefts, None)
        elif left is None or right["_id"] < left["_id"]:
            yield None, right
            right = next(rights, None)
        else:
            yield left, right
            left, right = next(lefts, None), next(rights, None)


def _same(left: Any, right: Any) -> bool:
    """Return whether two values are equal and of the same type: 1 is not 1.0, nor 2.5 2.50."""
    if _are_entries(left) and _are_entries(right):
        return _in_one_order(left) == _in_one_order(right)
    return type(left) is type(right) and bool(left == right)


def _are_entries(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value)


def _in_one_order(entries: list[Document]) -> list[str]:
    """Return a rollup's entries in an order of their own: MongoDB's grouping has none."""
    return sorted(repr(sorted(entry.items())) for entry in entries)


def _shown(left: Any, right: Any) -> str:
    if _are_entries(left) and _are_entries(right):
        mine, yours = Counter(_in_one_order(left)), Counter(_in_one_order(right))
        left, right = sorted((mine - yours).elements())[:1], sorted((yours - mine).elements())[:1]
    return f"{left!r} expected, {right!r} found"
