"""The fault harness's schedule: all of it follows from the seed, and nothing is left out."""

from __future__ import annotations

import pytest

from chaos.schedule import KINDS, PROCESSORS, TARGETS, plan

SEEDS = range(50)


def process(target: str) -> str:
    """Return what kind of process a target is."""
    return "processor" if target in PROCESSORS else target


def test_the_same_seed_gives_the_same_faults_and_another_seed_others() -> None:
    assert plan(7, 14) == plan(7, 14)
    assert len({tuple(plan(seed, 14)) for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_occurs_and_every_process_is_hit(seed: int) -> None:
    schedule = plan(seed, 14)
    assert len(schedule) == 14
    assert {fault.kind for fault in schedule} == set(KINDS)
    hit = {process(fault.target) for fault in schedule if not fault.target.startswith("link-")}
    assert hit == {"producer", "processor", "kafka", "zookeeper", "mongodb"}
    assert all(process(fault.target) in TARGETS[fault.kind] for fault in schedule)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_kinds_asked_for_occur(kind: str) -> None:
    schedule = plan(1, 12, [kind])
    assert len(schedule) == 12
    assert {fault.kind for fault in schedule} == {kind}


def test_faults_come_in_the_order_of_their_shares_and_before_the_last_row() -> None:
    for seed in SEEDS:
        shares = [fault.share for fault in plan(seed, 14)]
        assert shares == sorted(shares)
        assert 0 < shares[0] and shares[-1] < 0.95
