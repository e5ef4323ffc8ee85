"""The report of a command that fails: one line; with ``--debug``, the traceback before it."""

from __future__ import annotations

import errno
import logging
import os
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path

from retail_pipeline import logs
from retail_pipeline.errors import RetailError, UsageError, os_words

# In the environment, so that the processes of `retail --debug local up` inherit it.
_DEBUG = "RETAIL_DEBUG"
# Debian's home folder of users without one: programs find no settings there.
_NO_HOME = "/nonexistent"


def debug() -> None:
    """Show tracebacks from now on, in this process and in those that it starts."""
    os.environ[_DEBUG] = "1"
    logging.raiseExceptions = True


def prepare() -> None:
    """Prevent tracebacks that come from the process's environment.

    A character that the terminal's encoding lacks is printed as its escape sequence. A user
    without a home folder gets one that does not exist. A thread that fails prints one line. A log
    that can't be written is no failure.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError):  # a test's stream, or none at all
            # Python's own streams have it, though their type does not say so.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = _NO_HOME
    logging.raiseExceptions = bool(os.environ.get(_DEBUG))
    threading.excepthook = _say_of_thread


def _say_of_thread(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value:
        say(failure.exc_value, f"{failure.thread.name if failure.thread else 'a thread'}: ")


def status(error: Exception) -> int:
    """Return the exit status for ``error``: 2 if the user can correct the command, else 1."""
    return 2 if isinstance(error, UsageError) else 1


def say(error: BaseException, prefix: str = "") -> None:
    """Write ``error`` to standard error."""
    with suppress(OSError, ValueError):  # it may be closed, or its disk full
        traced = error if os.environ.get(_DEBUG) else None
        logs.say(prefix + in_words(error), logging.ERROR, prefix="retail: ", error=traced)


def in_words(error: BaseException) -> str:
    """Return one line for the user: what is wrong, and what to do."""
    if isinstance(error, RetailError):
        return str(error)
    if isinstance(error, OSError):
        # Every write to a file names the file.
        unnamed = error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
        return os_words(error, "standard output" if unnamed else None)
    if isinstance(error, MemoryError):
        return "there is not enough memory: stop other programs, or give this one more"
    *_, last = traceback.extract_tb(error.__traceback__) or [None]
    place = f" at {Path(last.filename).name}:{last.lineno}" if last else ""
    text = " ".join(str(error).split())[:500]
    return (
        f"unexpected {type(error).__name__}{place}: {text or 'no text'}"
        " (a fault of the program: `retail --debug COMMAND` shows where)"
    )


def flush() -> None:
    """Flush standard output.

    Raises:
        OSError: it can't be written; the rest of the output is dropped.
    """
    try:
        if sys.stdout:
            sys.stdout.flush()
    except ValueError:
        pass  # closed
    except OSError:
        # Otherwise Python would try again at its exit, and fail with a traceback.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        raise
