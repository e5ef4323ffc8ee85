"""A notice as a message for people: a title, and what fires with impact, causes and actions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Literal

import msgspec

from retail_pipeline.operations.alert_states import Alert, Notice
from retail_pipeline.operations.alerts import rendered

Kind = Literal["failure", "warning", "success"]
# Of more instances only the number is given: a topic may have a thousand partitions.
_MOST_INSTANCES = 10


class Message(msgspec.Struct, frozen=True):
    """A text to send; ``kind`` is for colours and icons."""

    title: str
    body: str
    kind: Kind


def message(notice: Notice, environment: str) -> Message:
    """Return the message of a notice; ``environment`` says which pipeline it is about."""
    counts = []
    if firing := len(_names(notice.firing)):
        counts.append(f"{firing} firing")
    if resolved := len(_names(notice.resolved)):
        counts.append(f"{resolved} resolved")
    names = ", ".join(_names(notice.fired) or _names(notice.still) or _names(notice.resolved))
    return Message(
        title=f"Retail Pipeline ({environment}): {', '.join(counts)}: {names}",
        body="\n\n".join(_paragraphs(notice)),
        kind=_kind(notice),
    )


def _kind(notice: Notice) -> Kind:
    if not notice.firing:
        return "success"
    critical = any(each.rule.labels.severity == "critical" for each in notice.firing)
    return "failure" if critical else "warning"


def _names(alerts: Iterable[Alert]) -> list[str]:
    return list(dict.fromkeys(each.rule.alert for each in alerts))


def _paragraphs(notice: Notice) -> Iterator[str]:
    # A repeated message has no new alert: it explains those that go on.
    again = not notice.fired and not notice.resolved
    for alert in _by_rule(notice.fired):
        yield "\n".join(["FIRING: " + _heading(alert), *_instances(alert), *_explained(alert)])
    for alert in _by_rule(notice.still):
        texts = _explained(alert) if again else ()
        yield "\n".join(["STILL FIRING: " + _heading(alert), *_instances(alert), *texts])
    for alert in _by_rule(notice.resolved):
        heading = f"RESOLVED: {_heading(alert)}, over at {_time(notice.at)}"
        yield "\n".join([heading, *(f"Was: {line}" for line in _instances(alert))])
    if notice.problems:
        yield "\n".join(["Can't be read now:", *map(": ".join, notice.problems.items())])


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _by_rule(alerts: Iterable[Alert]) -> Iterator[list[Alert]]:
    for _, instances in groupby(alerts, lambda each: each.rule.alert):
        yield list(instances)


def _heading(instances: list[Alert]) -> str:
    rule, since = instances[0].rule, min(each.since for each in instances)
    return f"{rule.alert} ({rule.labels.severity}), since {_time(since)}"


def _instances(instances: list[Alert]) -> Iterator[str]:
    for each in instances[:_MOST_INSTANCES]:
        text = rendered(each.rule.annotations.summary, each.labels, each.value)
        yield text if each.known else f"{text} (last known; it can't be read now)"
    if len(instances) > _MOST_INSTANCES:
        yield f"... and {len(instances) - _MOST_INSTANCES} more."


def _explained(instances: list[Alert]) -> Iterator[str]:
    texts = instances[0].rule.annotations
    yield f"Impact: {texts.impact}"
    yield f"Causes: {texts.causes}"
    yield f"Actions: {texts.actions}"
    yield f"Runbook: {texts.runbook}"
