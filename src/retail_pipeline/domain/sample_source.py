"""Identifies the sample: made-up rows that are shown while there is no other data."""

from __future__ import annotations

from collections.abc import Iterable

# The hash of its content, as for every file. Each pass of --loop appends a number.
SAMPLE_SOURCE = "668498c27b738488"


def is_sample(source: str) -> bool:
    """Return whether ``source`` is the sample, whatever the name of its file."""
    return source.startswith(SAMPLE_SOURCE)


def only_sample(sources: Iterable[str]) -> bool:
    """Return whether ``sources`` are the sample and nothing else."""
    found = [is_sample(source) for source in sources]
    return bool(found) and all(found)


def other_data(sources: Iterable[str]) -> bool:
    """Return whether any of ``sources`` is not the sample."""
    return any(not is_sample(source) for source in sources)
