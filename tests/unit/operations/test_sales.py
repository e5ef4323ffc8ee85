"""The exporter's sales are exact sums over all days, and only days that changed are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from retail_pipeline.domain.transaction import Kind
from retail_pipeline.errors import TransientError
from retail_pipeline.operations.sales import SalesReader, Sums

FIRST, SECOND = datetime(2011, 1, 1), datetime(2011, 1, 2)


class Rollup:
    """A rollup in memory; ``read`` are the days that were asked for."""

    def __init__(self) -> None:
        self.made: dict[datetime, datetime] = {}
        self.documents: dict[datetime, dict[str, Any]] = {}
        self.read: list[list[datetime]] = []
        self.away = False

    def make(self, day: datetime, *entries: tuple[str, int, int, int | Decimal]) -> None:
        """Summarise a day: kind, lines, units and micros of each entry."""
        columns = zip(*entries, strict=True)
        names = ("kind", "lines", "units", "micros")
        self.documents[day] = {"day": day, **dict(zip(names, map(list, columns), strict=True))}
        self.made[day] = datetime(2026, 1, 1, microsecond=len(self.read))

    def versions(self, rollup: str) -> Mapping[Any, datetime]:
        return self.made

    def days(self, rollup: str, days: Iterable[datetime]) -> Iterator[Mapping[str, Any]]:
        self.read.append(list(days))
        if self.away:
            raise TransientError("MongoDB is away")
        for day in self.read[-1]:
            yield self.documents[day]


@pytest.fixture
def rollup() -> Rollup:
    made = Rollup()
    made.make(
        FIRST, ("sale", 1, 6, 15_300_000), ("sale", 2, 4, 100_001), ("cancellation", 1, -1, -2)
    )
    made.make(SECOND, ("adjustment", 1, 1, Decimal("0.5")))
    return made


def test_the_sums_of_all_days_are_exact_and_by_kind(rollup: Rollup) -> None:
    seen = SalesReader(rollup).read()
    assert seen.by_kind == {
        Kind.SALE: Sums(3, 10, Decimal("15.400001")),
        Kind.CANCELLATION: Sums(1, -1, Decimal("-0.000002")),
        Kind.ADJUSTMENT: Sums(1, 1, Decimal("0.0000005")),
    }
    assert seen.latest_day == SECOND.replace(tzinfo=UTC)


def test_only_days_that_changed_are_read_and_a_day_that_is_gone_does_not_count(
    rollup: Rollup,
) -> None:
    reader = SalesReader(rollup)
    reader.read()
    rollup.make(FIRST, ("sale", 1, 1, 1_000_000))
    del rollup.made[SECOND], rollup.documents[SECOND]
    seen = reader.read()
    assert rollup.read == [[FIRST, SECOND], [FIRST]]
    assert seen.by_kind[Kind.SALE] == Sums(1, 1, Decimal(1))
    assert seen.by_kind[Kind.ADJUSTMENT] == Sums()
    assert seen.latest_day == FIRST.replace(tzinfo=UTC)


def test_after_an_error_the_same_days_are_read_again(rollup: Rollup) -> None:
    reader, rollup.away = SalesReader(rollup), True
    with pytest.raises(TransientError):
        reader.read()
    rollup.away = False
    assert reader.read().by_kind[Kind.SALE].lines == 3


def test_before_the_first_summary_all_sums_are_0_and_there_is_no_latest_day() -> None:
    seen = SalesReader(Rollup()).read()
    assert seen.by_kind == dict.fromkeys(Kind, Sums()) and seen.latest_day is None
