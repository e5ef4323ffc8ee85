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
    explained = notice.fired or (() if notice.resolved else notice.still)
    for word, alerts in (
        ("FIRING", notice.fired),
        ("STILL FIRING", notice.still),
        ("RESOLVED", notice.resolved),
    ):
        for rule, group in groupby(alerts, lambda each: each.rule):
            instances = list(group)
            since = min(each.since for each in instances)
            times = f"since {_time(since)}"
            if alerts is notice.resolved:
                times += f", over at {_time(notice.at)}"
            lines = [f"{word}: {rule.alert} ({rule.labels.severity}), {times}"]
            lines += _instances(instances, "Was: " if alerts is notice.resolved else "")
            if alerts is explained:
                texts = rule.annotations
                lines += [
                    f"Impact: {texts.impact}",
                    f"Causes: {texts.causes}",
                    f"Actions: {texts.actions}",
                    f"Runbook: {texts.runbook}",
                ]
            yield "\n".join(lines)
    if notice.problems:
        yield "\n".join(["Can't be read now:", *map(": ".join, notice.problems.items())])


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _instances(alerts: list[Alert], prefix: str) -> Iterator[str]:
    for each in alerts[:_MOST_INSTANCES]:
        summary = rendered(each.rule.annotations.summary, each.labels, each.value)
        text = f"{prefix}{summary}"
        yield text if each.known else f"{text} (last known; it can't be read now)"
    if more := len(alerts) - _MOST_INSTANCES:
        if more > 0:
            yield f"... and {more} more."
