"""A source's file: its name as text, and whether it still is the file that was looked through."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from retail_pipeline.errors import SourceError, UnreadableError


@dataclass(frozen=True)
class FileState:
    """What changes when a file is written to or another one takes its name."""

    bytes: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Return the state of the file now.

        Raises:
            UnreadableError: it is not there, or out of reach.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise UnreadableError(f"{path}: it can't be read: {why(error)}") from error
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)

    def check(self, path: Path) -> None:
        """Make sure that the file is as it was: other rows must not get this one's identities.

        Raises:
            SourceError: it was changed.
        """
        if FileState.of(path) != self:
            raise SourceError(f"{path}: it changed while it was being read: stream it anew")


def why(error: OSError) -> str:
    """Return the system's reason; where a right is missing, with the command that gives it."""
    reason = error.strerror or str(error)
    return f"{reason} (chmod a+rX gives the right)" if error.errno == errno.EACCES else reason


def text_name(path: Path) -> str:
    """Return the file's name; some systems allow bytes in it that are no text, which JSON isn't."""
    return os.fsencode(path.name).decode("utf-8", "replace")
