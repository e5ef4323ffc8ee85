"""``retail alert``: tells people what is wrong, without Prometheus."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Event

import msgspec
import typer

from retail_pipeline import logs
from retail_pipeline.cli.common import at_intervals, listed, server_settings, stop_by_signals
from retail_pipeline.errors import UsageError
from retail_pipeline.operations.alert_message import Message, message
from retail_pipeline.operations.alert_states import AlertStates
from retail_pipeline.operations.alerts import CONDITIONS, NEEDS_PROMETHEUS, Facts, Rule
from retail_pipeline.operations.observer import Observer
from retail_pipeline.operations.report import Reporter
from retail_pipeline.operations.samples import samples

log = logging.getLogger("alert")
# How long an observation waits for each part, in seconds: longer than a check for an answer.
_WAIT_S = 6.0
# How long the end waits for messages on their way, in seconds.
_LAST_MESSAGES_S = 3.0
_LAST_MESSAGES_ONCE_S = 30.0


def alert(
    to: list[str] = typer.Option(
        [],
        metavar="URL",
        help="Where to send, as a URL of apprise; may be repeated. Other users of the machine see"
        " it: a URL with a password belongs in ALERT_URLS.",
    ),
    interval: float = typer.Option(
        5.0, "--interval", "-i", min=1.0, metavar="SECONDS", help="Time between two observations."
    ),
    repeat: float = typer.Option(
        14_400.0,
        min=1.0,
        metavar="SECONDS",
        help="Time after which the message is repeated while an alert fires.",
    ),
    exclude: list[str] = typer.Option(
        [], metavar="ALERT", help="Leave this alert out; may be repeated, or have commas."
    ),
    once: bool = typer.Option(
        False, "--once", help="Observe once, send what is wrong now, and stop."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Print the messages in place of sending them."
    ),
    list_alerts: bool = typer.Option(False, "--list", help="List the alerts, and stop."),
) -> None:
    """Send a message when something is wrong, while it stays so, and when it is over.

    The alerts are those of monitoring/rules/retail.yml, with their durations and texts, decided
    from the observations of `retail monitor` and some checks of `retail health`. Prometheus is not
    needed; the few alerts that need it are named by --list. All alerts of one observation are in
    one message. An alert that fires stays so while its figures can't be read. A message that can't
    be delivered is tried again for an hour.

    Messages go to the URLs of --to and of the setting ALERT_URLS, by the library apprise, which
    knows e-mail, Slack and many others. It stops at SIGTERM or Ctrl-C.

    Exit status: 0; with --once 1 if an alert fires or a message is not delivered. --once does not
    wait for durations, and one observation can't show what only a comparison over time does.

    Examples:

      retail alert --list

      retail alert --dry-run

      retail alert --to 'mailto://mail.example.com?from=retail@example.com&to=ops@example.com'

      retail alert --repeat 3600 --exclude RetailNoNewRows
    """
    from retail_pipeline.bootstrap import alert_rules, alert_senders, observing

    rules = alert_rules()
    if list_alerts:
        print("\n".join(_listed(rules)))
        return
    chosen = _chosen(rules, exclude)
    settings = server_settings(partly=True)
    urls = [*to, *(settings.alert_urls or "").split()]
    if not urls and not dry_run:
        raise UsageError("no address to send to: give --to URL, set ALERT_URLS, or use --dry-run")
    senders = [] if dry_run else alert_senders(urls)
    logs.configure(settings.log_level, settings.log_format)
    stop = stop_by_signals("alert")
    if once:
        chosen = [_at_once(rule) for rule in chosen]
    states = AlertStates(chosen, timedelta(seconds=repeat))

    def send(text: Message) -> None:
        if dry_run:
            print(f"{text.title}\n\n{text.body}\n", flush=True)
        for sender in senders:
            sender.send(text)

    with observing(settings, _WAIT_S, checks=True) as observer:
        run = AlertRun(observer, stop, interval, states, send, settings.retail_env)
        if once:
            fires = run.evaluate()
        else:
            goes_to = ", ".join(map(str, senders)) or "standard output"
            log.info("%d alerts, every %g s; messages go to %s", len(chosen), interval, goes_to)
            run.run()
    ends = time.monotonic() + (_LAST_MESSAGES_ONCE_S if once else _LAST_MESSAGES_S)
    delivered = [sender.close(max(0.0, ends - time.monotonic())) for sender in senders]
    if once and (fires or not all(delivered)):
        raise typer.Exit(1)


@dataclass
class AlertRun:
    """One run from its start to its stop; ``interval`` is in seconds."""

    observer: Observer
    stop: Event
    interval: float
    states: AlertStates
    send: Callable[[Message], None]
    environment: str

    def __post_init__(self) -> None:
        self._reporter = Reporter()

    def run(self) -> None:
        """Evaluate at intervals until ``stop`` is set."""
        for _ in at_intervals(self.stop, self.interval):
            self.evaluate()

    def evaluate(self) -> bool:
        """Observe, evaluate, and send what is due; return whether it says that an alert fires."""
        seen = self.observer.observe()
        report = self._reporter.report(seen)
        facts = Facts(seen.at, tuple(samples(seen, report)), seen.problems)
        if not (notice := self.states.update(facts)):
            return False
        text = message(notice, self.environment)
        log.info("%s", text.title)
        self.send(text)
        return bool(notice.firing)


def _chosen(rules: Iterable[Rule], exclude: Sequence[str]) -> list[Rule]:
    """Return the rules that are evaluated here, without the excluded ones."""
    unwanted = set(listed(exclude))
    known = {rule.alert for rule in rules}
    if unknown := sorted(unwanted - known):
        raise UsageError(f"there is no alert {unknown[0]}: `retail alert --list` names them")
    return [rule for rule in rules if rule.alert in CONDITIONS and rule.alert not in unwanted]


def _at_once(rule: Rule) -> Rule:
    return msgspec.structs.replace(rule, for_="0s")


def _listed(rules: Sequence[Rule]) -> Iterable[str]:
    width = max(len(rule.alert) for rule in rules) + 2
    for rule in rules:
        reason = NEEDS_PROMETHEUS.get(rule.alert)
        where = f"needs Prometheus: {reason}" if reason else f"after {rule.for_}"
        yield f"{rule.alert:{width}}{rule.labels.severity:10}{where}"
