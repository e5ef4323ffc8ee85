"""How long rows take from the file to the database."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor

# Of how many rows stored last the latency is taken.
LATENCY_ROWS = 500


def percentile(delays: Sequence[float], share: float) -> float | None:
    """Return the delay that ``share`` of the rows did not exceed: 0.5 is the median.

    Between two rows it is interpolated linearly, as numpy does it. None if there is no row.
    """
    if not delays:
        return None
    ordered = sorted(delays)
    place = share * (len(ordered) - 1)
    below = floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def percentiles(delays: Sequence[float]) -> tuple[float, float, float] | None:
    """Return the 50th, 95th and 99th percentile; None if there is no row."""
    found = [each for share in (0.5, 0.95, 0.99) if (each := percentile(delays, share)) is not None]
    return (found[0], found[1], found[2]) if found else None
