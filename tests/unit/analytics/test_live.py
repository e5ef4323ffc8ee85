"""Heartbeats become lag, speed and liveness; nothing unknown reads as a zero."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.analytics import live
from retail_pipeline.dashboard import format
from retail_pipeline.dashboard.operations import live as page
from retail_pipeline.domain.heartbeat import HistoryPoint, PartitionProgress, StoredHeartbeat

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def heartbeat(name: str = "p1", **changes: Any) -> StoredHeartbeat:
    """Return a new heartbeat of a processor that reads two of two partitions."""
    one = StoredHeartbeat(
        name=name,
        started_at=NOW - timedelta(hours=1),
        partitions=2,
        progress=(PartitionProgress(0, 90, 100), PartitionProgress(1, 50, 50)),
        at=NOW,
        age_s=0.0,
    )
    return msgspec.structs.replace(one, **changes)


def points(*stored: int, every_s: float = 2.0) -> tuple[HistoryPoint, ...]:
    """Return a history whose last sample is of now."""
    first = NOW - timedelta(seconds=every_s * (len(stored) - 1))
    return tuple(
        HistoryPoint(first + timedelta(seconds=every_s * place), count)
        for place, count in enumerate(stored)
    )


def gone(name: str = "p1", **changes: Any) -> StoredHeartbeat:
    return heartbeat(name, at=NOW - timedelta(seconds=30), age_s=30.0, **changes)


def test_lag_is_each_partitions_end_less_what_is_committed() -> None:
    parts = live.partitions([heartbeat()])
    assert [(each.number, each.owner, each.lag) for each in parts] == [(0, "p1", 10), (1, "p1", 0)]
    assert live.lag(parts) == (10, 0)
    assert page.lag_text(parts) == "10"


def test_a_commit_beyond_the_end_last_fetched_is_no_lag() -> None:
    assert PartitionProgress(0, 105, 100).lag == 0


def test_the_lag_of_a_partition_that_nobody_has_is_unknown_not_zero() -> None:
    parts = live.partitions([gone()])
    assert [each.owner for each in parts] == [None, None]
    assert [each.lag for each in parts] == [None, None]
    assert [(each.lag, each.last_known_lag) for each in parts] == [(None, 10), (None, 0)]
    assert page.lag_text(parts) == "≥ 10"
    assert page.as_of(parts[0]) == "30 seconds ago"


def test_a_partition_that_nobody_ever_spoke_of_is_unknown() -> None:
    parts = live.partitions([heartbeat(partitions=3, progress=(PartitionProgress(0, 1, 1),))])
    assert [each.lag for each in parts] == [0, None, None]
    assert [(each.lag, each.last_known_lag) for each in parts] == [
        (0, 0),
        (None, None),
        (None, None),
    ]
    assert page.lag_text(parts) == "≥ 0"


@pytest.mark.parametrize(
    "progress", [PartitionProgress(0), PartitionProgress(0, 5), PartitionProgress(0, None, 5)]
)
def test_a_partition_not_fetched_yet_is_unknown(progress: PartitionProgress) -> None:
    [part] = live.partitions([heartbeat(partitions=1, progress=(progress,))])
    assert part.owner == "p1" and part.lag is None
    assert page.lag_text([part]) == "unknown"


def test_without_any_processor_nothing_is_known() -> None:
    assert live.partitions([]) == []
    assert page.lag_text([]) == "unknown"
    assert live.rate_now([]) == 0 and live.stored_lately([]) == 0
    assert len(live.throughput([])) == 0


def test_of_two_who_say_that_a_partition_is_theirs_the_one_alive_and_newer_counts() -> None:
    dead = gone("dead", progress=(PartitionProgress(0, 1, 1000),))
    old = heartbeat("old", age_s=3.0, progress=(PartitionProgress(0, 2, 1000),))
    new = heartbeat("new", age_s=1.0, progress=(PartitionProgress(0, 900, 1000),))
    for order in ([dead, old, new], [new, old, dead]):
        [first, _] = live.partitions(order)
        assert (first.owner, first.lag) == ("new", 100)


def test_what_a_killed_processor_had_goes_to_the_one_that_lives() -> None:
    heir = heartbeat("heir", progress=(PartitionProgress(0, 95, 120), PartitionProgress(1, 50, 50)))
    assert [each.owner for each in live.partitions([gone(), heir])] == ["heir", "heir"]


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "● alive"),
        ({"age_s": 9.9}, "● alive"),
        ({"age_s": 10.0}, "✕ gone 10 seconds ago"),
        ({"age_s": 240.0}, "✕ gone 4 minutes ago"),
        ({"quiet_s": 20.0}, "◐ waits for a server"),
        ({"stopped": True, "age_s": 2.0}, "■ stopped just now"),
    ],
)
def test_a_processor_is_alive_until_it_falls_silent_or_says_that_it_stops(
    changes: dict[str, Any], state: str
) -> None:
    one = heartbeat(**changes)
    assert page.state(one) == state
    assert one.alive == (state[0] in "●◐")
    assert (page.own_partitions(one) == "0, 1") == one.alive


def test_speed_is_what_all_processors_stored_in_each_five_seconds() -> None:
    two = [
        heartbeat("a", history=points(*range(0, 3000, 100))),  # 50 a second, for a minute
        heartbeat("b", history=points(*range(0, 600, 20))),  # 10 a second
    ]
    rates = live.throughput(two)
    assert len(rates) == live.MINUTES * 60 / live.STEP_SECONDS
    assert list(rates["rate"][-5:]) == pytest.approx([60.0] * 5)
    assert rates["start"].iloc[-1] + timedelta(seconds=live.STEP_SECONDS) <= NOW
    assert live.rate_now(two) == pytest.approx(60.0)


def test_a_processor_restarted_under_its_name_counts_from_zero() -> None:
    history = points(0, 100, 200, 0, 100, 100, 100, 100)
    assert live.stored_lately([heartbeat(history=history)]) == 300
    assert (live.throughput([heartbeat(history=history)])["rate"] >= 0).all()


def test_a_processor_that_is_gone_keeps_its_share_of_the_past() -> None:
    past = tuple(
        HistoryPoint(each.at - timedelta(seconds=60), each.stored) for each in points(0, 100, 200)
    )
    both = [heartbeat("new", history=points(0, 0)), gone("old", history=past)]
    assert live.rate_now(both) == 0
    assert live.stored_lately(both) == 200
    assert live.throughput(both)["rate"].max() > 0


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=200))
def test_the_chart_adds_up_to_what_was_stored(more: list[int]) -> None:
    stored = [sum(more[:place]) for place in range(len(more) + 1)]
    history = points(*stored, *[stored[-1]] * 6)  # all of it reported more than ten seconds ago
    one = heartbeat(history=history)
    total = float(live.throughput([one])["rate"].sum()) * live.STEP_SECONDS
    assert total == pytest.approx(stored[-1])
    assert live.stored_lately([one]) == stored[-1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.357, "0.36 s"),
        (12.0, "12.0 s"),
        (119.0, "119.0 s"),
        (204.0, "3.4 min"),
        (7_300.0, "2.0 h"),
        (216_000.0, "2.5 days"),
    ],
)
def test_a_delay_reads_in_a_unit_that_fits(value: float | None, text: str) -> None:
    assert format.seconds(value) == text


def test_partitions_read_as_a_sentence_has_them() -> None:
    assert page.partition_names([3]) == "partition 3"
    assert page.partition_names([0, 2, 5]) == "partitions 0, 2 and 5"
