"""Which source is the sample: rows that nobody sold, shown while there are no others."""

from __future__ import annotations

from collections.abc import Iterable

# What its content's hash gives, as for every file. Each pass of --loop adds a number to it.
SAMPLE_SOURCE = "668498c27b738488"


def is_sample(source: str) -> bool:
    """Tell whether ``source`` is the sample, whatever the file is called."""
    return source.startswith(SAMPLE_SOURCE)


def only_sample(sources: Iterable[str]) -> bool:
    """Tell whether ``sources`` are the sample and nothing else."""
    found = [is_sample(source) for source in sources]
    return bool(found) and all(found)


def other_data(sources: Iterable[str]) -> bool:
    """Tell whether any of ``sources`` is not the sample."""
    return any(not is_sample(source) for source in sources)
