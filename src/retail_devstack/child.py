"""Runs one ``retail`` command in this process, and writes its exit status to a file.

    python -m retail_devstack.child EXIT_FILE COMMAND [ARGUMENT]...

The command that starts a service in the background ends before the service does, so ``retail local
status`` can learn the exit status only from this file. A killed process leaves no file.
"""

from __future__ import annotations

import os
import runpy
import sys
from contextlib import suppress
from pathlib import Path

# The environment variable with the path of the file that names this process to Prometheus.
TARGET_FILE = "RETAIL_TARGET_FILE"


def run(exit_file: Path, arguments: list[str]) -> int:
    """Run ``retail ARGUMENTS``, write its exit status to ``exit_file``, and return it."""
    sys.argv = ["retail", *arguments]
    status = 1
    try:
        runpy.run_module("retail_pipeline", run_name="__main__")
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        # A full disk, or a deleted folder, does not undo the work.
        with suppress(OSError):
            exit_file.write_text(f"{status}\n", "utf-8")
            # What has done its work is not down.
            if status == 0 and (target := os.environ.get(TARGET_FILE)):
                Path(target).unlink(missing_ok=True)
    return status


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
