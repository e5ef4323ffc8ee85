"""Sets of row numbers at one bit a row, small enough to name each row that is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

_PAGE_BITS = 4_096
_PAGE_BYTES = _PAGE_BITS // 8


class RowSet:
    """Row numbers from 0 on; pages of 4,096 rows are made as they are needed."""

    __slots__ = ("_pages",)

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def add(self, row: int) -> bool:
        """Add ``row``; return whether it was not there yet."""
        page = self._pages.get(row // _PAGE_BITS)
        if page is None:
            page = self._pages[row // _PAGE_BITS] = bytearray(_PAGE_BYTES)
        place, bit = row // 8 % _PAGE_BYTES, 1 << row % 8
        if page[place] & bit:
            return False
        page[place] |= bit
        return True

    def __contains__(self, row: int) -> bool:
        page = self._pages.get(row // _PAGE_BITS)
        return page is not None and bool(page[row // 8 % _PAGE_BYTES] & (1 << row % 8))

    def __len__(self) -> int:
        return sum(int.from_bytes(page, "little").bit_count() for page in self._pages.values())

    def __bool__(self) -> bool:
        return bool(self._pages)  # a page is made for a row, and no row is ever taken away

    def __iter__(self) -> Iterator[int]:
        """Yield the rows, in order."""
        for number in sorted(self._pages):
            bits = int.from_bytes(self._pages[number], "little")
            while bits:
                lowest = bits & -bits
                yield number * _PAGE_BITS + lowest.bit_length() - 1
                bits ^= lowest

    def __or__(self, other: RowSet) -> RowSet:
        return self._with(other, lambda mine, others: mine | others)

    def __and__(self, other: RowSet) -> RowSet:
        return self._with(other, lambda mine, others: mine & others)

    def __sub__(self, other: RowSet) -> RowSet:
        return self._with(other, lambda mine, others: mine & ~others)

    def _with(self, other: RowSet, operation: Callable[[int, int], int]) -> RowSet:
        result = RowSet()
        for number in self._pages.keys() | other._pages.keys():
            mine = int.from_bytes(self._pages.get(number, b""), "little")
            others = int.from_bytes(other._pages.get(number, b""), "little")
            bits = operation(mine, others)
            if bits:
                result._pages[number] = bytearray(bits.to_bytes(_PAGE_BYTES, "little"))
        return result


class Rows(defaultdict[str, RowSet]):
    """Rows by their source."""

    def __init__(self) -> None:
        super().__init__(RowSet)

    def of(self, source: str) -> RowSet:
        """Return the rows of ``source``, the empty set if there are none, adding no key."""
        rows = self.get(source)
        return _NONE if rows is None else rows

    def has(self, source: str, row: int) -> bool:
        """Whether a row is among them."""
        rows = self.get(source)
        return rows is not None and row in rows


_NONE = RowSet()
