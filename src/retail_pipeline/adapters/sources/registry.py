"""The formats of files that can be read. A new one is a module, and its name here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from retail_pipeline.adapters.sources import csv, jsonl, parquet, xlsx
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.errors import SourceError
from retail_pipeline.flows.source import RawRow, ReadOptions, Source


class Format(Protocol):
    """What a format's module has.

    Attributes:
        NAME: what manifests call the format.
        ENDINGS: how the names of its files end, in lower case.
        ADVICE: for similar files that are not read: endings by what to do, such as
            ``{"save it as .xlsx": (".xls",)}``.
    """

    NAME: str
    ENDINGS: tuple[str, ...]
    ADVICE: dict[str, tuple[str, ...]]

    def inspect(self, path: Path, options: ReadOptions) -> Sequence[Source]:
        """Return the sources in a file: one, or one a sheet.

        Raises:
            UnreadableError: the system doesn't let it be read now.
            SourceError: it can't be used; the text names it.
        """

    def reparse(self, number: int, raw: bytes, encoding: str, layout: str) -> RawRow:
        """Return the row in ``raw`` with this ``number``; its problem says why it can't be parsed.

        Raises:
            LookupError, ValueError: there is no such encoding, or layout.
        """


FORMATS: tuple[Format, ...] = (csv, jsonl, parquet, xlsx)
SUPPORTED = tuple(ending for each in FORMATS for ending in each.ENDINGS)
ADVICE = {text: endings for each in FORMATS for text, endings in each.ADVICE.items()}
ONLY = f"only files that end in {', '.join(SUPPORTED)} can be read"


def inspect(path: Path, options: ReadOptions = ReadOptions()) -> Sequence[Source]:
    """Return the sources in a file, as its format does.

    Raises:
        SourceError: no format has its ending, or as Format.inspect says.
    """
    for each in FORMATS:
        if path.name.lower().endswith(each.ENDINGS):
            return each.inspect(path, options)
    raise SourceError(f"{path}: {ONLY}")


def reparse(number: int, raw: bytes, encoding: str, manifest: Manifest) -> RawRow:
    """Return a row of the file that ``manifest`` is about, as its format does.

    Raises:
        LookupError, ValueError: there is no such format, encoding or layout.
    """
    for each in FORMATS:
        if each.NAME == manifest.format:
            return each.reparse(number, raw, encoding, manifest.layout)
    raise LookupError(f"there is no format {manifest.format!r}")
