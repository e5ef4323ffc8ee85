"""``retail dashboard``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

import retail_pipeline.dashboard
from retail_pipeline.settings import load_settings

_FOLDER = Path(retail_pipeline.dashboard.__file__).parent


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("dashboard")(dashboard)


def dashboard(
    port: int = typer.Option(8501, min=1, max=65535, help="Port to listen on."),
    address: str = typer.Option("127.0.0.1", help="Address to listen on; 0.0.0.0 for all."),
) -> None:
    """Serve the dashboard until told to stop (SIGTERM or Ctrl-C)."""
    # A wrong setting ends the command with its name, not a page that can't work.
    sign_in_file = load_settings().dashboard_sign_in_file
    if sign_in_file is not None:
        from retail_pipeline.dashboard import sign_in

        sign_in.check(sign_in_file)
    arguments = command(port, address, sign_in_file)
    # The server takes this process's place: a signal reaches it with nobody in between.
    os.execv(arguments[0], arguments)


def command(port: int, address: str, sign_in_file: Path | None = None) -> list[str]:
    """Return the command line of the server on ``address``:``port``, without a browser.

    ``sign_in_file`` has the settings of the sign-in, where one is asked for.
    """
    flags = {
        "server.port": port,
        "server.address": address,
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "theme.base": _FOLDER / "theme.toml",
    }
    if sign_in_file is not None:
        flags["secrets.files"] = sign_in_file.absolute()
    script = str(_FOLDER / "script" / "main.py")
    values = [f"--{name}={value}" for name, value in flags.items()]
    return [sys.executable, "-m", "streamlit", "run", script, *values]
