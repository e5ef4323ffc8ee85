"""Reports kept in a file, one line of JSON each, and read again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import msgspec

from retail_pipeline.errors import UsageError
from retail_pipeline.operations.report import Report

_LARGEST_BYTES = 10_000_000
_OLDER_FILES = 3


class SaveFile:
    """Appends reports to a file; a full one becomes FILE.1, and of older ones three are kept.

    Each line is written at once: a crash costs the last one at most.
    """

    def __init__(self, path: Path) -> None:
        """Raises UsageError if the file can't be written."""
        self._path = path
        try:
            self._handler = _Raising(
                path, maxBytes=_LARGEST_BYTES, backupCount=_OLDER_FILES, encoding="utf-8"
            )
            self._end_last_line()
        except OSError as error:
            raise self._refusal(error) from None

    def append(self, report: Report) -> None:
        """Write a report.

        Raises:
            UsageError: the file can't be written, for instance because the disk is full.
        """
        line = msgspec.json.encode(report).decode()
        try:
            self._handler.emit(logging.makeLogRecord({"msg": line}))
        except OSError as error:
            raise self._refusal(error) from None

    def close(self) -> None:
        """Close the file."""
        self._handler.close()

    def _end_last_line(self) -> None:
        """Put a line end after what a crash left, so that the next line is whole."""
        with self._path.open("rb+") as file:
            if file.seek(0, 2):
                file.seek(-1, 2)
                if file.read(1) != b"\n":
                    file.write(b"\n")

    def _refusal(self, error: OSError) -> UsageError:
        return UsageError(f"{self._path}: can't be written: {error.strerror or error}")


class _Raising(RotatingFileHandler):
    """A handler whose errors reach the caller."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        raise


def saved_reports(path: Path) -> Iterator[Report]:
    """Yield the reports that were saved in a file; a line cut off by a crash is left out.

    Raises:
        UsageError: it can't be read, or holds no report.
    """
    found = 0
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    report = msgspec.json.decode(line, type=Report)
                except msgspec.DecodeError:
                    continue
                found += 1
                yield report
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror or error}") from None
    if not found:
        raise UsageError(f"{path}: it holds no report; `retail monitor --save FILE` writes them")
