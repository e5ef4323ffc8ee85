"""``make chaos-compose``: faults in the Compose stack, seen and repaired by its health check."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from chaos.environment import load
from chaos.health_run import Answer
from retail_pipeline.operations.health import HEALTHY, Status

_SEEN_WITHIN_S, _HEALTHY_WITHIN_S = 120.0, 180.0
# Longer than any command takes, in seconds.
_LONGEST_S = 400.0
_HEALTH = "docker compose run --rm -T --no-deps retail health --json"
_HEADINGS = ("fault", "check", "status", "exit", "seen s", "run s", "command", "healthy s", "")


def _mongo(script: str) -> str:
    """Return the command that runs JavaScript as MongoDB's administrator; ``d`` is the database."""
    sign_in = (
        'const a = new Mongo("mongodb://127.0.0.1:27017").getDB("admin");'
        ' a.auth("root", fs.readFileSync("/run/secrets/root/mongo_root_password", "utf8"));'
        ' const d = a.getSiblingDB("retail_db");'
    )
    shell = "mongosh --quiet --norc --nodb --eval"
    return f"docker compose exec -T -e HOME=/dev/null mongodb {shell} '{sign_in} {script}'"


def _kafka(tool: str, arguments: str) -> str:
    """Return the command that runs one of Kafka's own tools."""
    inside = f"{tool} --bootstrap-server kafka:29092 {arguments}"
    return f"docker compose exec -T -e KAFKA_HEAP_OPTS=-Xmx96m kafka {inside}"


@dataclass(frozen=True)
class ComposeFault:
    """A fault, the shell command that makes it, and what the health check must say of it."""

    name: str
    check: str
    command: str
    status: Status = Status.FAIL

    def is_named_by(self, answer: Answer) -> bool:
        """Return whether a health check's answer shows it."""
        return answer.shows(self.check, self.status)


# What a paused service no longer does; nobody asks a producer anything.
_OF_SERVICES = {
    "zookeeper": "zookeeper",
    "kafka": "kafka",
    "mongodb": "mongodb",
    "processor": "heartbeats",
    "dashboard": "dashboard",
    "producer": "services",
}
_REVOKED = '{resource: {db: "retail_db", collection: "transactions"}, actions: ["insert"]}'
_SHORT = "--alter --entity-type topics --entity-name retail_transactions"
FAULTS = {
    each.name: each
    for each in (
        *(
            ComposeFault(f"{name}-stopped", "services", f"docker compose stop {name}")
            for name in _OF_SERVICES
        ),
        *(
            ComposeFault(f"{name}-paused", check, f"docker compose pause {name}")
            for name, check in _OF_SERVICES.items()
        ),
        ComposeFault("processor-hangs", "heartbeats", "docker compose kill -s STOP processor"),
        ComposeFault(
            "password-changed", "users", _mongo('d.updateUser("retail_writer", {pwd: "other"})')
        ),
        ComposeFault("user-deleted", "users", _mongo('d.dropUser("retail_reader")')),
        ComposeFault(
            "right-revoked",
            "users",
            _mongo(f'd.revokePrivilegesFromRole("retail_writer", [{_REVOKED}])'),
        ),
        ComposeFault(
            "topic-deleted",
            "topics",
            _kafka("kafka-topics", "--delete --topic retail_transactions"),
        ),
        ComposeFault(
            "topic-changed",
            "topics",
            _kafka("kafka-configs", f"{_SHORT} --add-config retention.ms=3600000"),
            Status.WARN,
        ),
        ComposeFault("index-dropped", "schema", _mongo('d.transactions.dropIndex("by_product")')),
        ComposeFault(
            "validator-removed",
            "schema",
            _mongo('d.runCommand({collMod: "transactions", validator: {}})'),
        ),
        ComposeFault("all-paused", "services", "docker compose pause"),
    )
}


def main(
    faults: str = typer.Option("", help="Only these faults, separated by commas."),
    list_faults: bool = typer.Option(False, "--list", help="List the faults, and stop."),
) -> None:
    """Make faults in the Compose stack of this folder; each must be seen and repaired.

    For each fault the health check runs in a container until the right check
    has the right status. The command that it prints is then run as printed,
    and all must be well again. Start the stack before (`docker compose up`).

    Exit status: 0 if all is right, 1 if something is wrong, 2 if the stack is
    not well at the start.

    Examples:

      make chaos-compose

      make chaos-compose FAULTS=kafka-paused,user-deleted
    """
    names = [name.strip() for name in faults.split(",") if name.strip()] or list(FAULTS)
    if unknown := [name for name in names if name not in FAULTS]:
        raise typer.BadParameter(f"{', '.join(unknown)}: choose from {', '.join(FAULTS)}")
    if list_faults:
        for name in names:
            typer.echo(f"{name:20}{FAULTS[name].check}")
        return
    answer, _ = _ask("--wait", f"{_HEALTHY_WITHIN_S:g}")
    if answer.exit_status != HEALTHY:
        typer.echo(f"chaos-compose: the stack is not well before any fault: {answer}", err=True)
        raise typer.Exit(2)
    rows = []
    for name in names:
        rows.append(_try(FAULTS[name]))
        typer.echo("  ".join(rows[-1]))
    table = Table(*_HEADINGS)
    for row in rows:
        table.add_row(*row)
    Console(width=200).print(table)
    right = sum(row[-1] == "right" for row in rows)
    typer.echo(f"{right} of {len(rows)} right; load {load()}")
    raise typer.Exit(0 if right == len(rows) else 1)


def _try(fault: ComposeFault) -> list[str]:
    """Make a fault, let the printed command repair it, and return its row of the table."""
    done = _shell(fault.command)
    if done.returncode:
        return [fault.name, fault.check, *"------", f"not made: {done.stderr.strip()}"]
    began = time.monotonic()
    while True:
        answer, run_s = _ask()
        seen_s = time.monotonic() - began
        if fault.is_named_by(answer) or seen_s > _SEEN_WITHIN_S:
            break
    found = answer.check(fault.check)
    command = found.command if found else None
    began = time.monotonic()
    if command:
        _shell(command)
    after, _ = _ask("--wait", f"{_HEALTHY_WITHIN_S:g}")
    wrong = None if fault.is_named_by(answer) else f"not seen: {answer}"
    if after.exit_status != HEALTHY:
        wrong = wrong or f"not repaired: {after}"
        _shell("docker compose unpause")
        _shell("docker compose up --detach --wait")
    return [
        fault.name,
        fault.check,
        found.status.value if found else "-",
        str(answer.exit_status),
        f"{seen_s:.0f}",
        f"{run_s:.0f}",
        command or "-",
        f"{time.monotonic() - began:.0f}",
        wrong or "right",
    ]


def _ask(*options: str) -> tuple[Answer, float]:
    """Run the health check in a container; return its answer, and how long it took (s)."""
    began = time.monotonic()
    done = _shell(" ".join([_HEALTH, *options]))
    if not done.stdout.strip():
        raise RuntimeError(f"the health check does not start: {done.stderr.strip()}")
    return msgspec.json.decode(done.stdout, type=Answer), time.monotonic() - began


def _shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=_LONGEST_S,
    )


if __name__ == "__main__":
    typer.run(main)
