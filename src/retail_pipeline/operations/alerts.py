"""The rules of the alerts, and how they are decided without Prometheus.

``monitoring/rules/retail.yml`` has each rule with its durations, labels and texts. Here is what its
expression means for the figures of one observation; a test compares both. Prometheus alone decides
the rules in ``NEEDS_PROMETHEUS``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from retail_pipeline.errors import UsageError
from retail_pipeline.operations import metrics
from retail_pipeline.operations.certificates import RENEW_S
from retail_pipeline.operations.disk import LOW_DISK
from retail_pipeline.operations.metrics import Gauge
from retail_pipeline.operations.samples import Sample

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_COMPARE = {"==": operator.eq, ">": operator.gt, "<": operator.lt}

# The labels of one instance of an alert, such as the partition that it is about.
Labels = tuple[tuple[str, str], ...]
# The instances for which a condition holds, each with its value; None if it can't be known now.
Found = Mapping[Labels, float] | None


class RuleLabels(msgspec.Struct, frozen=True):
    """How urgent an alert is, and the check of `retail health` of the same fact."""

    severity: Literal["critical", "warning", "none"]
    check: str


class Texts(msgspec.Struct, frozen=True):
    """What an alert means and what to do; ``runbook`` is a path with an anchor."""

    summary: str
    impact: str
    causes: str
    actions: str
    runbook: str


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of the rules file, as Prometheus reads it."""

    alert: str
    expr: str
    labels: RuleLabels
    annotations: Texts
    for_: str = msgspec.field(default="0s", name="for")
    keep_firing_for: str = "0s"

    @property
    def holds_for(self) -> timedelta:
        """How long the condition holds before the alert fires."""
        return duration(self.for_)

    @property
    def resolves_after(self) -> timedelta:
        """How long the condition no longer holds before the alert is resolved."""
        return duration(self.keep_firing_for)


class _Group(msgspec.Struct, frozen=True):
    rules: tuple[Rule, ...]


class _RulesFile(msgspec.Struct, frozen=True):
    groups: tuple[_Group, ...]


def parse_rules(text: bytes) -> tuple[Rule, ...]:
    """Return the rules of a rules file, in its order.

    Raises:
        UsageError: it is no rules file, or a rule lacks something.
    """
    try:
        file = msgspec.yaml.decode(text, type=_RulesFile)
    except msgspec.MsgspecError as error:
        raise UsageError(f"the rules of the alerts can't be used: {error}") from None
    return tuple(rule for group in file.groups for rule in group.rules)


def duration(text: str) -> timedelta:
    """Return a duration as Prometheus writes it, for instance 1m30s.

    Raises:
        UsageError: it has another form.
    """
    if not text or not (match := _DURATION.fullmatch(text)):
        raise UsageError(f"{text!r} is no duration such as 30s, 5m or 1h")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


class Facts(NamedTuple):
    """What is known at ``at`` (UTC); ``problems`` has the parts that could not be read."""

    at: datetime
    samples: tuple[Sample, ...]
    problems: Mapping[str, str]


class Condition(Protocol):
    """When an alert fires."""

    def check(self, facts: Facts) -> Found:
        """Return the instances for which it holds now; None if it can't be known."""


class Compares(msgspec.Struct, frozen=True):
    """A metric's samples, of which those count that compare with ``threshold`` so.

    ``part`` is what has to be read for the metric; None if it is always known. ``only`` is the
    value of its label that counts. With ``age``, the metric is a moment, and its age in seconds is
    compared. With ``at_least``, there is one instance, if so many samples count.
    """

    metric: Gauge
    comparison: Literal["==", ">", "<"]
    threshold: float
    part: str | None
    only: str | None = None
    age: bool = False
    at_least: int | None = None

    def check(self, facts: Facts) -> Found:
        """Return the samples that compare so, by their labels."""
        if self.part in facts.problems:
            return None
        compare = _COMPARE[self.comparison]
        found = {
            tuple(zip(self.metric.labels, values)): value
            for values, value in self._values(facts)
            if compare(value, self.threshold)
        }
        if self.at_least is None:
            return found
        return {(): float(len(found))} if len(found) >= self.at_least else {}

    def _values(self, facts: Facts) -> Iterable[tuple[tuple[str, ...], float]]:
        for metric, value, values in facts.samples:
            if metric is self.metric and (self.only is None or values == (self.only,)):
                yield values, facts.at.timestamp() - value if self.age else float(value)

    @property
    def expression(self) -> str:
        """The same in Prometheus' language."""
        text = self.metric.name
        if self.only is not None:
            text += f'{{{self.metric.labels[0]}="{self.only}"}}'
        if self.age:
            text = f"time() - {text}"
        number = f"{self.threshold:g}".replace("e+0", "e")
        text = f"{text} {self.comparison} {number}"
        return text if self.at_least is None else f"count({text}) >= {self.at_least}"


class _Unreadable:
    """Metrics of other conditions whose part can't be read: their alerts can't fire.

    If Kafka or the whole database can't be read, that has an alert of its own.
    """

    def check(self, facts: Facts) -> Found:
        """Return the metrics that can't be known now."""
        parts = facts.problems.keys() - {"group", "database"}
        if "database" in facts.problems:
            parts &= {"host"}
        if "group" in facts.problems:
            parts -= {"topics"}
        return {
            (("metric", condition.metric.name),): 1.0
            for condition in CONDITIONS.values()
            if isinstance(condition, Compares) and condition.part in parts
        }


def _state(state: str) -> Compares:
    return Compares(metrics.PIPELINE_STATE, "==", 1, "group", only=state)


def _unread(part: str) -> Compares:
    return Compares(metrics.OBSERVED, "==", 0, None, only=part)


def _wrong(check: str) -> Compares:
    return Compares(metrics.CHECK_OK, "==", 0, check, only=check)


CONDITIONS: dict[str, Condition] = {
    "RetailStalled": _state("stalled"),
    "RetailFallingBehind": _state("falling behind"),
    "RetailPartitionUnowned": Compares(metrics.OWNED, "==", 0, "group"),
    "RetailDataLost": Compares(metrics.LOST, ">", 0, "group"),
    "RetailRewound": _state("rewound"),
    "RetailNoProcessor": Compares(metrics.PROCESSORS_ALIVE, "==", 0, "processors"),
    "RetailProcessorWaits": Compares(metrics.PROCESSORS_STALLED, ">", 0, "processors"),
    "RetailProcessorCrashLoop": Compares(
        metrics.HEARTBEAT_SECONDS, ">", 15, "processors", at_least=3
    ),
    "RetailReconcileDiffers": Compares(
        metrics.RECONCILIATION, "==", 1, "reconciliation", only="differ"
    ),
    "RetailReconcileOld": Compares(metrics.RECONCILED_AT, ">", 900, "reconciliation", age=True),
    "RetailSummariesStale": Compares(metrics.DIRTY_SECONDS, ">", 120, "database"),
    "RetailDaysFailed": Compares(metrics.FAILED_DAYS, ">", 0, "database"),
    "RetailNoNewRows": Compares(metrics.STORED_AT, ">", 86_400, "database", age=True),
    "RetailSourceSilent": Compares(metrics.SOURCE_SILENT, ">", 300, "sources"),
    "RetailKafkaUnreadable": _unread("group"),
    "RetailMongoUnreadable": _unread("database"),
    "RetailZooKeeperAway": _unread("zookeeper"),
    "RetailDiskLow": Compares(metrics.DISK_FREE, "<", LOW_DISK, "host"),
    "RetailCertificateExpires": Compares(metrics.CERTIFICATE_LEFT, "<", RENEW_S, "certificates"),
    "RetailTopicsWrong": _wrong("topics"),
    "RetailUserRefused": _wrong("users"),
    "RetailSchemaWrong": _wrong("schema"),
    "RetailDashboardAway": _wrong("dashboard"),
    "RetailClockWrong": _wrong("clock"),
    "RetailMetricAbsent": _Unreadable(),
}
_OF_PROCESSES = "only the processes' own metrics have it"
# Each with the reason why one observation can't decide it.
NEEDS_PROMETHEUS = {
    "RetailProcessorHangs": f"{_OF_PROCESSES}; RetailStalled and RetailProcessorWaits are close",
    "RetailProducerHangs": f"{_OF_PROCESSES}; RetailSourceSilent is close",
    "RetailDeadLetterShare": f"{_OF_PROCESSES}, over 5 minutes",
    "RetailLatencyBudgetBurnt": f"{_OF_PROCESSES}, over an hour",
    "RetailCompletenessBudgetBurnt": f"{_OF_PROCESSES}, over an hour",
    "RetailDashboardFails": f"{_OF_PROCESSES}; `retail health` asks the dashboard",
    "RetailTargetDown": "it is about Prometheus' targets",
    "RetailExporterHangs": "it is about `retail metrics`",
    "RetailWatchdog": "it shows that Prometheus and Alertmanager work",
}


def rendered(text: str, labels: Labels, value: float) -> str:
    """Return a text of a rule with an instance's labels and value in it.

    Only what the rules use of Prometheus' templates is known.
    """
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda name: dict(labels)[name[1]], text)
    return re.sub(r"\{\{ \$value(?: \| (\w+))? \}\}", lambda found: _FORMATS[found[1]](value), text)


def _plain(value: float) -> str:
    return f"{value:,.10g}"


def _duration(seconds: float) -> str:
    if seconds < 0:
        return f"-{_duration(-seconds)}"
    if seconds < 60:
        return f"{seconds:.4g}s"
    minutes, left = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (left, "s")]
    first = next(index for index, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number}{unit}" for number, unit in parts[first:])


def _bytes(value: float) -> str:
    units = iter(("", "ki", "Mi", "Gi", "Ti"))
    unit = next(units)
    while abs(value) >= 1024 and (larger := next(units, None)):
        value, unit = value / 1024, larger
    return f"{value:.4g}{unit}"


_FORMATS: dict[Any, Any] = {None: _plain, "humanizeDuration": _duration, "humanize1024": _bytes}
