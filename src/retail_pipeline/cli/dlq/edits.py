"""A file of edited rows, checked completely before the first row is sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import islice
from tempfile import TemporaryFile
from typing import IO

import msgspec

from retail_pipeline.domain.quarantined import Edit
from retail_pipeline.errors import UsageError
from retail_pipeline.settings import expand_user

_LINE = msgspec.json.Decoder(Edit)


class Edits(AbstractContextManager["Edits"]):
    """The lines of a file, or of standard input, which is copied so that it can be read twice.

    ``rows`` is the number of lines.

    Raises:
        UsageError: it can't be read, a line is not from ``retail dlq list --json``, or a row has
            two lines.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        try:
            self._stream: IO[bytes] = _spooled() if name == "-" else expand_user(name).open("rb")
        except OSError as error:
            raise UsageError(f"{name}: it can't be read: {error.strerror or error}") from error
        try:
            self.rows = sum(1 for _ in self._edits())
        except UsageError:
            self._stream.close()
            raise

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def chunks(self, size: int) -> Iterator[dict[str, str]]:
        """Yield the texts by identity, ``size`` at a time."""
        edits = self._edits()
        while chunk := {edit.id: edit.raw for edit in islice(edits, size)}:
            yield chunk

    def _edits(self) -> Iterator[Edit]:
        self._stream.seek(0)
        seen: set[str] = set()
        for number, line in enumerate(self._stream, start=1):
            if not line.strip():
                continue
            try:
                edit = _LINE.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise UsageError(
                    f"{self._name}, line {number}: it is not a line of `retail dlq list --json`:"
                    f" {error}; nothing was replayed"
                ) from error
            if edit.id in seen:
                # Both would be sent if they were in different chunks.
                raise UsageError(
                    f"{self._name}, line {number}: an earlier line has the row {edit.id} too: keep"
                    " one of them; nothing was replayed"
                )
            seen.add(edit.id)
            yield edit


def _spooled() -> IO[bytes]:
    copy = TemporaryFile()
    while block := sys.stdin.buffer.read(1 << 20):
        copy.write(block)
    return copy
