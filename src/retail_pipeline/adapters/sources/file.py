"""A file as a source, with a check that it did not change since it was inspected."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from itertools import dropwhile
from pathlib import Path

from retail_pipeline.domain.checkpoint import START, ResumePoint
from retail_pipeline.errors import SourceError, UnreadableError
from retail_pipeline.flows.source import RawRow, SourceFacts


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
        """Check that the file is as it was: rows of another must not get this one's identities.

        Raises:
            SourceError: it was changed.
        """
        if FileState.of(path) != self:
            raise SourceError(f"{path}: it changed while it was being read: stream it again")


@dataclass(frozen=True)
class FileSource:
    """A file (or a sheet of one) that holds transactions; ``read`` takes rows from its bytes."""

    path: Path
    facts: SourceFacts
    state: FileState
    read: Callable[[BufferedReader], Iterator[RawRow]]

    def rows(self, after: ResumePoint = START) -> Iterator[RawRow]:
        """Yield every row after number ``after``, in order.

        Raises:
            SourceError: the file can't be read any more, is damaged, or is another one now.
        """
        last = int(after)
        with opened(self.path) as stream:
            self.state.check(self.path)
            yield from dropwhile(lambda row: row.number <= last, self.read(stream))
            self.state.check(self.path)


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a file; if the system refuses, raise UnreadableError with the file's name."""
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise UnreadableError(f"{path}: it can't be read: {why(error)}") from error


@contextmanager
def damage_named(path: Path, kind: str, advice: str) -> Iterator[None]:
    """Turn any error of the library that reads a file of this ``kind`` into a SourceError.

    The text names the file. Damage may lead to an error of any type.
    """
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise UnreadableError(f"{path}: it can't be read: {why(error)}") from error
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise SourceError(
            f"{path}: it is no {kind}, or damaged ({what}): fetch it again, or {advice}"
        ) from error


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal digits."""
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def why(error: OSError) -> str:
    """Return the system's reason; where a right is missing, with the command that gives it."""
    reason = error.strerror or str(error)
    return f"{reason} (chmod a+rX gives the right)" if error.errno == errno.EACCES else reason


def text_name(path: Path) -> str:
    """Return the file's name as valid UTF-8: it may have other bytes, JSON may not."""
    return os.fsencode(path.name).decode("utf-8", "replace")
