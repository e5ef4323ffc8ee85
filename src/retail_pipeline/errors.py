"""The errors that the pipeline raises on purpose.

    RetailError
    ├── UsageError          a setting, a flag or a file is wrong: exit status 2
    │   ├── SettingsError   an environment variable
    │   └── SourceError     an input file, by its name; it may change while it is being sent
    │       └── UnreadableError   the file can't be read at the moment
    ├── RowError            one row breaks the contract and goes to quarantine (domain.rejection)
    ├── TransientError      a server is away or busy: try again
    ├── PermanentError      no retry will help: stop, exit status 1
    │   └── AccessError     the user's name, password or rights
    └── FiguresError        the summaries are not as expected: the dashboard says so

The text of each is one line that names what is wrong and says what to do.
"""

from __future__ import annotations

import errno
import os
import shlex
from typing import Any


class RetailError(Exception):
    """Base of all errors below."""


class UsageError(RetailError):
    """The user's own input is wrong; the program stops with exit status 2."""


class SettingsError(UsageError):
    """An environment variable is missing or has a value that can't be used."""


class SourceError(UsageError):
    """A file can't be used as a source of transactions; the text names the file."""


class UnreadableError(SourceError):
    """A file or a folder can't be read now, because of rights, the limit of open files, or a disk.

    A watch tries again; a command ends as for any other file that can't be used.
    """


class TransientError(RetailError):
    """A server is away, electing or overloaded; the text names its address."""


class PermanentError(RetailError):
    """A failure that no retry corrects: rights, a wrong password, a refused topic."""


class AccessError(PermanentError):
    """Authentication failed, or the user lacks the rights."""


class FiguresError(RetailError):
    """The summaries are not as the dashboard expects them; the text says what it found."""


_ADVICE = {
    errno.ENOSPC: "free some space on that disk",
    errno.EDQUOT: "free some space: your quota is used up",
    errno.EROFS: "choose a folder that can be written",
    errno.EMFILE: "raise the limit of open files (ulimit -n 4096)",
    errno.ENFILE: "stop some programs: the system has no more file handles",
    errno.ENOMEM: "stop some programs: there is not enough memory",
}


def os_words(error: OSError, path: Any = None) -> str:
    """Return one line for an OSError: the file, why, and what to do.

    ``path`` is the folder to name and to correct, if it isn't the file on which the call failed.
    """
    names = [path] if path else [error.filename, error.filename2]
    files = [os.fsdecode(name) for name in names if isinstance(name, (str, bytes, os.PathLike))]
    failed = error.filename if isinstance(error.filename, (str, bytes, os.PathLike)) else path
    why = error.strerror or " ".join(str(error).split()) or type(error).__name__
    advice = _ADVICE.get(error.errno or 0)
    if isinstance(error, PermissionError) and files:
        advice = _how_to_get_access(os.fsdecode(failed), files[0])
    return ": ".join(filter(None, (" -> ".join(files), why, advice)))


def _how_to_get_access(failed: str, path: str) -> str | None:
    """Return the command on ``path`` that gives this user access to ``failed``, or its folder."""
    found = os.path.abspath(failed)
    while not os.path.lexists(found) and found != os.path.dirname(found):
        found = os.path.dirname(found)
    if os.name == "nt" or not os.path.lexists(found):
        return None
    owner = _owner(found)
    name = shlex.quote(path if os.path.lexists(path) else found)
    if owner == os.geteuid():
        return f"its mode does not allow it: chmod -R u+rwX {name}"
    if owner == 0:
        return (
            f"it belongs to root: choose another path, or run sudo chown -R {os.geteuid()} {name}"
        )
    return f"it belongs to another user (uid {owner}): choose another path"


def _owner(path: str) -> int:
    """Return the user id of the owner of ``path``."""
    return os.lstat(path).st_uid
