"""Prometheus, Alertmanager and the exporter beside a stack: ``retail local up --monitoring``.

The rules of the alerts and the routes of the messages are those of Compose.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from retail_devstack import services
from retail_devstack.environment import metrics_name
from retail_devstack.ports import answers, pick
from retail_devstack.processes import Process
from retail_devstack.stack import MONITORING, SERVICES, Stack
from retail_devstack.surroundings import server_env
from retail_pipeline.errors import PermanentError, UsageError
from retail_pipeline.flows.waiting import wait_while

# Each server's names on PATH, Debian's package, and what is left out without it.
_SERVERS = {
    "prometheus": (("prometheus",), "prometheus", "nothing is recorded and no alert fires"),
    "alertmanager": (
        ("alertmanager", "prometheus-alertmanager"),
        "prometheus-alertmanager",
        "no alert is sent",
    ),
}
# Two folders above this package, in a checkout.
_CHECKOUT = Path(__file__).parents[2]
_RULES = _CHECKOUT / "monitoring" / "rules" / "retail.yml"
_ROUTES = _CHECKOUT / "docker" / "alertmanager.sh"
_ALERT_SETTINGS = ("ALERT_SLACK_", "ALERT_EMAIL_", "ALERT_SMTP_")
_START_LIMIT = 60.0


def find_programs(stack: Stack) -> dict[str, str]:
    """Return the path of each server that this machine has; say what is left out.

    Raises:
        UsageError: it has neither Prometheus nor Alertmanager.
    """
    found, missing = {}, []
    for name, (programs, package, loss) in _SERVERS.items():
        path = next(filter(None, map(shutil.which, programs)), None)
        if path:
            found[name] = path
        else:
            missing.append(f"{name} is not on PATH, so that {loss}: install it (Debian: {package})")
    if not found:
        raise UsageError("; ".join(missing))
    for text in missing:
        stack.say(f"{text[0].upper()}{text[1:]}.")
    return found


def wanted(stack: Stack) -> bool:
    """Return whether the stack was started with its monitoring, and this was not stopped."""
    return any(stack.process(part) for part in MONITORING)


def choose_ports(stack: Stack, on: bool) -> None:
    """Choose where each service serves its metrics, or forget it if monitoring is not ``on``.

    A processor or a dashboard that runs without metrics is stopped, to be started with them. A
    producer is left to its work.
    """
    ports = stack.state.ports
    for part in SERVICES:
        name = metrics_name(part)
        if not on:
            if not stack.alive(part):
                ports.pop(name, None)
        elif not stack.alive(part):
            ports[name] = pick(ports.get(name), ports.values())
        elif name not in ports and part != "producer":
            stack.stop([part])
            ports[name] = pick(None, ports.values())
    for part in MONITORING if on else ():
        if not stack.alive(part):
            ports[part] = pick(ports.get(part), ports.values())
    stack.save()


def write_routes(stack: Stack) -> None:
    """Write Alertmanager's configuration, from the settings ALERT_... of ``.env`` and the shell.

    Raises:
        UsageError: a setting is wrong or missing.
    """
    folder = stack.home.config("alertmanager")
    done = subprocess.run(
        ["sh", str(_ROUTES), str(folder)], env=_alert_env(), capture_output=True, text=True
    )
    printed = done.stderr.strip().removeprefix("alertmanager: ")
    if done.returncode:
        raise UsageError(f"Alertmanager can't be configured: {printed}")
    if printed:
        stack.say(f"Alertmanager: {printed}.")


def start(stack: Stack, programs: Mapping[str, str]) -> None:
    """Start what does not run of the exporter and of the servers in ``programs``, and wait for it.

    Raises:
        PermanentError: one does not start; the text shows the end of its log.
    """
    if not stack.alive("exporter"):
        stack.say(f"Starting the exporter on {_url(stack, 'exporter')}/metrics ...")
        services.start_exporter(stack)
    if "alertmanager" in programs and not stack.alive("alertmanager"):
        _spawn(stack, "alertmanager", programs, "--storage.path", "--cluster.listen-address=")
    if "prometheus" in programs:
        if _write_scraping(stack, "alertmanager" in programs):
            stack.stop(["prometheus"])
        if not stack.alive("prometheus"):
            _spawn(stack, "prometheus", programs, "--storage.tsdb.path")
    for part in ("exporter", *programs):
        _await(stack, part)


def scraping(stack: Stack, alerting: bool) -> dict[str, object]:
    """Return Prometheus's configuration; paths are relative to its folder.

    The producer's target is in a file of its own, which it removes when it has sent all its data:
    Prometheus would report it as down.
    """
    parts = ["exporter", "processor", *(["dashboard"] if stack.process("dashboard") else [])]
    jobs: list[dict[str, object]] = [
        {"job_name": f"retail-{part}", "static_configs": [{"targets": [_metrics(stack, part)]}]}
        for part in parts
    ]
    files = {"files": ["producer.json"], "refresh_interval": "5s"}
    jobs.append({"job_name": "retail-producer", "file_sd_configs": [files]})
    config: dict[str, object] = {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": [_RULES.name],
        "scrape_configs": jobs,
    }
    if alerting:
        targets = [{"targets": [stack.address("alertmanager")]}]
        config["alerting"] = {"alertmanagers": [{"static_configs": targets}]}
    return config


def _write_scraping(stack: Stack, alerting: bool) -> bool:
    """Write rules and configuration beside each other; return whether anything has changed."""
    config = stack.home.config("prometheus/prometheus.yml")
    config.parent.mkdir(parents=True, exist_ok=True)
    try:
        rules = _RULES.read_bytes()
    except OSError as error:
        raise PermanentError(f"the alerts' rules can't be read: {error}") from error
    # JSON is YAML.
    texts = {
        config.with_name(_RULES.name): rules,
        config: json.dumps(scraping(stack, alerting), indent=2).encode(),
    }
    changed = [
        path for path, text in texts.items() if not path.exists() or path.read_bytes() != text
    ]
    for path in changed:
        path.write_bytes(texts[path])
    return bool(changed)


def _spawn(
    stack: Stack, part: str, programs: Mapping[str, str], storage: str, *options: str
) -> Process:
    """Start a server in the home folder, with relative paths: it would read others as patterns."""
    stack.say(f"Starting {part} on {_url(stack, part)} ...")
    stack.home.data(part).mkdir(parents=True, exist_ok=True)
    command = [
        programs[part],
        f"--config.file=conf/{part}/{part}.yml",
        f"{storage}=data/{part}",
        f"--web.listen-address={stack.address(part)}",
        f"--web.external-url={_url(stack, part)}",
        *options,
    ]
    return stack.spawn(part, command, server_env(), stack.home.root)


def _await(stack: Stack, part: str) -> None:
    port = stack.state.ports[part]
    wait_while(lambda: not answers(port) and stack.alive(part), _START_LIMIT, every_s=0.1)
    if not stack.alive(part) or not answers(port):
        raise PermanentError(f"{part} doesn't start; {stack.end_of_log(part)}")


def _url(stack: Stack, part: str) -> str:
    return f"http://{stack.address(part)}"


def _metrics(stack: Stack, part: str) -> str:
    return stack.address(part if part in MONITORING else metrics_name(part))


def _alert_env() -> dict[str, str]:
    """Return the settings of the messages, and what a shell needs."""
    given = {**dotenv_values(".env"), **os.environ}
    chosen = {name: text for name, text in given.items() if name.startswith(_ALERT_SETTINGS)}
    return {**server_env(), **{name: text for name, text in chosen.items() if text}}
