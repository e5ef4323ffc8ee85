"""Finds the processes of a stack without its state, by the folder that they were started for.

The state may be damaged, deleted or out of date, for example after a full disk or after a kill of
the command that started the stack.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from retail_devstack.home import Home
from retail_devstack.processes import Process, describe

_SERVICES = ("producer", "processor", "dashboard", "exporter")
_JAVA_SERVERS = ("zookeeper", "kafka")
_MONITORS = ("prometheus", "alertmanager")


def find_parts(home: Home) -> dict[str, list[Process]]:
    """Return the live processes of the stack in ``home`` by part, oldest first."""
    found: dict[str, list[Process]] = {}
    for live in psutil.process_iter():
        with suppress(psutil.Error):
            part = _part(home, live)
            if part and live.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                found.setdefault(part, []).append(describe(live))
    for processes in found.values():
        processes.sort(key=lambda process: process.created)
    return found


def users_of(folder: Path) -> list[int]:
    """Return the ids of the visible processes that have a file open in ``folder``."""
    # Windows can't list open files safely, and its servers lock their files themselves.
    if sys.platform == "win32" or not folder.exists():
        return []
    inside = os.path.join(os.path.realpath(folder), "")
    found = []
    for live in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if any(file.path.startswith(inside) for file in live.open_files()):
                found.append(live.pid)
    return found


def _part(home: Home, live: psutil.Process) -> str | None:
    """Return which part of the stack ``live`` is: each has a path of its own in its command."""
    arguments = live.cmdline()
    for part in _SERVICES:
        if _names(arguments, home.exit_file(part)):
            return part
    for part in _MONITORS:
        option = f"--config.file=conf/{part}/{part}.yml"
        if option in arguments and _same(live.cwd(), home.root):
            return part
    for part in _JAVA_SERVERS:
        config = home.config(f"{part}.properties")
        # The real ones name it relative to the folder in which they run.
        given = [each for each in arguments if each.endswith(config.name)]
        if any(_same(os.path.join(live.cwd(), each), config) for each in given):
            return part
    if "./data/mongodb" in arguments and _same(live.cwd(), home.root):
        return "mongodb"
    return None


def _names(arguments: Sequence[str], path: Path) -> bool:
    return any(each.endswith(path.name) and _same(each, path) for each in arguments)


def _same(one: str, other: Path) -> bool:
    """Return whether both are the same path, written in any way, whether or not it exists."""
    return os.path.realpath(one) == os.path.realpath(other)
