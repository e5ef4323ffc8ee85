#!/usr/bin/env python3
"""The monitor as a script: ``python monitor.py`` is ``retail monitor``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run ``retail monitor`` with this script's arguments, in the checkout's environment.

    Exits with status 1 and a line that says what to do if there is no such environment.
    """
    try:
        from retail_pipeline.cli.app import run_command
    except ImportError:
        python = HERE / ".venv" / "bin" / "python"
        if python.exists() and Path(sys.executable).absolute() != python:
            os.execv(python, [str(python), str(HERE / "monitor.py"), *sys.argv[1:]])
        sys.exit("monitor.py: Retail Pipeline is not installed here: run `make .venv/.local` first")
    run_command("monitor")


if __name__ == "__main__":
    main()
