"""The fault harness's comparison finds what differs, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import Decimal128

from chaos.compare import differences

MOMENTS = frozenset({"stored_at"})
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def document(number: int, **other: Any) -> dict[str, Any]:
    known = {"_id": f"a:{number:09}", "row": number, "amount": Decimal128("2.50"), "stored_at": NOW}
    return {**known, **other}


def entry(invoice: str, lines: int) -> dict[str, Any]:
    return {"InvoiceNo": invoice, "CustomerID": None, "lines": lines, "amount": Decimal128("1.10")}


def found(expected: list[dict[str, Any]], other: list[dict[str, Any]]) -> list[str]:
    return list(differences("transactions", MOMENTS, expected, other))


def test_the_moment_of_storing_and_the_order_of_entries_and_fields_may_differ() -> None:
    one, two = entry("1", 2), entry("2", 3)
    turned = dict(reversed(document(1, entries=[two, one]).items()))
    turned["stored_at"] = NOW + timedelta(hours=1)
    assert found([document(1, entries=[one, two])], [turned]) == []


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"amount": Decimal128("2.501")}, "amount: Decimal128('2.50') expected"),
        ({"amount": Decimal128("2.5")}, "amount: Decimal128('2.50') expected"),
        ({"row": 2.0}, "row: 2 expected, 2.0 found"),
        ({"columns": [2, 1]}, "columns: 'absent' expected, [2, 1] found"),
        ({"kind": "sale"}, "kind: 'absent' expected, 'sale' found"),
    ],
)
def test_a_changed_field_is_named(other: dict[str, Any], words: str) -> None:
    [line] = found(
        [document(1), document(2), document(3)],
        [document(1), document(2, **other), document(3)],
    )
    assert line.startswith("transactions a:000000002 ") and words in line


def test_the_order_of_a_list_of_numbers_counts() -> None:
    assert found([document(1, columns=[1, 2])], [document(1, columns=[1, 2])]) == []
    [line] = found([document(1, columns=[1, 2])], [document(1, columns=[2, 1])])
    assert line.endswith("columns: [1, 2] expected, [2, 1] found")


def test_missing_and_extra_documents_are_named_wherever_they_stand() -> None:
    everything = [document(row) for row in range(1, 6)]
    for left_out in range(5):
        some = everything[:left_out] + everything[left_out + 1 :]
        name = everything[left_out]["_id"]
        assert found(everything, some) == [f"transactions lacks {name}"]
        assert found(some, everything) == [f"transactions has too much {name}"]
    assert len(found(everything, [])) == len(found([], everything)) == 5


@pytest.mark.parametrize(
    "entries",
    [
        [entry("1", 2)],
        [entry("1", 2), entry("2", 4)],
        [entry("1", 2), entry("2", 3), entry("2", 3)],
        [entry("1", 2), entry("1", 2)],
    ],
    ids=["one too few", "another count", "one doubled", "another one doubled"],
)
def test_a_rollup_with_other_entries_is_found(entries: list[dict[str, Any]]) -> None:
    expected = [entry("1", 2), entry("2", 3)]
    [line] = found([document(1, entries=expected)], [document(1, entries=entries)])
    assert "entries:" in line
