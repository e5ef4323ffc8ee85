"""Free disk space for the stack's data."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil

from retail_pipeline.errors import PermanentError

_ENOUGH = 2e9
# Below it, mongod's journal and Kafka's first segments don't fit.
_TOO_LITTLE = 4e8


def check_disk(folder: Path, say: Callable[[str], None]) -> None:
    """Warn if the disk of ``folder``, which may not exist yet, has little free space.

    Raises:
        PermanentError: the free space is too small for the servers to start.
    """
    there = next(path for path in (folder, *folder.parents) if os.path.isdir(path))
    free = psutil.disk_usage(str(there)).free
    text = f"only {free / 1e6:,.0f} MB are free on the disk of {folder}"
    if free < _TOO_LITTLE:
        raise PermanentError(
            f"{text}, and the servers need {_TOO_LITTLE / 1e6:,.0f} MB to start: free some space,"
            " or set RETAIL_HOME to a folder on another disk"
        )
    if free < _ENOUGH:
        say(f"{text[0].upper()}{text[1:]}; the stack takes about 500 MB, and more with more data.")
