"""Runs one ``retail`` command in this process, and leaves its exit status in a file.

    python -m retail_devstack.child EXIT_FILE COMMAND [ARGUMENT]...

The command that starts a service in the background is long gone when the service ends, so nobody
else could tell ``retail local status`` how it went. A killed process leaves no file.
"""

from __future__ import annotations

import runpy
import sys
from contextlib import suppress
from pathlib import Path


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
        # On a full disk, or in a folder that is gone, the work is done all the same.
        with suppress(OSError):
            exit_file.write_text(f"{status}\n", "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
