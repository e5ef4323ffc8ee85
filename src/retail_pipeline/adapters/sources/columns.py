"""Finds the eight dataset fields among a file's columns, under each name that they go by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.errors import SourceError

# Online Retail II calls three of the columns otherwise.
_OTHER_NAMES = {"invoice": "InvoiceNo", "price": "UnitPrice"}
_NAMES = {name.lower(): name for name in DATASET_FIELDS} | _OTHER_NAMES


@dataclass(frozen=True)
class Columns:
    """Where the dataset's fields stand: ``positions`` in DATASET_FIELDS' order, of ``width``."""

    positions: tuple[int, ...]
    width: int


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def find_columns(header: Sequence[str], file: str) -> Columns:
    """Return where the fields stand in ``header``; additional columns are allowed.

    Raises:
        SourceError: a column is missing or is there twice; the text names ``file`` and it.
    """
    found: dict[str, int] = {}
    for position, name in enumerate(header):
        field = _NAMES.get(_plain(name))
        if field is None:
            continue
        if field in found:
            raise SourceError(f"{file}: two columns hold {field}: keep one of them")
        found[field] = position
    missing = [field for field in DATASET_FIELDS if field not in found]
    if missing:
        seen = ", ".join(name.strip()[:40] for name in header[:12] if name.strip()) or "nothing"
        raise SourceError(
            f"{file}: no column {', '.join(missing)}; its first line has: {seen}."
            f" Needed are {', '.join(DATASET_FIELDS)}"
        )
    return Columns(tuple(found[field] for field in DATASET_FIELDS), len(header))
