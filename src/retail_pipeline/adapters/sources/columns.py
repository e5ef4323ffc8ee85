"""Finds the eight dataset fields among a file's columns, under each name that they go by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import itemgetter

import msgspec

from retail_pipeline.domain import fields
from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.parsing import LONGEST_FIELD, check_cells
from retail_pipeline.domain.rejection import RowError
from retail_pipeline.errors import SourceError
from retail_pipeline.flows.source import RawRow

# Online Retail II has other names for two of the columns.
_OTHER_NAMES = {"invoice": fields.INVOICE, "price": fields.PRICE}
_NAMES = {name.lower(): name for name in DATASET_FIELDS} | _OTHER_NAMES
# Where the date is among the eight fields.
DATE = DATASET_FIELDS.index(fields.DATE)


@dataclass(frozen=True)
class Layout:
    """How a row's raw text becomes cells, and which of them are the dataset's fields.

    ``columns`` are the fields' places among the ``width`` cells, in the order of DATASET_FIELDS.
    """

    columns: tuple[int, ...]
    width: int
    delimiter: str = ","

    @classmethod
    def of(cls, text: str) -> Layout:
        """Return the layout from its JSON text (the reverse of ``str``).

        Raises:
            ValueError: the text is of another form.
        """
        try:
            layout = msgspec.json.decode(text, type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"its layout can't be read: {error}") from None
        if len(layout.columns) != len(DATASET_FIELDS) or max(layout.columns) >= layout.width:
            raise ValueError("its layout does not say where the eight fields are")
        return layout

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()

    @cached_property
    def _fields(self) -> Callable[[Sequence[str]], Sequence[str]] | None:
        """Picks the fields among the cells; None if the cells are the fields, in their order."""
        return None if self.columns == tuple(range(self.width)) else itemgetter(*self.columns)

    def row(self, number: int, cells: Sequence[str], raw: str, truncated: bool = False) -> RawRow:
        """Return the row of ``cells``; ``raw`` is their text.

        Its problem is set if they are not a valid row.
        """
        if len(cells) != self.width or len(raw) > LONGEST_FIELD:
            try:
                check_cells(cells, self.width)
            except RowError as error:
                return RawRow(number, (), raw, (error.reason, error.detail), truncated)
        fields = self._fields(cells) if self._fields else cells
        return RawRow(number, fields, raw, None, truncated)


# Nothing but the eight fields, in their order.
PLAIN = Layout(tuple(range(len(DATASET_FIELDS))), len(DATASET_FIELDS))


@lru_cache(maxsize=256)
def field_of(name: str) -> str | None:
    """Return the dataset field that a column holds, by the column's name."""
    return _NAMES.get("".join(letter for letter in name.lower() if letter.isalnum()))


def find_columns(
    header: Sequence[str], file: str, subject: str = "its first line has"
) -> tuple[int, ...]:
    """Return where the fields stand in ``header``; additional columns are allowed.

    Raises:
        SourceError: a column is missing or is there twice; the text names ``file``, the column
            and, after ``subject``, the columns found.
    """
    found: dict[str, int] = {}
    for position, name in enumerate(header):
        if (field := field_of(name)) is None:
            continue
        if field in found:
            raise SourceError(f"{file}: two columns hold {field}: keep one of them")
        found[field] = position
    missing = [field for field in DATASET_FIELDS if field not in found]
    if missing:
        seen = ", ".join(name.strip()[:40] for name in header[:12] if name.strip()) or "nothing"
        raise SourceError(
            f"{file}: no column {', '.join(missing)}; {subject}: {seen}."
            f" Needed are {', '.join(DATASET_FIELDS)}"
        )
    return tuple(found[field] for field in DATASET_FIELDS)
