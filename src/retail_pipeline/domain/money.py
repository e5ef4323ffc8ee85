"""Money: pounds sterling as Decimal, and millionths of a pound ("micros") as whole numbers.

A millionth is the finest amount that the contract allows, so sums of micros are exact.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

MINUS = "\N{MINUS SIGN}"
_MICROS_PER_POUND = 1_000_000


def to_micros(amount: Decimal) -> int | Decimal:
    """Return pounds as micros: an int, or a Decimal if finer; 0 for NaN and infinity."""
    if not amount.is_finite():
        return 0
    micros = amount * _MICROS_PER_POUND
    return int(micros) if micros == micros.to_integral_value() else micros


@lru_cache(maxsize=65_536)
def text_to_micros(text: str) -> int | Decimal:
    """Return the decimal text of an amount in pounds as micros; see :func:`to_micros`.

    Raises:
        decimal.InvalidOperation: the text is no number.
    """
    return to_micros(Decimal(text))


def from_micros(micros: int | Decimal) -> Decimal:
    """Return micros, also a numpy integer, as pounds; exact."""
    return (micros if isinstance(micros, Decimal) else Decimal(int(micros))).scaleb(-6)


def plain_text(amount: Decimal) -> str:
    """Return the decimal text of an amount without an exponent or trailing zeros: 15.3, -0.001."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_pence(pence: int) -> str:
    """Return an amount in pence as the text of pounds with two decimals: 2.95, -0.05."""
    sign = "-" if pence < 0 else ""
    return f"{sign}{abs(pence) // 100}.{abs(pence) % 100:02d}"


def format_digits(amount: Decimal, thousands: str = "") -> str:
    """Return an amount in pounds to its last digit, at least two decimals: 15.30, -0.001."""
    whole, _, part = f"{amount:{thousands}f}".partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def format_pounds(amount: Decimal) -> str:
    """Return an amount in pounds in full, with £ and thousands separators: −£1,009.725."""
    return f"{MINUS if amount < 0 else ''}£{format_digits(amount.copy_abs(), ',')}"
