"""Alerts over time: inactive, pending, firing, resolved; and when somebody is notified.

Time is that of the observations. What can't be read changes nothing of an alert that fires: it is
neither resolved nor forgotten. A pending one starts again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from retail_pipeline.operations.alerts import CONDITIONS, Facts, Found, Labels, Rule


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One instance of an alert; ``since`` is when its condition began to hold (UTC).

    ``quiet_since`` is since when it no longer holds, and ``known`` whether that could be read last.
    """

    rule: Rule
    labels: Labels
    value: float
    since: datetime
    firing: bool = False
    quiet_since: datetime | None = None
    known: bool = True


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is notified of at once: alerts that began, go on, and ended.

    ``problems`` has the reason for each part that can't be read.
    """

    at: datetime
    fired: tuple[Alert, ...]
    still: tuple[Alert, ...]
    resolved: tuple[Alert, ...]
    problems: Mapping[str, str] = {}

    @property
    def firing(self) -> tuple[Alert, ...]:
        """Every alert that fires."""
        return self.fired + self.still


class AlertStates:
    """The state of every alert of ``rules``, which all have a condition.

    Args:
        repeat: how long after the last notice one is repeated while an alert fires.
    """

    def __init__(self, rules: Iterable[Rule], repeat: timedelta) -> None:
        self._rules = tuple(rules)
        self._repeat = repeat
        self._alerts: dict[tuple[str, Labels], Alert] = {}
        self._notified: datetime | None = None

    def update(self, facts: Facts) -> Notice | None:
        """Take an observation into account; return a notice if there is something new, or again."""
        before = self._alerts
        now = [each for rule in self._rules for each in self._of_rule(rule, facts)]
        self._alerts = {(each.rule.alert, each.labels): each for each in now}
        firing = [each for each in now if each.firing]
        known = {key for key, each in before.items() if each.firing}
        notice = Notice(
            at=facts.at,
            fired=tuple(each for each in firing if (each.rule.alert, each.labels) not in known),
            still=tuple(each for each in firing if (each.rule.alert, each.labels) in known),
            resolved=tuple(
                each for key, each in before.items() if each.firing and key not in self._alerts
            ),
            problems=facts.problems,
        )
        if not (notice.fired or notice.resolved or firing and self._is_due(facts.at)):
            return None
        self._notified = facts.at
        return notice

    def _is_due(self, at: datetime) -> bool:
        return self._notified is None or at - self._notified >= self._repeat

    def _of_rule(self, rule: Rule, facts: Facts) -> Iterable[Alert]:
        found = CONDITIONS[rule.alert].check(facts)
        for labels in found or {}:
            if (rule.alert, labels) not in self._alerts:
                new = Alert(rule=rule, labels=labels, value=0, since=facts.at)
                yield _holding(new, found or {}, facts)
        for (name, _), alert in self._alerts.items():
            if name == rule.alert and (after := _after(alert, found, facts)):
                yield after


def _after(alert: Alert, found: Found, facts: Facts) -> Alert | None:
    """Return an alert after an observation; None if it is inactive then, or resolved."""
    if found is not None and alert.labels in found:
        return _holding(alert, found, facts)
    if not alert.firing:
        return None
    if found is None:
        return msgspec.structs.replace(alert, known=False)
    quiet_since = alert.quiet_since or facts.at
    if facts.at - quiet_since >= alert.rule.resolves_after:
        return None
    return msgspec.structs.replace(alert, quiet_since=quiet_since, known=True)


def _holding(alert: Alert, found: Mapping[Labels, float], facts: Facts) -> Alert:
    """Return an alert whose condition holds."""
    return msgspec.structs.replace(
        alert,
        value=found[alert.labels],
        firing=alert.firing or facts.at - alert.since >= alert.rule.holds_for,
        quiet_since=None,
        known=True,
    )
