"""Words that go with numbers."""

from __future__ import annotations


def counted(number: int, one: str, more: str = "") -> str:
    """Return a number with its noun: 1 order, 2,157 orders; ``more`` is a plural without -s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
