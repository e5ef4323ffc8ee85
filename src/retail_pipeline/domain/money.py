"""Money as people read it."""

from __future__ import annotations

from decimal import Decimal

MINUS = "\N{MINUS SIGN}"


def digits(amount: Decimal, thousands: str = "") -> str:
    """Return an amount to its last digit, pence at least: 15.30, -0.001."""
    whole, _, part = f"{amount:{thousands}f}".partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def pounds(amount: Decimal) -> str:
    """Return pounds sterling to the last digit, with thousands separators: −£1,009.725."""
    return f"{MINUS if amount < 0 else ''}£{digits(amount.copy_abs(), ',')}"
