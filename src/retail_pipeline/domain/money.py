"""Money as people read it."""

from __future__ import annotations

from decimal import Decimal

MINUS = "\N{MINUS SIGN}"


def pounds(amount: Decimal) -> str:
    """Return pounds sterling to the last digit, with thousands separators: −£1,009.725."""
    whole, _, part = f"{amount.copy_abs():,f}".partition(".")
    return f"{MINUS if amount < 0 else ''}£{whole}.{part.rstrip('0').ljust(2, '0')}"
