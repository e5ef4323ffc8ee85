"""From what a user names (files, folders, globs) to the files that can be read.

Each other thing in a folder is named with a reason. Only hidden and temporary files and a README
are ignored without a message.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.adapters.sources.file import why
from retail_pipeline.adapters.sources.registry import ADVICE, ONLY, SUPPORTED
from retail_pipeline.errors import SourceError, UnreadableError
from retail_pipeline.settings import expand_user

_FOLDER = "it is a folder, and files in it are not read: move them up, or name the folder itself"
_PACKED = {"unpack it": (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst")}
_TEMPORARY = (".part", ".partial", ".crdownload", ".download", ".filepart", ".tmp", ".temp", "~")
_OTHER_IGNORED = ("readme", "thumbs.db", "desktop.ini", "lost+found", "__macosx")
_NAMED_AT_MOST = 5


@dataclass(frozen=True)
class Entry:
    """What is under a path now.

    ``state`` changes when the file is written or replaced, or its rights change. ``problem`` says
    why it can't be read and what to do; None for a file that can.
    """

    path: Path
    state: tuple[int, ...]
    problem: str | None

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def find_files(names: Iterable[str], warn: Callable[[str], None] = lambda text: None) -> list[Path]:
    """Return the files that ``names`` stand for, sorted within each, none twice.

    ``warn`` is called with a sentence for each other thing in a folder or under a glob.

    Raises:
        SourceError: a name stands for nothing that can be read.
        UsageError: a name starts with ~, and there is no such home folder.
    """
    found: dict[Path, Path] = {}
    for name in names:
        for entry in _expand(expand_user(name)):
            if entry.problem is None:
                # A link is read under its own name, and once, however many lead to the file.
                found.setdefault(entry.path.resolve(), entry.path.absolute())
            else:
                warn(f"{entry}; it is not read")
    return list(found.values())


def _expand(path: Path) -> list[Entry]:
    """Return what ``path`` stands for, with at least one file that can be read."""
    if os.path.isdir(path):
        entries = list(list_entries(path))
        nothing = f"the folder has no file that ends in {', '.join(SUPPORTED)}"
    elif entry := entry_at(path):
        if entry.problem:
            raise SourceError(str(entry))
        return [entry]
    else:
        matches = map(Path, sorted(glob.glob(str(path), recursive=True)))
        found = (entry_at(match) for match in matches if not is_ignored(match.name))
        entries, nothing = [entry for entry in found if entry], "no such file or folder"
    if all(entry.problem for entry in entries):
        raise SourceError(f"{path}: {_others(entries) if entries else nothing}")
    return entries


def _others(entries: list[Entry]) -> str:
    first = ", ".join(f"{each.path.name} ({each.problem})" for each in entries[:_NAMED_AT_MOST])
    more = len(entries) - _NAMED_AT_MOST
    return f"none of what is there can be read: {first}{f' and {more} more' if more > 0 else ''}"


def list_entries(folder: Path) -> Iterator[Entry]:
    """Yield the entries directly in ``folder``, sorted by name, each as it is when it is yielded.

    Raises:
        UnreadableError: it can't be listed.
    """
    try:
        names = sorted(name for name in os.listdir(folder) if not is_ignored(name))
    except OSError as error:
        raise UnreadableError(f"{folder}: it can't be listed: {why(error)}") from error
    for name in names:
        if entry := entry_at(folder / name):
            yield entry


def is_ignored(name: str) -> bool:
    """Return whether a file of this name gets no message: hidden, temporary, or a README."""
    lower = name.lower()
    return (
        lower.startswith((".", "~$"))
        or lower.endswith(_TEMPORARY)
        or lower in _OTHER_IGNORED
        or lower.startswith("readme.")
    )


def entry_at(path: Path) -> Entry | None:
    """Return what is under ``path``, or None if nothing is there (any more)."""
    try:
        status = path.stat()
    except OSError as error:
        return _unreachable(path, error)
    state: tuple[int, ...] = (status.st_dev, status.st_ino)
    if stat.S_ISDIR(status.st_mode):
        # Its own times change with each file in it, which is not read either way.
        return Entry(path, state, _FOLDER)
    state += (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if not stat.S_ISREG(status.st_mode):
        return Entry(path, state, "it is a pipe or a device: write its content to a file first")
    return Entry(path, state, _problem_of(path.name.lower()))


def _unreachable(path: Path, error: OSError) -> Entry | None:
    state, problem = tuple[int, ...](), f"it can't be read: {why(error)}"
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            link = os.readlink(path)
            problem = f"it is a link to {link}, which can't be reached: {error.strerror}"
        state = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    except FileNotFoundError:
        return None
    except OSError:
        pass
    return Entry(path, state, problem)


def _problem_of(name: str) -> str | None:
    if name.endswith(SUPPORTED):
        return None
    advice = [text for text, endings in (_PACKED | ADVICE).items() if name.endswith(endings)]
    return ": ".join([ONLY, *advice])
