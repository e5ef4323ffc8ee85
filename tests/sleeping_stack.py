"""``retail local`` on servers and services that only sleep.

    python -m tests.sleeping_stack up --no-dashboard

For what happens to processes: signals, lost outputs, full disks. ``NEVER_READY`` names a server
whose start never ends.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retail_devstack import foreground, services, session
from retail_devstack.backlog import Backlog
from retail_devstack.home import Home
from retail_devstack.stack import Stack
from retail_pipeline.cli.app import main

SLEEP = [sys.executable, "-c", "import time; time.sleep(100)"]


class SleepingServer:
    """A server that does nothing; what its command names is the real server's."""

    port = 1

    def __init__(self, home: Home, name: str) -> None:
        self.name = name
        own = "./data/mongodb" if name == "mongodb" else str(home.config(f"{name}.properties"))
        self._command = [*SLEEP, own]

    def command(self) -> Sequence[str | Path]:
        return self._command

    def env(self) -> dict[str, str]:
        return {}

    def before_start(self, say: object) -> None:
        pass

    def ready(self) -> bool:
        return self.name != os.environ.get("NEVER_READY")


def servers(stack: Stack, names: Sequence[str]) -> list[SleepingServer]:
    """Stand in for ``Stack._servers``."""
    stack.state.ports = {part: 1 for part in (*names, "dashboard")}
    return [SleepingServer(stack.home, name) for name in names]


def service(stack: Stack, part: str, arguments: Sequence[str]) -> list[str]:
    """Stand in for ``services._command``."""
    return [*SLEEP, str(stack.home.exit_file(part))]


class IdleGauge:
    """Stands in for ``Gauge``: nothing was ever sent."""

    def __init__(self, settings: object) -> None:
        self.read = lambda: Backlog(0, 0, 0)

    def __enter__(self) -> IdleGauge:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def patch() -> None:
    """Replace what would start or ask real servers."""
    parts: list[tuple[Any, str, Any]] = [
        (Stack, "_servers", servers),
        (services, "_command", service),
        (services, "set_up", lambda stack: None),
        (services, "await_dashboard", lambda stack: "http://127.0.0.1:1"),
        (session, "ensure_stack_users", lambda state, database: None),
        (foreground, "Gauge", IdleGauge),
        (foreground, "_INTERVAL", 0.05),
    ]
    for owner, name, replacement in parts:
        setattr(owner, name, replacement)


if __name__ == "__main__":
    # A test run under `nohup` would pass its ignored SIGHUP on.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    patch()
    sys.argv = ["retail", "local", *sys.argv[1:]]
    main()
