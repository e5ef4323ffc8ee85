"""What `make chaos-health` makes of the outputs that it reads."""

from __future__ import annotations

import msgspec

from chaos.health_alerts import Event, events
from chaos.health_compose import FAULTS as COMPOSE_FAULTS
from chaos.health_faults import FAULTS
from chaos.health_run import Answer
from retail_pipeline.operations.alerts import CONDITIONS
from retail_pipeline.operations.checks import CHECKS

KILLED = FAULTS["kafka-killed"]


def answer(exit_status: int, **found: str) -> Answer:
    checks = [
        {"id": name, "status": status, "ms": 1, "detail": ""} for name, status in found.items()
    ]
    return msgspec.convert({"exit_status": exit_status, "checks": checks}, Answer)


def test_an_answer_names_a_fault_by_check_status_and_exit_status() -> None:
    assert answer(2, kafka="fail", services="fail").names(KILLED)
    assert not answer(2, kafka="unknown", services="fail").names(KILLED)
    assert not answer(1, kafka="fail").names(KILLED)
    assert not answer(2, services="fail").names(KILLED)
    assert answer(1, topics="warn").names(FAULTS["topic-changed"])


def test_a_health_check_that_could_not_run_names_no_fault() -> None:
    found = msgspec.json.decode(b'{"exit_status": 3, "error": "no stack"}', type=Answer)
    assert not any(map(found.names, FAULTS.values()))


def test_a_message_of_several_alerts_is_read_whole() -> None:
    text = (
        "FIRING: RetailA (critical), since\nx\n\nSTILL FIRING: RetailB (c)\n\nRESOLVED: RetailC (w)"
    )
    assert events(text, 5.0) == [Event(5.0, "FIRING", "RetailA"), Event(5.0, "RESOLVED", "RetailC")]


def test_the_faults_in_compose_have_checks_that_exist_and_name_a_fault_alike() -> None:
    assert {each.check for each in COMPOSE_FAULTS.values()} <= set(CHECKS)
    paused, changed = COMPOSE_FAULTS["kafka-paused"], COMPOSE_FAULTS["topic-changed"]
    assert paused.is_named_by(answer(2, kafka="fail"))
    assert not paused.is_named_by(answer(1, kafka="unknown"))
    assert changed.is_named_by(answer(1, topics="warn"))
    assert not changed.is_named_by(answer(2, topics="warn", users="fail"))


def test_each_fault_has_a_check_and_an_alert_that_exist() -> None:
    assert {each.check for each in FAULTS.values()} <= set(CHECKS)
    assert {each.alert for each in FAULTS.values() if each.alert} <= set(CONDITIONS)
