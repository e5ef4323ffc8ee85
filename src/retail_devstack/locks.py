"""Locks on files. The system releases a lock when the last process that has it ends."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


def acquire(path: Path) -> int | None:
    """Lock ``path`` and return its descriptor, to be closed; None if another process has the lock.

    Raises:
        OSError: the file can't be opened, or the file system has no locks.
    """
    descriptor = _open(path)
    try:
        if _lock(descriptor):
            return descriptor
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@contextmanager
def shared_with_child(path: Path | None) -> Iterator[tuple[int, ...] | None]:
    """Lock ``path`` and yield the descriptors that a child must inherit to keep the lock.

    The child keeps the lock until it ends. Yields None if another process has the lock. On Windows,
    and without a path, there is nothing to inherit.
    """
    if path is None or sys.platform == "win32":
        yield ()
        return
    descriptor = acquire(path)
    try:
        yield None if descriptor is None else (descriptor,)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        # A folder that has become read-only can still be locked.
        return os.open(path, os.O_RDONLY)


def _lock(descriptor: int) -> bool:
    """Take the lock if it is free, and return whether it was."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True
