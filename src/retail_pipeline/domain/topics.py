"""The topics of the pipeline, by their kind of record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Topics:
    """The names of the three topics."""

    transactions: str
    dead_letters: str
    manifests: str
