"""``retail dashboard``."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import typer

import retail_pipeline.dashboard
from retail_pipeline import logs
from retail_pipeline.settings import load_settings

log = logging.getLogger("dashboard")
_FOLDER = Path(retail_pipeline.dashboard.__file__).parent


def dashboard(
    port: int = typer.Option(8501, min=1, max=65535, help="Port to listen on."),
    address: str = typer.Option("127.0.0.1", help="Address to listen on; 0.0.0.0 for all."),
) -> None:
    """Serve the dashboard until SIGTERM or Ctrl-C.

    Examples:

      retail dashboard

      retail dashboard --address 0.0.0.0 --port 8080
    """
    # A wrong setting ends the command with an error that names it.
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format)
    sign_in_file = settings.dashboard_sign_in_file
    if sign_in_file is not None:
        from retail_pipeline.dashboard import sign_in

        sign_in.check(sign_in_file)
    from retail_pipeline.dashboard.process import recorder
    from retail_pipeline.dashboard.server import app, log_with_ours

    log_with_ours()
    log.info("starting the dashboard at %s", _url(port, address))
    recorder()

    # The server shuts down by itself at a signal, and then raises the signal again.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    # Streamlit must not treat this command as a script, nor its options as those of the pages.
    sys.argv = ["-c"]
    app.run(config=options(port, address, sign_in_file))


def _url(port: int, address: str) -> str:
    """Return the address for a browser; Compose sets its own, which Streamlit reads as well."""
    shown = os.environ.get("STREAMLIT_BROWSER_SERVER_ADDRESS", address)
    return f"http://{shown}:{os.environ.get('STREAMLIT_BROWSER_SERVER_PORT', port)}"


def options(port: int, address: str, sign_in_file: Path | None = None) -> dict[str, Any]:
    """Return Streamlit's options for a server on ``address``:``port``, without a browser.

    ``sign_in_file`` has the settings of the sign-in, if one is required.
    """
    values: dict[str, Any] = {
        "server.port": port,
        "server.address": address,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "runner.postScriptGC": False,
        "browser.gatherUsageStats": False,
        "logger.hideWelcomeMessage": True,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "theme.base": str(_FOLDER / "theme.toml"),
    }
    if sign_in_file is not None:
        values["secrets.files"] = [str(sign_in_file.absolute())]
    return values
