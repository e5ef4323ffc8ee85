"""Runs a program once to find out which version works here, or how it fails."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from retail_pipeline.errors import os_words

_LIMIT_S = 30
_WHY = {
    "SIGILL": "this CPU lacks instructions that the program needs",
    "SIGKILL": "perhaps because memory ran out",
}


def version_of(
    program: Path, argument: str, pattern: str, env: Mapping[str, str]
) -> tuple[int | None, str]:
    """Return the major version that ``program`` prints, or None and how it failed.

    The first group of the regular expression ``pattern`` is the version in the program's output.
    """
    try:
        done = subprocess.run(
            [program, argument],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            env=dict(env),
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {_LIMIT_S} s"
    except OSError as error:
        return None, os_words(error)
    text = done.stdout + done.stderr
    found = re.search(pattern, text)
    if done.returncode or not found:
        return None, _ending(done.returncode, text) if done.returncode else "it prints no version"
    return int(found[1]), ""


def _ending(status: int, text: str) -> str:
    """Return how a program ended, by the exit status that Python or a shell gives for it.

    ``text`` is what it printed, which explains a status of its own, but not a signal.
    """
    number = -status if status < 0 else status - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return " ".join(text.split())[:300] or f"it ended with exit status {status}"
    return f"killed by {name}" + (f": {_WHY[name]}" if name in _WHY else "")
