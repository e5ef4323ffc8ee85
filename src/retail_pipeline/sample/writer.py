"""Writes the made-up dataset to a file, whole or not at all."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

from retail_pipeline.errors import UsageError
from retail_pipeline.sample.generator import DEFAULT_DIRT, sample_lines

_CHUNK_LINES = 5_000


def write_sample(path: Path, rows: int, seed: int, dirty: float = DEFAULT_DIRT) -> None:
    """Write the dataset of ``sample_lines`` to ``path``, a ``.csv`` or ``.csv.gz`` file.

    Raises:
        UsageError: the file's ending is another, or its folder can't be written to.
    """
    write_file(path, sample_lines(rows, seed, dirty))


def write_file(
    path: Path, lines: Iterable[str], advance: Callable[[int], None] = lambda _: None
) -> None:
    """Write ``lines`` to ``path``, replacing it at the end; ``advance`` gets each chunk's length.

    The same lines give the same bytes, compressed or not. An error leaves ``path`` unchanged.

    Raises:
        UsageError: the name ends in neither ``.csv`` nor ``.csv.gz``, or can't be written.
    """
    packed = path.name.lower().endswith(".csv.gz")
    if not packed and not path.name.lower().endswith(".csv"):
        raise UsageError(f"{path}: the sample's file name must end in .csv or .csv.gz")
    try:
        with _replacing(path) as file:
            if packed:
                # No name and no time in the header, or the same rows would give other bytes.
                with gzip.GzipFile("", "wb", 6, file, mtime=0) as pack:
                    write_lines(cast(BinaryIO, pack), lines, advance)
            else:
                write_lines(file, lines, advance)
    except OSError as error:
        raise UsageError(f"{path}: can't be written: {error.strerror or error}") from None


def write_lines(
    file: BinaryIO, lines: Iterable[str], advance: Callable[[int], None] = lambda _: None
) -> None:
    """Write ``lines`` as UTF-8 in chunks; ``advance`` gets the number of lines of each."""
    remaining = iter(lines)
    while chunk := list(islice(remaining, _CHUNK_LINES)):
        file.write("".join(chunk).encode())
        advance(len(chunk))


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    with NamedTemporaryFile(
        "wb", dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False
    ) as file:
        try:
            yield cast(BinaryIO, file)
            file.close()
            # Temporary files are private; a data file has the rights of any new file.
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(file.name, 0o666 & ~mask)
            os.replace(file.name, path)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise
